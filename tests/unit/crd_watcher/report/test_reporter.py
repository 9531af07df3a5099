# SPDX-License-Identifier: Apache-2.0
"""The thread: it follows the documents, keeps nobody waiting, and sleeps otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes.config import kube_config

from netop.common.backoff import Backoff
from netop.common.documents import VrfState
from netop.common.store import Store
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.kubeconfig import load_access
from netop.crd_watcher.report.assess import Intent
from netop.crd_watcher.report.pace import Pace
from netop.crd_watcher.report.rejection import Rejection
from netop.crd_watcher.report.reporter import ClusterReporter, Subject
from netop.crd_watcher.report.verdict import Documents
from tests.unit.crd_watcher.fake_api import wait_for

from .fake_cluster import FakeCluster, serving
from .node import desired, linked, links, rejection, resources, served, well

QUICK = Pace(spread=0, gap=0, patience=0)


class Node:
    """A node's documents and its reporter; `wakes` counts how often the loop was woken."""

    def __init__(self, root: Path, kubeconfig: Path, pace: Pace = QUICK) -> None:
        self.store = Store(root / "run")
        for name in ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian"):
            (root / "run" / name).mkdir(parents=True)
        self.kubeconfig = kubeconfig
        self.documents = well()
        self.wakes = 0
        self.reporter = ClusterReporter(
            self.store, self._woken, lambda: datetime.now(UTC), "host", pace,
            Timing(connect=10, answer=60), Backoff(0.02, 0.1),
        )  # fmt: skip

    def _woken(self) -> None:
        self.wakes += 1

    def publish(self, documents: Documents) -> None:
        self.documents = documents
        for each in (documents.links, documents.served, documents.attached):
            if each is not None:
                self.store.publish(each)

    def subject(self, *rejections: Rejection, stamp: object = 1) -> Subject:
        intent = Intent(resources(), rejections)
        return Subject((self.kubeconfig, stamp), "", True, self.documents.desired, intent)

    def update(self, *rejections: Rejection, stamp: object = 1) -> None:
        self.reporter.update(self.subject(*rejections, stamp=stamp))


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def node(cluster: FakeCluster, tmp_path: Path) -> Iterator[Node]:
    with serving(cluster, tmp_path) as kubeconfig:
        running = Node(tmp_path, kubeconfig)
        yield running
        running.reporter.stop()


def test_follows_the_documents_of_the_other_daemons(cluster: FakeCluster, node: Node) -> None:
    node.publish(well())
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    assert cluster.asked() == ["GET n1", "POST states", "PATCH n1/status"]
    red = next(each for each in desired().vrfs if each.name == "red")
    failed = links(desired(), linked(red, VrfState.FAILED, "no underlay"))
    node.publish(replace(well(), links=failed))
    wait_for(lambda: cluster.ready() == "False")
    assert cluster.status()["summary"]["trouble"] == "VRF red: no underlay"
    node.publish(well())
    wait_for(lambda: cluster.ready() == "True")
    assert cluster.asked() == ["PATCH n1/status"] * 2
    assert node.reporter.trouble() == ""


def test_with_no_kubeconfig_there_is_no_thread(node: Node) -> None:
    node.reporter.update(None)
    assert node.reporter._thread is None
    assert node.reporter.trouble() == ""


def test_what_says_the_same_is_not_written_again(cluster: FakeCluster, node: Node) -> None:
    node.publish(well())
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    cluster.asked()
    # The same to the cluster: another router id, and another stamp of the same kubeconfig.
    assert node.documents.attached is not None
    node.publish(replace(well(), attached=replace(node.documents.attached, program=6)))
    node.update(stamp=2)
    wait_for(lambda: cluster.requests == ["GET n1"])
    node.update(rejection(), stamp=2)
    wait_for(lambda: cluster.ready() == "False")
    assert cluster.asked() == ["GET n1", "POST events", "PATCH n1/status"]


def test_a_change_in_many_steps_is_one_write(cluster: FakeCluster, tmp_path: Path) -> None:
    with serving(cluster, tmp_path) as kubeconfig:
        node = Node(tmp_path, kubeconfig, Pace(spread=0, gap=0, patience=60))
        wanted = desired()
        prepared = [linked(each, VrfState.PREPARED) for each in wanted.vrfs if each.vni]
        node.update()
        node.publish(Documents(wanted, links(wanted, *prepared)))
        node.publish(replace(well(), links=links(wanted, *prepared), served=served(wanted)))
        assert cluster.asked() == []
        node.publish(well())
        wait_for(lambda: cluster.ready() == "True")
        assert cluster.asked() == ["GET n1", "POST states", "PATCH n1/status"]
        node.reporter.stop()


