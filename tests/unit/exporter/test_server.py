# SPDX-License-Identifier: Apache-2.0
"""Scrapes over HTTP, on sockets that somebody else has made."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import make_wsgi_app
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from netop.exporter.catalogue import ALL
from netop.exporter.collector import registry_of
from netop.exporter.server import Activity, Server, application, serve
from tests.unit.exporter.documents import filled, look


@contextmanager
def listening() -> Iterator[socket.socket]:
    """What systemd hands over; its own copy stays open when the service ends."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    store = filled(tmp_path)
    app = application(make_wsgi_app(registry_of(lambda: look(store))))
    with listening() as held, Server(held.dup(), app, Activity()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield held.getsockname()[1]
        server.shutdown()
        thread.join()


def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    connection.close()
    return answer.status, answer.headers["Content-Type"], text


def test_a_scrape_gets_every_metric_in_either_format(port: int) -> None:
    status, kind, text = get(port, "/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    wanted = {metric.name.removesuffix("_total") for metric in ALL}
    assert {family.name for family in parse_text(text)} == wanted
    status, kind, text = get(port, "/metrics", Accept="application/openmetrics-text")
    assert kind.startswith("application/openmetrics-text")
    families = open_metrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    assert {family.name for family in families} == wanted


def test_one_metric_can_be_asked_for_alone(port: int) -> None:
    _, _, text = get(port, "/metrics?name[]=netop_build_info")
    assert [family.name for family in parse_text(text)] == ["netop_build_info"]


def test_a_person_finds_the_way_and_a_scanner_finds_nothing(port: int) -> None:
    assert 'href="metrics"' in get(port, "/")[2]
    assert get(port, "/etc/passwd")[0] == 404


def test_one_who_says_nothing_holds_up_nobody(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert get(port, "/metrics")[0] == 200


def test_it_ends_when_nobody_asks_and_the_next_life_answers_who_came_meanwhile(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path)
    app = application(make_wsgi_app(registry_of(lambda: look(store))))
    answers: list[tuple[int, str, str]] = []
    with listening() as held:

        def live() -> None:
            activity = Activity()
            serve([Server(held.dup(), app, activity)], activity, idle_longest=0.05)

        live()
        # Nobody serves now: the request waits in the socket.
        asking = threading.Thread(
            target=lambda: answers.append(get(held.getsockname()[1], "/metrics"))
        )
        asking.start()
        while asking.is_alive():
            live()
    assert [status for status, _, _ in answers] == [200]


def test_it_takes_a_socket_in_the_file_system_too(tmp_path: Path) -> None:
    store = filled(tmp_path / "run")
    app = application(make_wsgi_app(registry_of(lambda: look(store))))
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(tmp_path / "socket"))
        held.listen()
        with Server(held.dup(), app, Activity()) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(30)
                client.connect(str(tmp_path / "socket"))
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.makefile("rb").readline() == b"HTTP/1.0 200 OK\r\n"
            thread.join()


def test_idle_is_counted_from_the_last_request() -> None:
    now = [10.0]
    activity = Activity(lambda: now[0])
    now[0] = 15.0
    assert activity.idle() == 5.0
    activity.note()
    assert activity.idle() == 0.0


def test_too_many_at_a_time_are_turned_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netop.exporter.server.CLIENTS_MOST", 0)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        get(port, "/metrics")
    monkeypatch.undo()
    assert get(port, "/metrics")[0] == 200


def test_a_client_that_goes_away_is_no_news_and_a_fault_of_ours_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with listening() as held, Server(held.dup(), lambda _, __: [], Activity()) as server:
        for error in (TimeoutError(), BrokenPipeError(), ValueError("of ours")):
            try:
                raise error
            except (OSError, ValueError):
                server.handle_error(None, ("127.0.0.1", 1))
    told = capsys.readouterr().err
    assert "of ours" in told
    assert told.count("Traceback") == 1
