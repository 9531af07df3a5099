# SPDX-License-Identifier: Apache-2.0
"""What the daemon hands to its reporter, and what it says when the cluster does not listen."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.common.documents import Source
from netop.common.journal import Journal
from netop.crd_watcher.last_good import StateDirectory
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.reconciler import CrdWatcher
from netop.crd_watcher.report.rejection import Refusal
from netop.crd_watcher.report.reporter import Subject

from .objects import body
from .test_reconciler import CONFIG, DOWN, Node


class FakeReporter:
    """Keeps what it is handed; `untold` is its trouble."""

    def __init__(self) -> None:
        self.subjects: list[Subject | None] = []
        self.untold = ""
        self.crash: Exception | None = None

    def update(self, subject: Subject | None) -> None:
        self.subjects.append(subject)

    def trouble(self) -> str:
        if self.crash is not None:
            raise self.crash
        return self.untold

    def stop(self) -> None:
        pass


class ReportingNode(Node):
    def restart(self) -> None:
        super().restart()
        self.reporter = FakeReporter()
        self.watcher = CrdWatcher(
            self.config,
            self.sources,
            Publisher(self.store, StateDirectory(self.root / "state")),
            self.changes,
            Journal(self._tell),
            clock=lambda: self.now,
            reporter=self.reporter,
        )

    def subject(self) -> Subject:
        found = self.reporter.subjects[-1]
        assert found is not None
        return found


@pytest.fixture
def node(tmp_path: Path) -> ReportingNode:
    return ReportingNode(tmp_path)


def of_the_api(
    name: str, vrf: str = "red", seq: object = 10, generation: int = 1
) -> dict[str, object]:
    return body(name, vrf, seq, uid=f"uid-{name}", generation=generation)


def connect(node: ReportingNode, *bodies: dict[str, object]) -> None:
    node.kubeconfig.write_text("one")
    node.run()
    node.mirror.holds(*bodies)
    node.run(30)


def test_with_manifests_there_is_nobody_to_tell(node: ReportingNode) -> None:
    node.write("a.yaml", body("red"))
    node.run()
    assert node.reporter.subjects == [None]


def test_the_reporter_gets_what_was_published_and_what_it_was_made_of(node: ReportingNode) -> None:
    connect(
        node, of_the_api("red", generation=3), of_the_api("bad", seq=0, generation=2),
        of_the_api("late", generation=4), of_the_api("green", "green"),
    )  # fmt: skip
    subject = node.subject()
    assert subject.desired == node.desired()
    assert subject.kubeconfig[0] == node.kubeconfig
    assert (subject.name, subject.connected) == ("", True)
    assert {each.name: each.generation for each in subject.intent.resources}["red"] == 3
    refused = [(each.name, each.refusal, each.generation) for each in subject.intent.rejections]
    assert refused == [
        ("bad", Refusal.INVALID, 2),
        ("green", Refusal.UNKNOWN_VRF, 1),
        ("red", Refusal.SEQ_TAKEN, 3),
    ]
    assert node.desired().source is Source.KUBERNETES


def test_a_refusal_is_of_the_present_generation_also_where_the_one_before_goes_on(
    node: ReportingNode,
) -> None:
    connect(node, of_the_api("a"), of_the_api("b", seq=20))
    for generation in (2, 3):
        node.mirror.holds(of_the_api("a"), of_the_api("b", generation=generation))
        node.run(), node.run(30)
        found = node.subject().intent.rejections
        assert [(each.name, each.generation) for each in found] == [("b", generation)]
    assert node.vrfs() == {"red": ["a", "b"]}


def test_a_resource_that_was_written_anew_with_the_same_content_is_observed_again(
    node: ReportingNode,
) -> None:
    connect(node, of_the_api("red"))
    before = node.desired()
    node.mirror.holds(of_the_api("red", generation=3))
    node.run(30)
    assert node.desired() == before
    assert node.subject().intent.resources[0].generation == 3


def test_the_name_is_that_of_the_configuration(node: ReportingNode) -> None:
    node.configure(CONFIG.replace("debounce", "nodeName: n9, debounce"))
    connect(node, of_the_api("red"))
    assert node.subject().name == "n9"


def test_a_new_kubeconfig_is_another_one(node: ReportingNode) -> None:
    connect(node, of_the_api("red"))
    before = node.subject().kubeconfig
    node.kubeconfig.write_text("another")
    node.run()
    assert node.subject().kubeconfig != before
    node.kubeconfig.unlink()
    node.changes.touch()
    node.run(30)
    assert node.reporter.subjects[-1] is None


def test_a_lost_api_server_is_no_reason_to_try(node: ReportingNode) -> None:
    connect(node, of_the_api("red"))
    node.mirror.fails(DOWN)
    node.reporter.untold = "no answer"
    report = node.run()
    assert not node.subject().connected
    # One sentence is enough.
    assert "no watch of the API server" in report.status
    assert "does not learn" not in report.status


def test_a_refusal_is_told_once_and_stops_nothing(node: ReportingNode) -> None:
    connect(node, of_the_api("red"))
    node.sentences()
    node.reporter.untold = "https://api forbids it"
    report = node.run()
    told = "the cluster does not learn of this node: https://api forbids it"
    assert told in report.status
    assert node.sentences() == [told]
    node.mirror.holds(of_the_api("red"), of_the_api("blue", "blue"))
    report = node.run(30)
    assert node.vrfs() == {"blue": ["blue"], "red": ["red"]}
    assert told in report.status
    assert told not in node.sentences()
    node.reporter.untold = ""
    node.run()
    assert node.sentences() == ["the node's state in the cluster: is well again"]


def test_what_ends_the_reporter_ends_the_daemon(node: ReportingNode) -> None:
    connect(node, of_the_api("red"))
    node.reporter.crash = RuntimeError("bug")
    with pytest.raises(RuntimeError, match="bug"):
        node.run()


def test_the_settings_name_survives_in_the_last_good_set(node: ReportingNode) -> None:
    node.configure(CONFIG.replace("debounce", "nodeName: n9, debounce"))
    connect(node, of_the_api("red", generation=5))
    saved = StateDirectory(node.root / "state").load()
    assert saved is not None
    assert saved.settings.node_name == "n9"
    assert saved.resources[0].generation == 5
