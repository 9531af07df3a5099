# SPDX-License-Identifier: Apache-2.0
"""The memory of what was proven is lost: FRR goes on serving, and so say the documents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from netop.common.documents import Served
from netop.frr_templater import plan
from tests.unit.frr_templater.fakes import Node, lines_of, vrf

RED, BLUE, GREEN = vrf("red", 5001), vrf("blue", 5002, 10, 20), vrf("green", 7)
BOTH = {"blue": 5002, "red": 5001}


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    """A node that serves red and blue."""
    node = Node(tmp_path)
    node.want(1, BLUE, RED)
    await node.settle()
    assert node.served == BOTH
    return node


def remove(state: Path) -> None:
    (state / "good.json").unlink()


def damage(state: Path) -> None:
    (state / "good.json").write_text("{")


def write_as_a_later_netop_would(state: Path) -> None:
    (state / "good.json").write_text('{"version": 2}')


def purge(state: Path) -> None:
    shutil.rmtree(state)
    state.mkdir()


LOSSES = pytest.mark.parametrize("lose", [remove, damage, write_as_a_later_netop_would, purge])
Lose = Callable[[Path], None]


@LOSSES
async def test_what_runs_is_proven_anew(node: Node, lose: Lose) -> None:
    lose(node.root / "state")
    node.start()
    assert await node.settle() == "2 VRFs served, generation 1"
    assert node.served == BOTH
    assert node.published["leaving"] == node.published["trying"] == []
    assert node.frr.reloads == 1 + 1
    node.time += 900
    node.frr.running = {line for line in node.frr.running if line[1] != "vni 5001"}
    await node.settle()
    assert node.frr.bindings() == {"vr.blue": 5002, "vr.red": 5001}, "and it is kept from then on"
    assert node.served == BOTH
    node.start()
    await node.settle()
    assert node.frr.reloads == 1 + 1 + 1


@LOSSES
async def test_what_is_served_stays_so_while_the_next_change_is_refused(
    node: Node, lose: Lose
) -> None:
    lose(node.root / "state")
    node.start()
    staying: list[bool] = []

    def look() -> None:
        served = node.store.read(Served)
        assert served is not None
        staying.append(all(served.serves(name, vni) for name, vni in BOTH.items()))

    node.frr.before_reload = look
    node.frr.refused = "^vni 7$"
    node.want(2, BLUE, GREEN, RED)
    status = ""
    for _ in range(10):
        report = await node.templater.reconcile()
        status = report.status
        node.time += min(report.retry or 0, 10)
        look()
    assert "VRF green: FRR cannot serve it" in status
    assert staying == [True] * len(staying)
    assert node.served == BOTH
    assert lines_of(node.text) == node.frr.running


@LOSSES
async def test_what_leaves_in_that_moment_leaves_properly(node: Node, lose: Lose) -> None:
    """Or its links go while zebra has a timer for them, and FRR ends."""
    lose(node.root / "state")
    node.start()
    held: list[object] = []
    node.frr.before_reload = lambda: held.append(node.published["trying"])
    node.want(2, BLUE)
    assert await node.settle() == "1 VRF served, generation 2"
    assert node.frr.dismissed == {"vr.red"}
    assert held == [["blue", "red"]]
    assert node.published["trying"] == []


async def test_a_large_configuration_is_not_taken_apart(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "ADDED_AT_ONCE", 30)
    remove(node.root / "state")
    node.start()
    bound: list[bool] = []
    node.frr.before_reload = lambda: bound.append("vni 5001" in node.text and "5002" in node.text)
    node.want(2, BLUE, GREEN, RED)
    await node.settle()
    assert node.served == {**BOTH, "green": 7}
    assert bound == [True]


async def test_what_nobody_knows_is_kept_while_the_next_change_is_refused_as_a_whole(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(node.root / "state")
    node.start()
    whole = node.frr.running
    with monkeypatch.context() as patch:
        patch.setattr(node.frr, "bindings", lambda: {"vr.blue": 5002, "vr.red": 5001})
        node.want(2, BLUE)
        assert "rolled back: vr.red still has VNI 5001" in await node.settle()
    for lost in (set(), {line for line in whole if line[1] == "vni 5001"}):
        node.frr.running = whole - lost
        node.time += 900
        assert "FRR refused a change" in await node.settle()
        assert (node.served, node.frr.running) == (BOTH, whole)
        assert node.published["trying"] == ["blue", "red"]
    node.want(3, BLUE, RED)
    assert await node.settle() == "2 VRFs served, generation 3"
    assert (node.served, node.published["trying"]) == (BOTH, [])
