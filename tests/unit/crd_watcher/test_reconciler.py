# SPDX-License-Identifier: Apache-2.0
"""The daemon's own part, with a clock of its own: when it runs, what it keeps, what it says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.daemon import Report, status_of
from netop.common.documents import Desired, Source
from netop.common.edge import Field
from netop.common.journal import Journal, Priority
from netop.common.store import Store
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.fault import Fault
from netop.crd_watcher.last_good import StateDirectory
from netop.crd_watcher.mirror import Mirror, MirrorState, Trouble
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.reconciler import CrdWatcher
from netop.crd_watcher.resource import Resource
from netop.crd_watcher.snapshot import Snapshot, Unreadable, read_object
from netop.crd_watcher.sources import Sources

from .objects import body, text

CONFIG = "{vnimap: {red: 100, blue: 200}, skipVRFConfig: [mgmt], debounce: 30}"
DOWN = Trouble(Fault.UNREACHABLE, "https://api: connection refused", "12:00")


class FakeMirror:
    """What the thread would know, set by hand."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._state = MirrorState(None, None)
        self.refreshed = 0
        self.stops = 0

    def state(self) -> MirrorState:
        return self._state

    def refresh(self) -> None:
        self.refreshed += 1

    def stop(self) -> None:
        self.stops += 1

    def holds(self, *bodies: dict[str, Any], trouble: Trouble | None = None) -> None:
        found = [read_object(Field(each), "") for each in bodies]
        snapshot = Snapshot(
            Source.KUBERNETES,
            tuple(each for each in found if isinstance(each, Resource)),
            tuple(each for each in found if isinstance(each, Unreadable)),
        )
        self._state = MirrorState(snapshot, trouble)
        self._changes.touch()

    def fails(self, trouble: Trouble, *, keeps: bool = True) -> None:
        self._state = MirrorState(self._state.snapshot if keeps else None, trouble)