def test_a_refusal_is_told_retried_and_over_when_it_is_over(
    cluster: FakeCluster, node: Node
) -> None:
    cluster.refuse["*"] = 403
    node.publish(well())
    node.update()
    wait_for(lambda: "needs get on vrfnodestates" in node.reporter.trouble())
    wait_for(lambda: len(cluster.requests) > 3)
    # The loop is woken for news, not for each attempt.
    assert node.wakes == 1
    cluster.refuse.clear()
    wait_for(lambda: cluster.ready() == "True")
    wait_for(lambda: node.reporter.trouble() == "")
    wait_for(lambda: node.wakes == 2)


def test_a_server_that_hangs_keeps_nobody_waiting(cluster: FakeCluster, node: Node) -> None:
    cluster.go.clear()
    node.publish(well())
    node.update()
    for number in range(100):
        node.update(stamp=number)
        assert node.reporter.trouble() == ""
    cluster.go.set()
    wait_for(lambda: cluster.ready() == "True")


def test_without_the_api_server_nothing_is_tried(cluster: FakeCluster, node: Node) -> None:
    node.publish(well())
    node.reporter.update(replace(node.subject(), connected=False))
    node.reporter.update(replace(node.subject(rejection()), connected=False))
    assert cluster.asked() == []
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    assert cluster.asked() == ["GET n1", "POST states", "PATCH n1/status"]


def test_an_api_server_that_is_back_hears_only_news(cluster: FakeCluster, node: Node) -> None:
    node.publish(well())
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    cluster.asked()
    node.reporter.update(replace(node.subject(), connected=False))
    node.update()
    node.reporter.update(replace(node.subject(), connected=False))
    node.update(rejection())
    wait_for(lambda: cluster.ready() == "False")
    assert cluster.asked() == ["POST events", "PATCH n1/status"]


def test_a_new_kubeconfig_while_the_server_was_gone_leads_to_a_new_look(
    cluster: FakeCluster, node: Node
) -> None:
    node.publish(well())
    node.reporter.update(replace(node.subject(), connected=False))
    node.update(stamp=2)
    wait_for(lambda: cluster.ready() == "True")
    cluster.asked()
    node.reporter.update(replace(node.subject(stamp=2), connected=False))
    node.update(stamp=3)
    wait_for(lambda: cluster.asked() == ["GET n1"])


def test_a_new_kubeconfig_is_tried_at_once_and_may_lead_to_another_cluster(
    cluster: FakeCluster, node: Node, tmp_path: Path
) -> None:
    node.publish(well())
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    (tmp_path / "other").mkdir()
    other = FakeCluster()
    with serving(other, tmp_path / "other", "netop:node:n2") as kubeconfig:
        node.kubeconfig = kubeconfig
        node.update(stamp=2)
        wait_for(lambda: other.ready("n2") == "True")


def test_an_unusable_kubeconfig_is_told(node: Node) -> None:
    node.kubeconfig.write_text("nonsense")
    node.publish(well())
    node.update()
    wait_for(lambda: "is no usable kubeconfig" in node.reporter.trouble())


def test_a_damaged_document_counts_as_none(cluster: FakeCluster, node: Node) -> None:
    node.publish(well())
    node.update()
    wait_for(lambda: cluster.ready() == "True")
    (node.store.root / "frr-templater/served.json").write_text("{")
    wait_for(lambda: cluster.ready() == "Unknown")
    assert node.reporter.trouble() == ""


def test_two_threads_do_not_meet_in_the_library(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = kube_config.load_kube_config
    inside: list[int] = []
    most: list[int] = []

    def slow(*arguments: object, **keywords: object) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        load(*arguments, **keywords)
        inside.pop()

    monkeypatch.setattr(kube_config, "load_kube_config", slow)
    with serving(cluster, tmp_path) as kubeconfig, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: load_access(kubeconfig).user, range(8)))
    assert found == ["netop:node:n1"] * 8
    assert most == [1] * 8
