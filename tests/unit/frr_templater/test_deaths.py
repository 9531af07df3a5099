# SPDX-License-Identifier: Apache-2.0
"""A text that FRR ends of is tried more and more rarely, however FRR comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.frr_templater.deaths import LONGEST, Deaths
from tests.unit.frr_templater.fakes import Node, lines_of, vrf

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
        deaths.add("text", "why")
        waits.append(found[1] if (found := deaths.wait("text")) else 0.0)
        assert deaths.wait("another") is None
    assert waits == [0.0, 60.0, 600.0, 6000.0, LONGEST, LONGEST, LONGEST]
    time = LONGEST
    assert deaths.wait("text") is None, "it may be tried"
    deaths.add("text", "why")
    deaths.survived("another")
    found = deaths.wait("text")
    assert found is not None
    assert found[0].times == 8
    deaths.survived("text")
    assert deaths.wait("text") is None


async def test_a_repair_in_between_does_not_make_it_forget(node: Node) -> None:
    node.frr.deadly = "vni 5001"
    node.want(2, BLUE, RED)
    died = await deaths_within(node, HOUR)
    assert len(died) == 4, died
    assert died[2] - died[1] > 59
    assert died[3] - died[2] > 599
    assert node.served == {"blue": 5002}
    assert lines_of(node.text) == node.frr.running, "blue is repaired each time"


async def test_another_version_of_frr_gets_a_chance_at_once(node: Node) -> None:
    node.frr.deadly = "vni 5001"
    node.want(2, BLUE, RED)
    assert len(await deaths_within(node, HOUR)) == 4
    node.frr.deadly, node.frr.number = "", "10.4"
    node.frr.boot()
    assert await node.settle() == "2 VRFs served, generation 2"
