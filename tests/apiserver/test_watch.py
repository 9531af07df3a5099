# SPDX-License-Identifier: Apache-2.0
"""Watches as a node sees them: changes, bookmarks, what is too old, a server that goes away."""

import threading
from collections.abc import Iterator

import pytest

from tests.apiserver.conftest import manifest
from tests.lab.apiserver import ApiError, ApiServer, Collection


def version_of(routes: Collection) -> str:
    return str(routes.listing()["metadata"]["resourceVersion"])


def test_tells_each_change_in_order(routes: Collection) -> None:
    since = version_of(routes)
    routes.create(manifest("red-a"))
    routes.patch("red-a", {"spec": {"seq": 11}})
    routes.delete("red-a")
    told = [(event["type"], event["object"]) for event in routes.watch(since, seconds=3)]
    changes = [(kind, body["spec"]["seq"]) for kind, body in told if kind != "BOOKMARK"]
    assert changes == [("ADDED", 10), ("MODIFIED", 11), ("DELETED", 11)]


def test_an_idle_watch_gets_a_bookmark(apiserver: ApiServer, routes: Collection) -> None:
    routes.create(manifest())
    since = version_of(routes)
    # Bookmarks tell of versions that other kinds have moved on to.
    later = threading.Timer(0.5, apiserver.advance)
    later.start()
    events = list(routes.watch(since, seconds=14))
    later.join()
    assert {event["type"] for event in events} == {"BOOKMARK"}
    mark = events[-1]["object"]["metadata"]["resourceVersion"]
    assert int(mark) > int(since)
    routes.create(manifest("after"))
    added = next(iter(routes.watch(mark, seconds=5)))
    assert added["object"]["metadata"]["name"] == "after"


def test_a_version_before_the_compaction_is_gone(apiserver: ApiServer, routes: Collection) -> None:
    since = version_of(routes)
    routes.create(manifest())
    apiserver.expire()
    (event,) = routes.watch(since, seconds=5)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert event["object"]["reason"] == "Expired"
    assert routes.names() == ["red"]


def test_a_list_in_pages_is_gone_too(apiserver: ApiServer, routes: Collection) -> None:
    for name in ("a", "b", "c"):
        routes.create(manifest(name))
    token = routes.listing(limit="1")["metadata"]["continue"]
    apiserver.expire()
    with pytest.raises(ApiError) as refusal:
        routes.listing(limit="1", **{"continue": token})
    assert (refusal.value.code, refusal.value.reason) == (410, "Expired")


def test_data_and_address_stay_over_a_restart(apiserver: ApiServer, routes: Collection) -> None:
    routes.create(manifest())
    apiserver.stop()
    with pytest.raises(ConnectionRefusedError):
        routes.names()
    apiserver.start()
    assert routes.names() == ["red"]


@pytest.fixture
def paused(apiserver: ApiServer) -> Iterator[None]:
    apiserver.pause()
    yield
    apiserver.resume()


@pytest.mark.usefixtures("paused")
def test_a_paused_server_takes_connections_and_is_silent(apiserver: ApiServer) -> None:
    with pytest.raises(TimeoutError):
        apiserver.client().request("GET", "/readyz", timeout=1)
