# SPDX-License-Identifier: Apache-2.0
"""The mirror and an API server with every bad habit: nothing lost, few requests, clear words."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from netop.common.backoff import Backoff
from netop.common.tally import FILE, Level, Tally, read_numbers
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.fault import Fault
from netop.crd_watcher.mirror import ClusterMirror
from netop.crd_watcher.watch_count import WatchCount

from .fake_api import KUBECONFIG, FakeApi, serving, wait_for
from .objects import body, item

SWIFT = Timing(connect=10, answer=10, watch=30, grace=10, stable=0.2, page=3)


class Watcher:
    """A mirror and what it told."""

    def __init__(self, kubeconfig: Path, timing: Timing) -> None:
        self.wakes = 0
        self.changes = Changes(wake=self._woken)
        self.kubeconfig = kubeconfig
        self.mirror = ClusterMirror(
            kubeconfig, self.changes, lambda: "12:00", timing, Backoff(first=0.02, longest=0.1)
        )

    def _woken(self) -> None:
        self.wakes += 1

    def close(self) -> None:
        self.mirror.stop()
        self.mirror._thread.join(5)
        assert not self.mirror._thread.is_alive(), "the thread ends when it is told to"

    def names(self) -> list[str] | None:
        snapshot = self.mirror.state().snapshot
        return None if snapshot is None else [each.name for each in snapshot.resources]

    def fault(self) -> Fault | None:
        trouble = self.mirror.state().trouble
        return trouble.fault if trouble else None

    def reason(self) -> str:
        trouble = self.mirror.state().trouble
        return trouble.reason if trouble else ""


@contextmanager
def watching(api: FakeApi, directory: Path, timing: Timing = SWIFT) -> Iterator[Watcher]:
    with serving(api, directory) as kubeconfig, closing(Watcher(kubeconfig, timing)) as watcher:
        yield watcher


def standing(api: FakeApi) -> Callable[[], bool]:
    return lambda: bool(api.sockets)


def test_one_list_in_pages_and_one_watch(tmp_path: Path) -> None:
    api = FakeApi()
    for number in range(8):
        api.put(body(f"red-{number}", seq=number + 1))
    with watching(api, tmp_path) as watcher:
        wait_for(lambda: watcher.names() == [f"red-{number}" for number in range(8)])
        wait_for(standing(api))
        assert watcher.changes.take() is not None
        api.put(body("blue", "blue"))
        wait_for(lambda: "blue" in (watcher.names() or []))
        assert watcher.changes.take() is not None
        api.remove("red-0")
        wait_for(lambda: "red-0" not in (watcher.names() or []))
        assert watcher.changes.take() is not None
        assert api.counts() == (3, 1)
        assert watcher.fault() is None


def test_a_change_that_changes_nothing_for_us_is_none(tmp_path: Path) -> None:
    api = FakeApi()
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        watcher.changes.take()
        api.put(body("red") | {"status": {"seen": True}})
        api.bookmark()
        api.put(body("end", "blue"))
        wait_for(lambda: watcher.names() == ["end", "red"])
        assert watcher.changes.take() is not None
        wakes = watcher.wakes
        api.put(body("red") | {"status": {"seen": False}})
        api.bookmark()
        api.lifetime = 0
        with api.changed:
            api.changed.notify_all()
        wait_for(lambda: api.counts()[1] > 1)
        assert watcher.changes.take() is None
        assert watcher.wakes == wakes


def test_a_watch_that_ends_in_its_time_goes_on_from_the_last_bookmark(tmp_path: Path) -> None:
    api = FakeApi(lifetime=0.3)
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        api.bookmark()
        api.compact()
        wait_for(lambda: api.counts()[1] >= 3)
        assert f"resourceVersion={api.version}" in api.requests[-1]
        assert api.counts()[0] == 1, "no list again"
        assert watcher.fault() is None


def test_a_version_that_is_too_old_leads_to_a_new_list(tmp_path: Path) -> None:
    api = FakeApi()
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        api.refuse = 503
        api.cut()
        wait_for(lambda: watcher.fault() is Fault.REFUSED)
        assert "answers 503" in watcher.reason()
        api.remove("red")
        api.put(body("blue", "blue"))
        api.compact()
        api.refuse = 0
        wait_for(lambda: watcher.names() == ["blue"])
        wait_for(lambda: watcher.fault() is None)
        assert api.counts()[0] == 2


def test_a_watch_from_the_servers_future_is_silent_and_leads_to_a_new_list(tmp_path: Path) -> None:
    api = FakeApi(lifetime=0.3)
    api.put(body("red"))
    with watching(api, tmp_path, replace(SWIFT, telling=0.7)) as watcher:
        wait_for(lambda: watcher.names() == ["red"])
        # As after a restore of etcd.
        with api.changed:
            api.version = 7
            api.log.clear()
        api.put(body("blue", "blue"))
        wait_for(lambda: watcher.names() == ["blue", "red"])
        assert watcher.fault() is None
        lists, watches = api.counts()
        assert lists >= 2
        assert watches >= 3, "one that is silent is no proof yet"


def test_a_watch_that_says_something_now_and_then_needs_no_new_list(tmp_path: Path) -> None:
    api = FakeApi(lifetime=1)
    with watching(api, tmp_path, replace(SWIFT, telling=0.8)) as watcher:
        wait_for(standing(api))
        while api.counts()[1] < 3:
            api.bookmark()
            time.sleep(0.05)
        assert api.counts()[0] == 1
        assert watcher.fault() is None


def test_a_cut_connection_loses_nothing_and_needs_no_new_list(tmp_path: Path) -> None:
    api = FakeApi()
    with watching(api, tmp_path) as watcher:
        for number in range(5):
            wait_for(standing(api))
            api.cut()
            api.put(body(f"red-{number}", seq=number + 1))
        wait_for(lambda: len(watcher.names() or []) == 5)
        assert api.counts()[0] == 1


def test_a_dead_connection_is_noticed_after_the_time_asked_for(tmp_path: Path) -> None:
    api = FakeApi()
    timing = Timing(answer=0.5, watch=1, grace=0.2, stable=0.2)
    with watching(api, tmp_path, timing) as watcher:
        wait_for(standing(api))
        api.deaf = True
        api.put(body("red"))
        wait_for(lambda: watcher.fault() is Fault.UNREACHABLE)
        assert "no answer in time" in watcher.reason()
        assert watcher.names() == []
        api.deaf = False
        wait_for(lambda: watcher.names() == ["red"])


def test_a_slow_server_is_waited_for_and_a_too_slow_one_is_told(tmp_path: Path) -> None:
    api = FakeApi(delay=0.2)
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(lambda: watcher.names() == ["red"])
    api = FakeApi(delay=0.7)
    with watching(api, tmp_path, Timing(answer=0.5, stable=0.2)) as watcher:
        wait_for(lambda: watcher.fault() is Fault.UNREACHABLE)
        api.delay = 0
        wait_for(lambda: watcher.names() == [])
        wait_for(lambda: watcher.fault() is None)


def test_a_server_that_is_not_there_is_asked_with_growing_pauses(tmp_path: Path) -> None:
    with serving(FakeApi(), tmp_path) as kubeconfig:
        pass
    with closing(Watcher(kubeconfig, SWIFT)) as watcher:
        wait_for(lambda: watcher.fault() is Fault.UNREACHABLE)
        assert "connection refused" in watcher.reason()
        assert watcher.mirror.state().snapshot is None


def test_lists_watches_and_failures_are_counted(tmp_path: Path) -> None:
    path = tmp_path / FILE
    count = WatchCount(Tally(path), lambda: 1e9)

    def known(name: str) -> dict[str, float]:
        return dict((read_numbers(path) or {}).get(name, {}))

    with serving(FakeApi(), tmp_path) as kubeconfig:
        mirror = ClusterMirror(
            kubeconfig, Changes(), lambda: "", SWIFT, Backoff(first=0.02, longest=0.1), count
        )
        wait_for(lambda: known("api_connected") == {"": 1})
        assert known("api_lists") == known("api_watches") == {"": 1}
        assert known("api_listed_at") == known("api_watched_at") == {"": 1e9}
        assert set(known("api_failures")) == set(Fault)
        assert set(known("api_failures").values()) == {0}
    # The server is gone now.
    wait_for(lambda: known("api_connected") == {"": 0})
    wait_for(lambda: known("api_failures")["unreachable"] >= 1)
    mirror.stop()
    assert known("api_connected") == {}, "nobody wants a watch"
    mirror._thread.join(5)
    assert known("api_connected") == {}


def test_what_an_earlier_life_was_connected_to_is_no_news(tmp_path: Path) -> None:
    tally = Tally(tmp_path / FILE)
    tally.set(Level.API_CONNECTED, 1)
    tally.set(Level.API_LISTED_AT, 1e9)
    tally.save()
    WatchCount(Tally(tmp_path / FILE), lambda: 2e9)
    assert read_numbers(tmp_path / FILE) == {"api_listed_at": {"": 1e9}}


def test_watches_that_end_at_once_are_no_reason_to_run_in_circles(tmp_path: Path) -> None:
    api = FakeApi(lifetime=0.001)
    with watching(api, tmp_path) as watcher:
        wait_for(lambda: api.counts()[1] >= 8)
        gaps = [after - before for before, after in zip(api.times[4:], api.times[5:], strict=False)]
        assert min(gaps) > 0.02
        assert watcher.names() == []


@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        (401, Fault.DENIED, "does not accept the credential in"),
        (403, Fault.DENIED, "needs list and watch on vrfrouteconfigurations.network.schiff"),
        (404, Fault.NO_CRD, "install its CustomResourceDefinition"),
        (500, Fault.REFUSED, "answers 500: because"),
        (429, Fault.REFUSED, "answers 429: because"),
        (302, Fault.REFUSED, "answers 302"),
    ],
)
def test_a_refusal_is_told_with_its_way_out(
    tmp_path: Path, status: int, fault: Fault, words: str
) -> None:
    api = FakeApi(refuse=status, message="because")
    with watching(api, tmp_path) as watcher:
        wait_for(lambda: watcher.fault() is fault)
        assert words in watcher.reason()
        trouble = watcher.mirror.state().trouble
        assert trouble is not None
        assert trouble.since == "12:00"
        api.refuse = 0
        wait_for(lambda: watcher.fault() is None)


def test_a_crd_that_goes_away_withdraws_nothing(tmp_path: Path) -> None:
    api = FakeApi()
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        api.remove("red")
        wait_for(lambda: watcher.names() == [])
        api.refuse = 404
        api.cut()
        wait_for(lambda: watcher.fault() is Fault.NO_CRD)
        assert watcher.names() is None, "an emptied mirror of a missing CRD says nothing"
        api.put(body("red"))
        api.refuse = 0
        wait_for(lambda: watcher.names() == ["red"])


def test_a_new_kubeconfig_is_taken_up_and_its_versions_are_new(tmp_path: Path) -> None:
    first, second = FakeApi(), FakeApi(version=7, token="other")
    first.put(body("red"))
    second.put(body("blue", "blue"))
    (tmp_path / "b").mkdir()
    with serving(second, tmp_path / "b") as other, watching(first, tmp_path) as watcher:
        wait_for(standing(first))
        watcher.kubeconfig.write_text(other.read_text())
        watcher.mirror.refresh()
        wait_for(lambda: watcher.names() == ["blue"])
        first.put(body("red-2"))
        first.put(body("red-3"))
        wait_for(lambda: not first.sockets)
        assert watcher.names() == ["blue"]
        assert watcher.fault() is None
        assert second.counts()[0] == 1


def test_a_renewed_token_is_taken_up_without_a_word(tmp_path: Path) -> None:
    api = FakeApi()
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        api.token = "renewed"
        api.cut()
        wait_for(lambda: watcher.fault() is Fault.DENIED)
        text = watcher.kubeconfig.read_text().replace("secret", "renewed")
        watcher.kubeconfig.write_text(text)
        wait_for(lambda: watcher.fault() is None)


def test_a_token_in_a_file_is_read_again_and_needs_no_new_list(tmp_path: Path) -> None:
    api = FakeApi(lifetime=0.3)
    with serving(api, tmp_path) as kubeconfig:
        token = tmp_path / "token"
        token.write_text("secret\n")
        server = kubeconfig.read_text().split('server: "')[1].split('"')[0]
        text = KUBECONFIG.format(server=server, token="")
        kubeconfig.write_text(text.replace('token: ""', f"tokenFile: {token}"))
        with closing(Watcher(kubeconfig, SWIFT)) as watcher:
            wait_for(standing(api))
            api.token = "renewed"
            token.write_text("renewed\n")
            before = api.counts()[1]
            wait_for(lambda: api.counts()[1] >= before + 3)
            assert watcher.fault() is None
            assert api.counts()[0] == 1


def test_a_plug_in_that_brings_the_token_is_asked_again_when_it_is_refused(
    tmp_path: Path,
) -> None:
    api = FakeApi()
    plug_in = tmp_path / "plug-in"
    plug_in.write_text(
        '#!/bin/sh\necho asked >> "$0.log"\n'
        """echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'\n"""
        """echo '"status": {"token": "'$(cat "$0.token")'"}}'\n"""
    )
    plug_in.chmod(0o755)
    (tmp_path / "plug-in.token").write_text("secret")
    with serving(api, tmp_path) as kubeconfig:
        user = (
            f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {plug_in}, "
            "interactiveMode: Never}"
        )
        kubeconfig.write_text(kubeconfig.read_text().replace('token: "secret"', user))
        with closing(Watcher(kubeconfig, SWIFT)) as watcher:
            wait_for(standing(api))
            api.token = "renewed"
            api.cut()
            wait_for(lambda: watcher.fault() is Fault.DENIED)
            (tmp_path / "plug-in.token").write_text("renewed")
            wait_for(lambda: watcher.fault() is None)
    assert len((tmp_path / "plug-in.log").read_text().splitlines()) >= 2