class Node:
    """One node's files, clock and daemon; `restart` is a new process, `boot` empties /run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("manifests", "run/crd-watcher", "state"):
            (root / name).mkdir(parents=True)
        self.config = root / "config.yaml"
        self.config.write_text(CONFIG)
        self.kubeconfig = root / "kubeconfig"
        self.store = Store(root / "run")
        self.now = 1000.0
        self.told: list[tuple[Priority, str, dict[str, str]]] = []
        self.restart()

    def restart(self) -> None:
        self.mirrors: list[FakeMirror] = []
        self.changes = Changes(lambda: self.now)
        self.sources = Sources(
            (self.kubeconfig,), self.root / "manifests", lambda _: self._mirror()
        )
        self.watcher = CrdWatcher(
            self.config,
            self.sources,
            Publisher(self.store, StateDirectory(self.root / "state")),
            self.changes,
            Journal(self._tell),
            clock=lambda: self.now,
            wall=lambda: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now),
        )

    def boot(self) -> None:
        self.store.path(Desired).unlink(missing_ok=True)
        self.restart()

    def _mirror(self) -> Mirror:
        self.mirrors.append(FakeMirror(self.changes))
        return self.mirrors[-1]

    @property
    def mirror(self) -> FakeMirror:
        return self.mirrors[-1]

    def _tell(self, priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
        self.told.append((priority, sentence, dict(fields)))

    def write(self, name: str, *bodies: dict[str, Any]) -> None:
        (self.root / "manifests" / name).write_text(text(*bodies))
        self.changes.touch()

    def configure(self, config: str) -> None:
        self.config.write_text(config)
        self.changes.touch()

    def run(self, after: float = 0) -> Report:
        self.now += after
        return asyncio.run(self.watcher.reconcile())

    def desired(self) -> Desired:
        document = self.store.read(Desired)
        assert document is not None
        return document

    def vrfs(self) -> dict[str, list[str]]:
        return {
            vrf.name: [policy.resource for policy in vrf.policies] for vrf in self.desired().vrfs
        }

    def sentences(self) -> list[str]:
        told, self.told = [sentence for _, sentence, _ in self.told], []
        return told


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_the_first_run_is_at_once_and_the_next_a_gap_after_the_first_change(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    report = node.run()
    assert report.status == "1 VRF from 1 resource, generation 1"
    assert node.vrfs() == {"red": ["red-a"]}

    node.write("b.yaml", body("red-b", seq=11))
    report = node.run(after=1)
    assert report.retry == 29
    assert node.desired().generation == 1
    assert report.status.endswith("; changes have arrived and are taken up at 00:17:10 UTC")

    node.write("c.yaml", body("blue", "blue"))
    report = node.run(after=20)
    assert report.retry == 9, "a later change postpones nothing"
    assert node.run(after=9).status == "2 VRFs from 3 resources, generation 2"
    assert node.vrfs() == {"blue": ["blue"], "red": ["red-a", "red-b"]}
    assert node.sentences() == [
        "generation 1 from manifests: added red (+red-a)",
        "generation 2 from manifests: added blue (+blue); changed red (+red-b)",
    ]


def test_a_change_during_a_run_is_taken_up_by_the_next(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    node.write("b.yaml", body("red-b", seq=11))
    read = node.sources.observe

    def observe(before: Source | None) -> Any:
        found = read(before)
        node.write("b.yaml", body("red-b", seq=12))
        return found

    node.sources.observe = observe  # type: ignore[method-assign]
    node.run(after=30)
    node.sources.observe = read  # type: ignore[method-assign]
    assert [policy.seq for policy in node.desired().vrfs[0].policies] == [10, 11]
    assert node.run().retry == 30
    node.run(after=30)
    assert [policy.seq for policy in node.desired().vrfs[0].policies] == [10, 12]


def test_a_change_that_changes_nothing_is_no_new_generation(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    node.sentences()
    node.write("a.yaml", body("red-a"))
    node.configure("# a comment\n" + CONFIG)
    assert node.run().retry == 30
    assert node.run(after=30).status == "1 VRF from 1 resource, generation 1"
    assert node.sentences() == []


def test_what_nobody_told_of_is_found_by_the_slow_resync(node: Node) -> None:
    assert node.run().retry == 900
    (node.root / "manifests/a.yaml").write_text(text(body("red-a")))
    node.run(after=899)
    assert node.vrfs() == {}
    node.run(after=1)
    assert node.vrfs() == {"red": ["red-a"]}


def test_a_rejected_resource_is_named_in_status_document_and_journal(node: Node) -> None:
    node.write("a.yaml", body("red-a"), body("green", "green"), body("bad", seq=0))
    report = node.run()
    assert report.status.startswith(
        "1 VRF from 2 resources, generation 1; rejected 2: VRFRouteConfiguration bad ("
    )
    assert [problem.field for problem in node.desired().rejected] == ["spec.seq", "spec.vrf"]
    warnings = [each for each in node.told if each[0] is Priority.WARNING]
    assert [fields["NETOP_RESOURCE"] for _, _, fields in warnings] == ["bad", "green"]
    assert {fields["NETOP_GENERATION"] for _, _, fields in warnings} == {"1"}
    node.sentences()
    node.run(after=1)
    assert node.sentences() == [], "a lasting condition is told once"
    node.write("a.yaml", body("red-a"))
    node.run(), node.run(after=30)
    assert sum("is well again" in sentence for sentence in node.sentences()) == 2


def test_a_file_whose_name_is_not_utf_8_is_told_as_any_other(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    (node.root / "manifests" / os.fsdecode(b"r\xe9seau.yaml")).write_text("spec: [")
    told = status_of(node.run())
    assert "r\\udce9seau.yaml" in told
    assert node.vrfs() == {"red": ["red-a"]}
    assert any("r\\udce9seau.yaml" in sentence for sentence in node.sentences())
    assert "r\\udce9seau.yaml" in str(node.desired().rejected[0])


def test_without_config_yaml_nothing_is_published_until_it_comes(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.config.unlink()
    assert node.run().status == f"waiting for {node.config}"
    assert node.store.read(Desired) is None
    node.configure("vnimap: [")
    assert node.run(after=1).status.startswith(f"{node.config}: is not YAML: line 2")
    assert node.store.read(Desired) is None
    node.configure("")
    assert node.run(after=1).status == f"{node.config}: is empty; write {{}} to mean the defaults"
    assert node.store.read(Desired) is None
    node.configure(CONFIG)
    node.run(after=1)
    assert node.vrfs() == {"red": ["red-a"]}


@pytest.mark.parametrize(
    "rubbish",
    [
        *(None, "[", "- a", "vnimap: {a: 1, a: 2}", "\x00", "", "# nothing yet\n"),
        *("vnimap: [red]", "{vnimap: {blue: 200}, skipVRFConfig: mgmt}"),
    ],
)
def test_config_yaml_gone_or_unusable_leaves_the_settings_of_before(
    node: Node, rubbish: str | None
) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    if rubbish is None:
        node.config.unlink()
        node.changes.touch()
    else:
        node.configure(rubbish)
    node.write("b.yaml", body("blue", "blue"))
    node.run()
    report = node.run(after=30)
    assert "the settings of before stay in force" in report.status
    assert node.vrfs() == {"blue": ["blue"], "red": ["red-a"]}
    (told,) = node.desired().rejected
    assert str(told) in report.status.replace(f"{node.config} is gone", f"{node.config}: is gone")
    node.configure("vnimap: {blue: 200}")
    node.run()
    report = node.run(after=30)
    assert "rejected 1: VRFRouteConfiguration red-a" in report.status
    assert node.vrfs() == {"blue": ["blue"]}
    assert [problem.resource for problem in node.desired().rejected] == ["red-a"]


def test_a_boot_with_an_unusable_config_yaml_goes_on_with_the_settings_of_before(
    node: Node,
) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    node.config.write_text("vnimap: [")
    node.boot()
    report = node.run()
    assert "the settings of before stay in force" in report.status
    assert node.vrfs() == {"red": ["red-a"]}
    assert [problem.subject for problem in node.desired().rejected] == [str(node.config)]
    node.config.unlink()
    node.boot()
    assert node.run().status == f"waiting for {node.config}"
    assert node.store.read(Desired) is None, "a node without it is not provisioned"


def test_a_wrong_entry_of_config_yaml_is_told_in_the_document_and_the_journal(node: Node) -> None:
    node.configure("vnimap: {red: 0, blue: 200}")
    node.write("a.yaml", body("red-a"), body("blue", "blue"))
    node.run()
    assert node.vrfs() == {"blue": ["blue"]}
    assert [problem.field for problem in node.desired().rejected] == ["spec.vrf", "vnimap.red"]
    assert any("vnimap.red: 0 is not between" in sentence for sentence in node.sentences())


def test_a_slip_in_config_yaml_leaves_what_was_in_force_also_over_a_boot(node: Node) -> None:
    node.configure("{vnimap: {red: 100, blue: 200}, tableRange: 100-120}")
    node.write("a.yaml", body("red-a"), body("blue", "blue"))
    node.run()
    before = node.desired()
    node.configure("{vnimap: {red: 200, blue: 200}, tableRange: 100}")
    node.run(after=1), node.run(after=30)
    slipped = node.desired()
    assert (slipped.vrfs, slipped.node) == (before.vrfs, before.node)
    assert [each.field for each in slipped.rejected] == ["vnimap.red", "tableRange"]
    assert any("100-120 stays in force meanwhile" in each for each in node.sentences())
    node.boot()
    node.run()
    assert node.desired() == slipped


def test_a_change_of_config_yaml_is_a_change_like_any_other(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    node.configure(CONFIG.replace("red: 100", "red: 101").replace("30", "5"))
    assert node.run().retry == 30
    node.run(after=30)
    assert node.desired().vrfs[0].vni == 101
    assert "changed red (VNI 100 to 101)" in node.sentences()[-1]
    node.write("b.yaml", body("blue", "blue"))
    assert node.run().retry == 5, "the new gap counts from now on"


def test_the_api_servers_first_answer_is_waited_for_and_run_at_once(node: Node) -> None:
    node.kubeconfig.touch()
    report = node.run()
    assert report.status == "waiting for resources: the API server has not answered yet"
    assert report.retry == 5
    node.mirror.holds(body("red-a"))
    assert node.run(after=1).status == "1 VRF from 1 resource, generation 1"
    assert node.desired().source is Source.KUBERNETES
    node.mirror.holds(body("red-a"), body("red-b", seq=11))
    assert node.run(after=1).retry == 29


def test_an_empty_list_is_a_state_like_any_other(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    node.mirror.holds()
    node.run()
    assert node.run(after=30).status == "0 VRFs from 0 resources, generation 2"
    assert node.sentences()[-1] == "generation 2 from kubernetes: removed red"


def test_without_an_answer_at_boot_the_last_good_set_is_published_and_says_so(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    node.boot()
    assert "waiting for resources" in node.run(after=60).status
    assert node.store.read(Desired) is None
    node.mirror.fails(DOWN)
    report = node.run(after=1)
    assert node.vrfs() == {"red": ["red-a"]}
    document = node.desired()
    assert (document.generation, document.source) == (2, Source.LAST_GOOD)
    assert document.note == (
        "the last good resources, of 2024-01-01T00:16:40+00:00: https://api: connection refused"
    )
    assert "1 VRF from 1 resource, generation 2, from the last good set; no watch" in report.status
    assert (
        "no watch of the API server since 12:00: https://api: connection refused" in report.status
    )

    node.mirror.fails(Trouble(Fault.UNREACHABLE, "https://api: no route to host", "12:00"))
    node.run(after=30)
    assert node.desired() == document, "each failed attempt is not a new generation"

    node.mirror.holds(body("red-a"), body("red-b", seq=11))
    assert node.run(after=1).status == "1 VRF from 2 resources, generation 3"
    assert node.desired().source is Source.KUBERNETES


def test_a_server_that_never_answers_is_waited_for_with_patience_only(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    node.boot()
    assert node.run().retry == 5
    assert node.run(after=2).retry == 3
    node.run(after=3)
    assert node.desired().source is Source.LAST_GOOD


def test_without_an_answer_and_without_a_last_good_set_nothing_is_published(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.fails(DOWN)
    report = node.run()
    assert node.store.read(Desired) is None
    assert report.status == (
        "no watch of the API server since 12:00: https://api: connection refused"
    )


def test_a_damaged_last_good_set_is_told_and_ignored(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    (node.root / "state/last-good.json").write_text("{")
    node.sentences()
    node.boot()
    assert "last-good.json: is not JSON" in node.sentences()[0]
    node.run()
    assert node.vrfs() == {"red": ["red-a"]}
    assert node.desired().generation == 2


def test_a_watch_that_is_down_leaves_everything_as_it_is_and_is_told(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    document = node.desired()
    node.mirror.fails(DOWN)
    report = node.run(after=1000)
    assert report.status == (
        "1 VRF from 1 resource, generation 1; "
        "no watch of the API server since 12:00: https://api: connection refused"
    )
    assert node.desired() == document
    node.mirror.holds(body("red-a"))
    assert node.run().status.startswith("1 VRF from 1 resource, generation 1; changes")
    assert node.sentences()[-2:] == [
        "no watch of the API server since 12:00: https://api: connection refused",
        "the API server: is well again",
    ]


def test_a_crd_that_goes_away_withdraws_nothing(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    node.mirror.holds()
    node.run(after=1)
    node.mirror.fails(Trouble(Fault.NO_CRD, "no CRD", "12:00"), keeps=False)
    report = node.run(after=30)
    assert node.vrfs() == {"red": ["red-a"]}
    assert node.desired().source is Source.LAST_GOOD
    assert "no CRD" in report.status
    node.mirror.holds(body("red-a"))
    node.run(), node.run(after=30)
    assert node.desired().source is Source.KUBERNETES
    assert node.desired().note == ""


def test_a_kubeconfig_that_appears_and_goes_switches_the_source(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    node.kubeconfig.touch()
    node.changes.touch()
    node.run()
    mirror = node.mirror
    node.run(after=30)
    assert node.desired().source is Source.MANIFESTS, "until the API server has answered"
    mirror.holds(body("blue", "blue"))
    node.run()
    assert node.run(after=30).status == "1 VRF from 1 resource, generation 2"
    assert node.vrfs() == {"blue": ["blue"]}

    node.kubeconfig.write_text("renewed")
    node.changes.touch()
    node.run(), node.run(after=30)
    assert mirror.refreshed == 1
    assert node.mirrors == [mirror]

    node.kubeconfig.unlink()
    node.changes.touch()
    node.run()
    assert mirror.stops == 0, "it may be being replaced"
    node.run(after=30)
    assert mirror.stops == 1
    assert node.vrfs() == {"red": ["red-a"]}
    assert node.desired().source is Source.MANIFESTS


def test_a_kubeconfig_that_is_lost_withdraws_nothing_unless_manifests_take_its_place(
    node: Node,
) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"))
    node.run()
    node.kubeconfig.unlink()
    node.restart()
    report = node.run()
    assert node.vrfs() == {"red": ["red-a"]}
    assert f"{node.kubeconfig} is gone and {node.root}/manifests is empty" in report.status
    node.write("b.yaml", body("blue", "blue"))
    node.run(after=1)
    assert node.vrfs() == {"blue": ["blue"]}
    (node.root / "manifests/b.yaml").unlink()
    node.changes.touch()
    node.run(), node.run(after=30)
    assert node.vrfs() == {}, "an empty directory after manifests is a state like any other"


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ("items: [{", "all.yaml: the document at line 1 is not YAML"),
        ("", "all.yaml: is empty"),
        ("{apiVersion: v1, kind: ConfigMap}", "all.yaml: the object at line 1 is a 'ConfigMap'"),
    ],
)
def test_manifests_that_take_the_api_servers_place_must_be_right(
    node: Node, damaged: str, reason: str
) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"), body("red-b", seq=11))
    node.run()
    (node.root / "manifests/all.yaml").write_text(damaged)
    node.kubeconfig.unlink()
    node.changes.touch()
    node.run()
    report = node.run(after=30)
    assert node.vrfs() == {"red": ["red-a", "red-b"]}
    assert f"{node.kubeconfig} is gone and {node.root}/manifests/{reason}" in report.status
    node.write("all.yaml", body("red-a"), body("red-c", seq=12))
    (node.root / "manifests/more.yaml").write_text("[")
    node.run(), node.run(after=30)
    assert node.vrfs() == {"red": ["red-a", "red-b", "red-c"]}, "more.yaml may have it"
    (node.root / "manifests/more.yaml").unlink()
    node.changes.touch()
    node.run(), node.run(after=30)
    assert node.vrfs() == {"red": ["red-a", "red-c"]}


def test_a_missing_or_unreadable_directory_withdraws_nothing(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    (node.root / "manifests").rename(node.root / "elsewhere")
    node.changes.touch()
    node.run()
    report = node.run(after=30)
    assert node.vrfs() == {"red": ["red-a"]}
    assert f"there is neither {node.kubeconfig} nor {node.root}/manifests" in report.status
    (node.root / "elsewhere").rename(node.root / "manifests")
    node.changes.touch()
    node.run(), node.run(after=30)
    assert node.desired().source is Source.MANIFESTS


@pytest.mark.parametrize("absence", ["silent", "down", "no CRD", "no directory"])
def test_a_source_that_stays_away_keeps_nobody_busy(node: Node, absence: str) -> None:
    node.write("a.yaml", body("red-a"))
    node.run()
    if absence == "no directory":
        (node.root / "manifests").rename(node.root / "elsewhere")
    else:
        node.kubeconfig.touch()
        node.run()
        if absence == "down":
            node.mirror.fails(DOWN)
        elif absence == "no CRD":
            node.mirror.fails(Trouble(Fault.NO_CRD, "no CRD", "12:00"), keeps=False)
    node.changes.touch()
    pauses, began = [node.run().retry], node.now
    while node.now < began + 4000 and len(pauses) < 100:
        pauses.append(node.run(after=pauses[-1] or 0).retry)
    assert all(pauses), "what is due now has just been done"
    assert len(pauses) < 20
    assert node.vrfs() == {"red": ["red-a"]}


def test_a_retry_that_falls_into_the_patience_is_not_tried_all_the_time(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    (node.root / "state").rename(node.root / "elsewhere")
    retry = node.run().retry
    assert retry is not None
    node.kubeconfig.touch()
    assert node.run(after=retry).retry == 5, "for the API server's first answer"
    assert node.run(after=1).retry == 4
    retry = node.run(after=4).retry
    assert node.desired().source is Source.LAST_GOOD
    assert retry, "the state directory is still away"
    (node.root / "elsewhere").rename(node.root / "state")
    assert node.run(after=retry).retry == 5
    assert "cannot be written" not in node.run(after=5).status


def test_a_resource_that_becomes_wrong_stays_in_force_as_it_was(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"), body("blue", "blue"))
    node.run()
    node.mirror.holds(body("red-a", seq="x"), body("blue", "blue"))
    node.run()
    report = node.run(after=30)
    assert node.vrfs() == {"blue": ["blue"], "red": ["red-a"]}
    assert "rejected 1: VRFRouteConfiguration red-a: spec.seq" in report.status
    assert "its last accepted version stays in force" in report.status
    node.boot()
    node.run()
    node.mirror.holds(body("red-a", seq="x"), body("blue", "blue"))
    node.run()
    assert node.vrfs() == {"blue": ["blue"], "red": ["red-a"]}, "also over a boot"
    node.mirror.holds(body("blue", "blue"))
    node.run(), node.run(after=30)
    assert node.vrfs() == {"blue": ["blue"]}


def test_a_number_that_is_taken_leaves_the_resource_where_it_was(node: Node) -> None:
    node.kubeconfig.touch()
    node.run()
    node.mirror.holds(body("red-a"), body("red-b", seq=20, uid="u", generation=1))
    node.run()
    node.mirror.holds(body("red-a"), body("red-b", seq=10, uid="u", generation=2))
    node.run()
    report = node.run(after=30)
    assert [policy.seq for policy in node.desired().vrfs[0].policies] == [10, 20]
    assert "its last accepted version stays in force" in report.status
    slipped = node.desired()
    node.run(after=900)
    node.boot()
    node.run()
    node.mirror.fails(DOWN)
    node.run()
    assert node.desired().vrfs == slipped.vrfs
    node.mirror.holds(body("red-a"), body("red-b", seq=10, uid="u", generation=2))
    node.run(after=1), node.run(after=30)
    assert (node.desired().vrfs, node.desired().rejected) == (slipped.vrfs, slipped.rejected)
    node.mirror.holds(body("red-b", seq=10, uid="u", generation=2))
    node.run(), node.run(after=30)
    assert [policy.seq for policy in node.desired().vrfs[0].policies] == [10]
    assert node.desired().rejected == ()


def test_a_full_disk_is_told_and_tried_again(node: Node) -> None:
    node.write("a.yaml", body("red-a"))
    (node.root / "run/crd-watcher").rmdir()
    report = node.run()
    assert "desired.json cannot be written: No such file or directory" in report.status
    assert report.retry is not None
    assert report.retry <= 1
    (node.root / "run/crd-watcher").mkdir()
    assert node.run(after=report.retry).status == "1 VRF from 1 resource, generation 1"
    (node.root / "state").rename(node.root / "state-away")
    node.write("b.yaml", body("blue", "blue"))
    node.run()
    report = node.run(after=30)
    assert "state cannot be written" in report.status
    assert node.vrfs() == {"blue": ["blue"], "red": ["red-a"]}
    assert report.retry is not None
    (node.root / "state-away").rename(node.root / "state")
    assert "cannot" not in node.run(after=report.retry).status
    assert node.sentences()[-1] == "the state directory: is well again"


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.integers(0, 3)),
        st.tuples(st.just("remove"), NAMES, st.just(0)),
        st.tuples(st.just("pass"), st.just(""), st.sampled_from([1, 10, 29, 31])),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
        st.tuples(st.just("boot"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=50)
@given(STEPS)
def test_whatever_happens_the_last_state_is_published_and_generations_only_grow(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    node = Node(tmp_path_factory.mktemp("node"))
    files: dict[str, int] = {}
    highest, runs = 0, list[float]()
    for kind, name, number in [*steps, ("pass", "", 0), ("pass", "", 31), ("pass", "", 31)]:
        if kind == "put":
            files[name] = number
            node.write(f"{name}.yaml", body(f"red-{name}", seq=10 + number))
        elif kind == "remove":
            files.pop(name, None)
            (node.root / f"manifests/{name}.yaml").unlink(missing_ok=True)
            node.changes.touch()
        elif kind == "pass":
            node.run(after=number)
        else:
            node.boot() if kind == "boot" else node.restart()
            runs.clear()
        document = node.store.read(Desired)
        if document is not None and document.generation != highest:
            assert document.generation > highest
            assert not runs or node.now - runs[-1] >= 30
            highest = document.generation
            runs.append(node.now)
    taken = {
        (10 + number): min(n for n in files if files[n] == number) for number in files.values()
    }
    served = {each.seq: each.resource for vrf in node.desired().vrfs for each in vrf.policies}
    for seq, name in taken.items():
        assert served.pop(seq) == f"red-{name}"
    # What wants a place that is taken may stay where it was.
    losers = files.keys() - taken.values()
    assert set(served.values()) <= {f"red-{name}" for name in losers}
    assert {each.resource for each in node.desired().rejected} == {f"red-{n}" for n in losers}
