# SPDX-License-Identifier: Apache-2.0
"""What is held against a change, and what is not: no refusal too many, no reload too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import FrrError
from netop.frr_templater.systemd1 import SystemdError
from tests.unit.frr_templater.fakes import Node, lines_of, vrf

RED, BLUE = vrf("red", 5001), vrf("blue", 5002, 10, 20)


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