def test_an_object_that_an_older_schema_let_in_is_held_as_unreadable(tmp_path: Path) -> None:
    api = FakeApi()
    api.put(body("bad", seq="10"))
    api.put(body("good"))
    with watching(api, tmp_path) as watcher:
        wait_for(lambda: watcher.names() == ["good"])
        snapshot = watcher.mirror.state().snapshot
        assert snapshot is not None
        assert [str(each.problem) for each in snapshot.unreadable] == [
            "VRFRouteConfiguration bad: spec.seq: '10' is not a whole number; "
            "mend it: kubectl edit vrfrouteconfigurations bad"
        ]
        api.put(body("bad", seq=11))
        wait_for(lambda: watcher.names() == ["bad", "good"])


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"[]",
        b'{"type": "ADDED"}',
        b'{"type": "ADDED", "object": {"metadata": {}}}',
        b'{"type": "ERROR", "object": {"code": 500, "message": "storage is away"}}',
        b'{"type": "ERROR", "object": "?"}',
        b"\xff\xfe",
        pytest.param(b"[" * 100_000, id="nested"),
    ],
)
def test_rubbish_in_a_watch_costs_a_connection_and_nothing_else(
    tmp_path: Path, line: bytes
) -> None:
    api = FakeApi()
    api.put(body("red"))
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        api.send(line)
        wait_for(lambda: api.counts()[1] >= 2)
        api.put(body("blue", "blue"))
        wait_for(lambda: watcher.names() == ["blue", "red"])
        assert api.counts()[0] == 1


