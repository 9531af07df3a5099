# SPDX-License-Identifier: Apache-2.0
"""The requests that a change costs, against a server of HTTP: no more than need be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.connection import Connection
from netop.crd_watcher.fault import ClusterError, Fault
from netop.crd_watcher.kubeconfig import load_access
from netop.crd_watcher.report.node_object import NodeObject
from netop.crd_watcher.report.rejection import Refusal, Rejection
from netop.crd_watcher.report.writer import Draft, Writer

from .fake_cluster import FakeCluster, serving
from .node import rejection, state, well


class Node:
    """One node's writer, with a clock that goes on by an hour a write."""

    def __init__(self, kubeconfig: Path, name: str = "n1") -> None:
        self.name = name
        self.now = datetime(2024, 1, 31, tzinfo=UTC)
        self.connection = Connection(load_access(kubeconfig), 10)
        self.restart()

    def restart(self) -> None:
        self.writer = Writer(lambda: self.now)

    def write(self, *rejections: Rejection) -> None:
        self.now += timedelta(hours=1)
        node = NodeObject(self.connection, self.name, Timing(answer=60))
        draft = Draft(state(well(), *rejections), rejections)
        self.writer.write(draft, node)
        assert not self.writer.differs(draft)

    def differs(self, *rejections: Rejection) -> bool:
        return self.writer.differs(Draft(state(well(), *rejections), rejections))


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def node(cluster: FakeCluster, tmp_path: Path) -> Iterator[Node]:
    with serving(cluster, tmp_path) as kubeconfig:
        running = Node(kubeconfig)
        yield running
        running.connection.close()


def test_the_first_write_makes_the_object_and_each_further_one_is_one_request(
    cluster: FakeCluster, node: Node
) -> None:
    node.write()
    assert cluster.asked() == ["GET n1", "POST states", "PATCH n1/status"]
    assert cluster.ready() == "True"
    assert cluster.status()["conditions"][0]["observedGeneration"] == 1
    node.write()
    assert cluster.asked() == []
    node.write(rejection())
    assert cluster.asked() == ["POST events", "PATCH n1/status"]
    node.write()
    assert cluster.asked() == ["PATCH n1/status"]


def test_a_restart_that_changes_nothing_writes_nothing(cluster: FakeCluster, node: Node) -> None:
    node.write(rejection())
    before = cluster.status()
    cluster.asked()
    node.restart()
    assert node.differs(rejection())
    node.write(rejection())
    assert cluster.asked() == ["GET n1"]
    assert cluster.status() == before


def test_times_survive_a_restart(cluster: FakeCluster, node: Node) -> None:
    node.write()
    node.restart()
    node.write(rejection())
    times = {each["type"]: each["lastTransitionTime"] for each in cluster.status()["conditions"]}
    assert times["LinksReady"] == "2024-01-31T01:00:00Z"
    assert times["Ready"] == "2024-01-31T02:00:00Z"


def test_an_event_is_asked_for_once(cluster: FakeCluster, node: Node) -> None:
    first, again = rejection("bad"), rejection("worse", Refusal.SEQ_TAKEN)
    node.write(first)
    node.write(first, again)
    node.restart()
    node.write(first, again)
    assert cluster.asked().count("POST events") == 2
    assert len(cluster.events) == 2


def test_what_was_mended_and_is_wrong_again_is_told_again(cluster: FakeCluster, node: Node) -> None:
    node.write(rejection())
    node.write()
    cluster.events.clear()
    node.write(rejection())
    assert len(cluster.events) == 1


def test_ten_nodes_make_one_event_and_ten_objects(cluster: FakeCluster, tmp_path: Path) -> None:
    with serving(cluster, tmp_path) as kubeconfig:
        for number in range(10):
            other = Node(kubeconfig, f"n{number}")
            other.write(rejection())
            other.connection.close()
    assert len(cluster.events) == 1
    assert len(cluster.states) == 10
    (event,) = cluster.events.values()
    assert event["reportingInstance"] == "n0"


def test_a_resource_of_a_file_makes_no_event(cluster: FakeCluster, node: Node) -> None:
    node.write(Rejection("bad", "", 0, Refusal.INVALID, rejection().problem))
    assert "POST events" not in cluster.asked()
    assert cluster.status()["summary"]["rejected"] == 1


def test_an_object_that_somebody_deleted_is_made_again(cluster: FakeCluster, node: Node) -> None:
    node.write()
    cluster.states.clear()
    cluster.asked()
    node.write(rejection())
    assert cluster.asked() == [
        "POST events", "PATCH n1/status", "POST states", "PATCH n1/status",
    ]  # fmt: skip
    assert cluster.ready() == "False"


def test_an_object_that_was_made_beforehand_is_taken(cluster: FakeCluster, node: Node) -> None:
    cluster.states["n1"] = {"metadata": {"name": "n1", "generation": 4}}
    cluster.refuse["POST states"] = 403
    node.write()
    assert cluster.ready() == "True"
    assert cluster.status()["conditions"][0]["observedGeneration"] == 4


def test_events_that_are_refused_do_not_keep_the_status_back(
    cluster: FakeCluster, node: Node
) -> None:
    cluster.refuse["POST events"] = 403
    with pytest.raises(ClusterError, match="needs create, in the namespace default, on events"):
        node.write(rejection())
    assert cluster.ready() == "False"
    assert node.differs(rejection())
    cluster.refuse.clear()
    cluster.asked()
    node.write(rejection())
    assert cluster.asked() == ["POST events"]


@pytest.mark.parametrize(
    ("request_", "right"),
    [
        ("GET n1", "get on vrfnodestates"),
        ("POST states", "create on vrfnodestates"),
        ("PATCH n1/status", "patch on the status of vrfnodestates"),
    ],
)
def test_a_refusal_names_the_right_that_is_missing(
    cluster: FakeCluster, node: Node, request_: str, right: str
) -> None:
    cluster.refuse[request_] = 403
    with pytest.raises(ClusterError, match=right) as refusal:
        node.write()
    assert refusal.value.fault is Fault.DENIED
    cluster.refuse.clear()
    node.write()
    assert cluster.ready() == "True"


def test_a_cluster_without_the_kind_is_told_so(cluster: FakeCluster, node: Node) -> None:
    cluster.served = False
    with pytest.raises(ClusterError, match="does not know vrfnodestates") as refusal:
        node.write()
    assert refusal.value.fault is Fault.NO_CRD


def test_what_somebody_else_wrote_into_it_is_replaced(cluster: FakeCluster, node: Node) -> None:
    spoiled = {"conditions": "none", "resources": [{"name": []}, 7], "vrfs": None}
    cluster.states["n1"] = {"metadata": {"name": "n1", "generation": 1}, "status": spoiled}
    node.write(rejection())
    assert cluster.ready() == "False"
    assert cluster.status()["summary"]["rejected"] == 1
