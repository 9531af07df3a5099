# SPDX-License-Identifier: Apache-2.0
"""What is held against a change, and what is not: no refusal too many, no reload too many."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from netop.frr_templater import plan, state
from netop.frr_templater.differences import Difference
from netop.frr_templater.files import Files
from netop.frr_templater.frr import FrrError
from netop.frr_templater.state import State, StateFile
from netop.frr_templater.systemd1 import SystemdError
from tests.unit.frr_templater.fakes import BASE, Node, lines_of, vrf

RED, BLUE, GREEN = vrf("red", 5001), vrf("blue", 5002, 10, 20), vrf("green", 7)
ROUTE = "ip route 203.0.113.0/24 x\n"
# Three passes and the way back.
ROLLED_BACK = 3 + 1


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    """A node that serves blue."""
    node = Node(tmp_path)
    node.want(1, BLUE)
    await node.settle()
    return node


async def comes_through_in_the_end(node: Node) -> None:
    assert node.served == {"blue": 5002}
    assert node.templater.keeper.state.refusals == ()
    node.time += 120
    assert await node.settle() == "2 VRFs served, generation 2"
    assert lines_of(node.text) == node.frr.running


async def test_a_systemd_that_does_not_answer_is_not_held_against_a_change(node: Node) -> None:
    good = node.text

    def fail() -> None:
        raise SystemdError("the bus is gone")

    node.frr.before_reload = fail
    node.want(2, BLUE, RED)
    assert "the bus is gone" in await node.settle(3)
    assert node.text == good, "should FRR start anew, then from this"
    assert node.frr.reloads == 1
    node.frr.before_reload = lambda: None
    await comes_through_in_the_end(node)


async def test_an_frr_that_is_stopped_meanwhile_is_not_held_against_a_change(node: Node) -> None:
    def stop() -> None:
        node.frr.state = "inactive"

    node.frr.before_reload = stop
    node.want(2, BLUE, RED)
    await node.settle(3)
    assert node.published["alive"] is False
    node.frr.before_reload = lambda: None
    node.frr.state = "active"
    node.frr.boot()
    await comes_through_in_the_end(node)


async def test_a_comparison_that_fails_is_not_held_against_a_change(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(_text: str, _running: str) -> tuple[Difference, ...]:
        raise FrrError("frr-reload.py --test: ends -9")

    with monkeypatch.context() as patch:
        patch.setattr(node.frr, "differences", killed)
        node.want(2, BLUE, RED)
        assert "ends -9" in await node.settle(3)
    await comes_through_in_the_end(node)


async def live(node: Node, passes: int = 30) -> list[float | None]:
    """Make passes, each when the one before asks for it, or after a while; return when.

    To look at FRR in time is not to ask for anything.
    """
    asked: list[float | None] = []
    for _ in range(passes):
        retry = (await node.templater.reconcile()).retry
        asked.append(retry if retry is not None and retry < 120 else None)
        node.time += asked[-1] if asked[-1] is not None else 60
    return asked


def problems(node: Node) -> str:
    return json.dumps(node.published["problems"])


async def test_a_step_of_the_template_alone_is_not_tried_again(node: Node) -> None:
    template = node.files.template.read_text()
    node.frr.refused = "203.0.113.0"
    node.files.template.write_text(template + ROUTE)
    for generation, vrfs in enumerate([(BLUE, RED), (BLUE, GREEN), (BLUE, GREEN, RED)], start=2):
        node.want(generation, *vrfs)
        assert (await live(node))[-1] is None
        assert node.frr.reloads == 1 + ROLLED_BACK
        assert "FRR refused a change and was rolled back" in problems(node)
        assert node.served == {"blue": 5002}
        node.start()
    node.files.template.write_text(template)
    await live(node)
    assert node.served == {"blue": 5002, "green": 7, "red": 5001}
    assert node.published["problems"] == []


async def test_a_deadly_step_of_the_template_alone_is_waited_for(node: Node) -> None:
    node.frr.deadly = "203.0.113.0"
    node.files.template.write_text(node.files.template.read_text() + ROUTE)
    node.want(2, BLUE, RED)
    began = node.time
    while node.time < began + 59:
        report = await node.templater.reconcile()
        if node.frr.dead:
            node.frr.boot()
        node.time += min(report.retry or 10, 10)
    assert node.frr.reloads == 1 + 2
    assert "ended or hung 2 times" in problems(node)
    assert node.served == {"blue": 5002}


async def test_a_vrf_that_is_refused_on_the_way_is_not_tried_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large VRF goes resource by resource, so that what is refused is not what is wanted."""
    monkeypatch.setattr(plan, "DELETED_AT_ONCE", 2)
    node.want(2, vrf("blue", 5002, 10, 20, 30), RED)
    await live(node)
    reloads = node.frr.reloads
    node.frr.refused = "pl_blue_export_10 .* 10.9.0.0/16"
    node.want(3, vrf("blue", 5002, 10, 20, 30, cidr="10.9.0.0/16"), RED, GREEN)
    assert (await live(node))[-1] is None
    assert node.frr.reloads == reloads + ROLLED_BACK + 1
    assert node.served == {"blue": 5002, "green": 7, "red": 5001}
    assert '"subject": "VRF blue", "reason": "FRR cannot serve it' in problems(node)


