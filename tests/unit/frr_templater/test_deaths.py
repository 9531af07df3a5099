# SPDX-License-Identifier: Apache-2.0
"""What FRR ends of is tried more and more rarely, and nothing else waits for it."""

from __future__ import annotations

import dataclasses
import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netop.frr_templater.deaths import LONGEST, Deaths
from netop.frr_templater.files import Files
from tests.unit.frr_templater.fakes import Node, lines_of, links, vrf

RED, BLUE = vrf("red", 5001), vrf("blue", 5002, 10, 20)
HOUR = 3600.0


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    """A node that serves blue."""
    node = Node(tmp_path)
    node.want(1, BLUE)
    await node.settle()
    return node


def revive(node: Node) -> None:
    """Have FRR come back as where only bgpd has ended: something is missing, or too much."""
    if node.frr.dead:
        node.frr.boot()
        node.frr.running = {line for line in node.frr.running if "dv.blue" not in line[1]}


async def deaths_within(node: Node, seconds: float) -> list[float]:
    """Let it live, FRR with it, and return when FRR ended."""
    died: list[float] = []
    began = node.time
    while node.time - began < seconds:
        report = await node.templater.reconcile()
        if node.frr.dead:
            died.append(node.time - began)
            revive(node)
        node.time += min(max(report.retry or 60.0, 0.1), 60.0)
    return died


def test_it_waits_longer_each_time_and_not_for_ever() -> None:
    time = 0.0
    deaths = Deaths(lambda: time)
    waits: list[float] = []
    for _ in range(7):
        deaths.add([("red", (RED, "mark"))], "why")
        waits.append(deaths.held()["red"].until if deaths.held() else 0.0)
        assert deaths.left() == (waits[-1] or None)
        assert deaths.wait([], "mark", "frame") is None, "all others go on"
    assert waits == [0.0, 60.0, 600.0, 6000.0, LONGEST, LONGEST, LONGEST]
    time = LONGEST
    assert deaths.held() == {}, "it may be tried"
    deaths.add([("red", (RED, "mark"))], "why")
    deaths.survived([("blue", (BLUE, "mark")), ("red", (None, "mark"))])
    assert deaths.held()["red"].times == 8
    assert deaths.suspects([RED], "mark") == {"red": 8}
    assert deaths.suspects([RED], "another") == deaths.suspects([], "mark") == {}
    deaths.survived([("red", (RED, "mark"))])
    assert deaths.suspects([RED], "mark") == {}


def test_all_wait_where_frr_ends_of_one_after_the_other() -> None:
    deaths = Deaths(lambda: 0.0)
    waits: list[float | None] = []
    wanted = [vrf("b", 1), vrf("d", 1)]
    for name in ("a", "a", "b", "c"):
        deaths.add([(name, (vrf(name, 1), "mark"))], "why")
        found = deaths.wait([vrf("a", 1), *wanted], "mark", "frame")
        waits.append(found.until if found is not None else None)
    assert waits == [None, None, 60.0, 600.0]
    assert deaths.wait(wanted, "mark", "frame") is not None
    assert deaths.wait(wanted[1:], "mark", "frame") is None, "what it was is not wanted any more"
    deaths.survived([("d", (vrf("d", 1), "mark"))])
    assert deaths.wait(wanted, "mark", "frame") is None


async def test_a_repair_in_between_does_not_make_it_forget(node: Node) -> None:
    node.frr.deadly = "vni 5001"
    node.want(2, BLUE, RED)
    died = await deaths_within(node, HOUR)
    assert len(died) == 4, died
    assert died[2] - died[1] > 59
    assert died[3] - died[2] > 599
    assert node.served == {"blue": 5002}
    assert lines_of(node.text) == node.frr.running, "blue is repaired each time"


async def test_nothing_waits_for_what_nobody_wants_any_more(node: Node) -> None:
    node.frr.deadly = "^vni 60"
    node.want(2, BLUE, *(vrf(f"v{number}", 6000 + number) for number in range(5)))
    assert len(await deaths_within(node, 3 * HOUR)) > 4
    node.want(3, BLUE)
    await deaths_within(node, 60)
    node.want(4, BLUE, vrf("green", 7))
    assert await deaths_within(node, 120) == []
    assert node.served == {"blue": 5002, "green": 7}


async def test_nothing_waits_for_a_router_id_that_was_taken_back(node: Node) -> None:
    node.frr.deadly = "192.0.2.99"
    moved = dataclasses.replace(links(1, ("blue", 5002)), router_id=IPv4Address("192.0.2.99"))
    node.put(moved)
    assert len(await deaths_within(node, 1000)) == 4
    node.want(2, BLUE)
    await deaths_within(node, 60)
    node.want(3, BLUE, vrf("green", 7))
    assert await deaths_within(node, 120) == []
    assert node.served == {"blue": 5002, "green": 7}


async def test_another_version_of_frr_gets_a_chance_at_once(node: Node) -> None:
    node.frr.deadly = "vni 5001"
    node.want(2, BLUE, RED)
    assert len(await deaths_within(node, HOUR)) == 4
    node.frr.deadly, node.frr.number = "", "10.4"
    node.frr.boot()
    assert await node.settle() == "2 VRFs served, generation 2"