def test_a_hundred_changes_and_large_objects_all_arrive(tmp_path: Path) -> None:
    api = FakeApi()
    large = [item(f"10.{number // 250}.{number % 250}.0/24") for number in range(2000)]
    with watching(api, tmp_path) as watcher:
        wait_for(standing(api))
        for number in range(100):
            api.put(body(f"red-{number:03}", seq=number + 1))
        api.put(body("large", spec={"import": large}))
        wait_for(lambda: len(watcher.names() or []) == 101)
        snapshot = watcher.mirror.state().snapshot
        assert snapshot is not None
        assert [len(each.imports) for each in snapshot.resources if each.name == "large"] == [2000]


def test_a_thread_that_dies_takes_the_daemon_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    watcher = Watcher(tmp_path / "kubeconfig", SWIFT)
    wait_for(lambda: watcher.fault() is Fault.KUBECONFIG)
    monkeypatch.setattr(watcher.mirror, "_trouble_after", None)
    watcher.mirror.refresh()
    wait_for(lambda: watcher.mirror._crash is not None)
    with pytest.raises(TypeError):
        watcher.mirror.state()


def test_a_thread_that_hangs_is_told_and_so_is_that_it_goes_on(tmp_path: Path) -> None:
    """As where an exec plug-in never ends; here the kubeconfig is a pipe that nobody fills."""
    kubeconfig = tmp_path / "kubeconfig"
    os.mkfifo(kubeconfig)
    now, wakes = [0.0], list[float]()
    changes = Changes(wake=lambda: wakes.append(now[0]))
    mirror = ClusterMirror(
        kubeconfig, changes, lambda: f"{now[0]:g} s", SWIFT, Backoff(0.02, 0.1),
        clock=lambda: now[0],
    )  # fmt: skip

    def reason() -> str:
        trouble = mirror.state().trouble
        return trouble.reason if trouble else ""

    now[0] = 60
    assert mirror.state().trouble is None, "it may take its time"
    now[0] = 1000
    trouble = mirror.state().trouble
    assert trouble is not None
    assert (trouble.fault, trouble.since) == (Fault.KUBECONFIG, "0 s")
    assert f"an exec plug-in in {kubeconfig} may hang" in reason()
    assert "systemctl restart netop-crd-watcher" in reason()
    with kubeconfig.open("w") as pipe:
        kubeconfig.unlink()
        pipe.write("[")
    wait_for(lambda: "may hang" not in reason())
    wait_for(lambda: bool(wakes))
    mirror.stop()
    mirror._thread.join(5)
    assert not mirror._thread.is_alive()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("[", "is no usable kubeconfig: it is not YAML at line 2"),
        ("", "is no usable kubeconfig: is missing"),
        ("a: 1", "current-context: is missing"),
        ("{current-context: x, contexts: 3}", "contexts: what stands there is not a list"),
        ("{current-context: x, contexts: [{name: y}]}", "contexts[0].context"),
        ("{current-context: x, clusters: [{name: c, cluster: {}}]}", "server: is missing"),
        ("{current-context: x}", "Expected object with name x in"),
        (
            KUBECONFIG.format(server="https://127.0.0.1:1", token="t").replace(
                'token: "t"', "client-certificate-data: eA==, client-key-data: eA=="
            ),
            "is not PEM, or they do not belong together",
        ),
        (
            KUBECONFIG.format(server="https://127.0.0.1:1", token="t").replace(
                'token: "t"', "client-certificate-data: '###', client-key-data: eA=="
            ),
            "is not PEM, or they do not belong together",
        ),
        (
            KUBECONFIG.format(server="https://127.0.0.1:1", token="t").replace(
                'token: "t"', "client-certificate: missing.pem, client-key: key.pem"
            ),
            "users[0].user.client-certificate names a file that cannot be read: No such file",
        ),
    ],
)
def test_rubbish_in_the_kubeconfig_is_told(tmp_path: Path, text: str | None, words: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    if text is not None:
        kubeconfig.write_text(text)
    with closing(Watcher(kubeconfig, SWIFT)) as watcher:
        wait_for(lambda: watcher.fault() is not None)
        assert watcher.fault() is Fault.KUBECONFIG
        assert words in watcher.reason()
        assert str(kubeconfig) in watcher.reason()