async def test_a_vrf_that_was_refused_without_one_of_its_resources_is_not_tried_again(
    node: Node,
) -> None:
    node.frr.invalid = "pl_green_export_20"
    node.frr.refused = "^vni 7$"
    node.want(2, BLUE, vrf("green", 7, 10, 20))
    assert (await live(node))[-1] is None
    assert node.frr.reloads == 1 + ROLLED_BACK
    assert node.served == {"blue": 5002}
    assert '"subject": "VRF green", "reason": "FRR cannot serve it' in problems(node)


async def test_more_refused_vrfs_than_are_remembered_for_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "REFUSALS_KEPT", 3)
    node.frr.refused = "^vni 60"
    bad = [vrf(f"bad{number}", 6000 + number) for number in range(5)]
    node.want(2, BLUE, RED, *bad)
    asked = await live(node)
    assert asked[-1] is None
    assert node.served == {"blue": 5002, "red": 5001}
    assert node.frr.reloads == 1 + 5 * ROLLED_BACK + 1
    told = problems(node)
    assert all(f'"VRF {each.name}", "reason": "FRR cannot serve it' in told for each in bad)
    node.start()
    await live(node)
    assert node.frr.reloads == 1 + 5 * ROLLED_BACK + 1


async def test_one_roll_back_after_the_other_comes_later_and_later(node: Node) -> None:
    node.frr.refused = "^vni 60"
    node.want(2, BLUE, RED, *(vrf(f"bad{number}", 6000 + number) for number in range(5)))
    waits: list[float] = []
    for _ in range(5):
        report = await node.templater.reconcile()
        assert report.retry is not None
        waits.append(report.retry)
        reloads = node.frr.reloads
        if report.retry:
            # The daemon's own write of frr.conf wakes it.
            again = await node.templater.reconcile()
            assert node.frr.reloads == reloads
            assert again.retry == pytest.approx(report.retry)
            assert node.served == {"blue": 5002}
        node.time += report.retry
    assert waits[0] == 0.0, "without what was refused, the rest may well do"
    assert all(1 <= later <= 30 for later in waits[1:])
    assert waits[4] > waits[1]
    assert waits[4] >= 4


async def test_what_somebody_changes_meanwhile_is_not_waited_with(node: Node) -> None:
    node.frr.refused = "^vni 60"
    bad = [vrf(f"bad{number}", 6000 + number) for number in range(5)]
    node.want(2, BLUE, *bad)
    for _ in range(2):
        report = await node.templater.reconcile()
    assert report.retry
    node.want(3, BLUE, RED)
    await node.templater.reconcile()
    assert node.served == {"blue": 5002, "red": 5001}