async def test_no_other_vrf_waits_for_a_deadly_one(node: Node) -> None:
    """Nor does the deadly one get another chance whenever another one changes."""
    node.frr.deadly = "^vni 5001$"
    died: list[float] = []
    for generation in range(2, 9):
        node.want(generation, vrf("blue", 5002, 10, 20 + generation), RED)
        died += await deaths_within(node, 50)
        assert node.served == {"blue": 5002}
        assert f"pl_blue_export_{20 + generation} " in node.text
        assert len(died) <= 2 or generation > 2
    assert len(died) == 3, died
    assert node.published["generation"] == 8
    told = json.dumps(node.published["problems"])
    assert '"subject": "VRF red", "reason": "FRR ended or hung 3 times' in told
    node.frr.deadly = ""
    await deaths_within(node, HOUR)
    assert node.served == {"blue": 5002, "red": 5001}
    assert node.published["problems"] == []


async def test_while_a_deadly_one_waits_for_hours_all_else_is_put_right_in_time(
    node: Node,
) -> None:
    node.frr.deadly = "^vni 5001$"
    node.want(2, BLUE, RED)
    await deaths_within(node, 3 * HOUR)
    node.frr.running = {line for line in node.frr.running if line[1] != "vni 5002"}
    edited = repaired = node.time
    while "vr.blue" not in node.frr.bindings():
        report = await node.templater.reconcile()
        repaired = node.time
        node.time += 900.0 if report.retry is None else report.retry
    assert 0 < repaired - edited <= 900 + 10


async def test_of_several_the_deadly_one_is_found(node: Node) -> None:
    node.frr.deadly = "^vni 5001$"
    green, amber = vrf("green", 7), vrf("amber", 9)
    node.want(2, vrf("blue", 5002, 30), RED, green, amber)
    assert len(await deaths_within(node, 50)) == 2
    assert node.served == {"amber": 9, "blue": 5002, "green": 7}
    assert "pl_blue_export_30 " in node.text
    assert len(await deaths_within(node, 50)) == 1


async def test_two_deadly_ones_hold_up_others_for_a_minute_only(node: Node) -> None:
    node.frr.deadly = "^vni (5001|9)$"
    node.want(2, BLUE, RED, vrf("amber", 9), vrf("green", 7), vrf("violet", 8))
    assert len(await deaths_within(node, 50)) == 3
    await deaths_within(node, 50)
    assert node.served == {"blue": 5002, "green": 7, "violet": 8}


async def test_an_frr_that_ends_of_any_change_is_left_alone(node: Node) -> None:
    node.frr.deadly = "^vni (?!5002$)"
    node.want(2, BLUE, RED, *(vrf(f"v{number}", 6000 + number) for number in range(9)))
    assert len(await deaths_within(node, HOUR)) <= 6
    assert node.served == {"blue": 5002}


async def test_a_vrf_that_is_deadly_when_it_goes_stays_meanwhile(node: Node) -> None:
    node.want(2, BLUE, RED)
    await node.settle()

    def kill() -> None:
        node.frr.deadly = "" if "vni 5001" in node.text else "."

    node.frr.before_reload = kill
    died: list[float] = []
    for generation in range(3, 8):
        node.want(generation, vrf("blue", 5002, 20 + generation))
        died += await deaths_within(node, 50)
        assert f"pl_blue_export_{20 + generation} " in node.text
        assert node.served == {"blue": 5002, "red": 5001}
    assert len(died) == 3, died
    node.frr.before_reload, node.frr.deadly = lambda: None, ""
    await deaths_within(node, HOUR)
    assert node.served == {"blue": 5002}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("how", ["killed", "the disk was full for a moment"])
async def test_a_dead_frr_does_not_start_with_what_it_ended_of(
    node: Node, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    good, reload, write = node.text, node.frr.reload, Files.write
    node.frr.deadly = "^vni 5001$"
    full = [OSError(28, "No space left on device", str(node.files.configuration))]

    async def killed() -> str:
        await reload()
        raise Killed

    def writing(self: Files, text: str) -> None:
        if text == good and full:
            raise full.pop()
        write(self, text)

    node.want(2, BLUE, RED)
    if how == "killed":
        monkeypatch.setattr(node.frr, "reload", killed)
        with pytest.raises(Killed):
            await node.settle()
        monkeypatch.undo()
        node.start()
    else:
        monkeypatch.setattr(Files, "write", writing)
    for _ in range(3):
        report = await node.templater.reconcile()
        node.time += report.retry or 0
    assert node.text == good, "FRR has not started yet"
    assert node.published["trying"] == ["blue", "red"]
    assert await deaths_within(node, 50)
    assert node.served == {"blue": 5002}


async def test_what_others_wrote_waits_until_frr_is_back(node: Node) -> None:
    good, edit = node.text, node.text + "ip route 203.0.113.0/24 Null0\n"
    node.frr.state = "failed"
    node.files.configuration.write_text(edit)
    await node.settle(3)
    assert node.text == edit
    node.frr.state = "active"
    node.frr.boot()
    await node.settle()
    assert node.text == good