async def test_going_back_from_a_template_asks_for_no_more_than_there_was(tmp_path: Path) -> None:
    """A line that FRR never took over, and that is tolerated, is not missing afterwards."""
    old = "ip route 198.51.100.0/24 x"
    node = Node(tmp_path, BASE + old + "\n")
    node.frr.running.discard(((), old))
    node.frr.refused = "198.51.100.0|203.0.113.0"
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    template = node.files.template
    template.write_text(template.read_text() + ROUTE)
    assert "rolled back: FRR lacks `ip route 203.0.113.0/24 x`" in await node.settle()
    assert node.text == good
    assert "the last good configuration is back" in node.told.text
    reload = node.published["reload"]
    assert isinstance(reload, dict)
    assert reload["result"] == "rolled-back"
    assert node.frr.reloads == 1 + ROLLED_BACK


async def test_a_full_disk_does_not_keep_frr_from_going_back(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, save, full = node.text, StateFile.save, [False]

    def saving(self: StateFile, state: State) -> None:
        if full[0] and state != self.state:
            raise OSError(28, "No space left on device", str(self.path))
        save(self, state)

    def fill() -> None:
        full[0] = True

    monkeypatch.setattr(StateFile, "save", saving)
    node.frr.refused = "^vni 5001$"
    node.frr.before_reload = fill
    node.want(2, BLUE, RED)
    await live(node, 3)
    assert node.text == good
    assert lines_of(good) == node.frr.running
    assert node.frr.reloads == 1 + ROLLED_BACK
    assert "VRF red: FRR cannot serve it" in node.told.text


async def test_a_disk_that_cannot_take_the_way_back_does_not_have_frr_reloaded_in_a_row(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, write, full = node.text, Files.write, [True]

    def writing(self: Files, text: str) -> None:
        if full[0] and text == good:
            raise OSError(28, "No space left on device", str(self.configuration))
        write(self, text)

    monkeypatch.setattr(Files, "write", writing)
    node.frr.refused = "^vni 5001$"
    node.want(2, BLUE, RED)
    for _ in range(20):
        # Its own write of frr.conf and systemd wake it at once.
        await node.templater.reconcile()
    assert node.frr.reloads == 1 + 3
    full[0] = False
    await live(node)
    assert lines_of(node.text) == node.frr.running == lines_of(good)
    assert node.served == {"blue": 5002}


async def test_what_was_proven_and_cannot_be_saved_is_told_and_not_reloaded_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the large file of the memory does not fit any more, and the small one does."""
    replace, full, good_json = os.replace, [True], node.root / "state" / "good.json"

    def replacing(source: str, target: str) -> None:
        if full[0] and Path(target) == good_json:
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", replacing)
    node.want(2, BLUE, RED)
    for _ in range(20):
        # Its own write of frr.conf and systemd wake it at once.
        report = await node.templater.reconcile()
    assert node.frr.reloads == 1 + 1
    assert node.served == {"blue": 5002, "red": 5001}
    assert "good.json: cannot be written: No space left on device" in report.status
    assert report.retry is not None
    assert "vni 5001" not in good_json.read_text()
    full[0] = False
    assert await node.settle() == "2 VRFs served, generation 2"
    assert "vni 5001" in good_json.read_text()
    assert node.frr.reloads == 1 + 1


async def test_a_full_disk_does_not_keep_an_frr_that_came_back_empty_from_being_filled(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str, target: str) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", full)
    node.frr.lives += 1
    node.frr.number = "10.9"
    node.frr.running = {line for line in node.frr.running if "dv.blue" not in line[1]}
    for _ in range(5):
        await node.templater.reconcile()
        node.time += 3
    assert lines_of(node.text) == node.frr.running
