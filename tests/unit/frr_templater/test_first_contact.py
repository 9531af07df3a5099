# SPDX-License-Identifier: Apache-2.0
"""A node that netop meets for the first time: what FRR serves there is not netop's to lose."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from netop.common.documents import Served, VrfState
from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import FrrError
from netop.frr_templater.systemd1 import SystemdError
from netop.frr_templater.template import unmark_default
from tests.unit.frr_templater.fakes import BASE, Node, desired, lines_of, links, vrf

RED, BLUE, GREEN = vrf("red", 5001), vrf("blue", 5002, 10, 20), vrf("green", 7)
BOTH = {"vr.blue": 5002, "vr.red": 5001}
# Three passes and the way back.
ROLLED_BACK = 3 + 1
ROUTE = "ip route 203.0.113.0/24 x\n"


@pytest.fixture
async def before(tmp_path: Path) -> str:
    """The frr.conf that another operator has made, with red and blue."""
    (tmp_path / "other").mkdir()
    other = Node(tmp_path / "other")
    other.want(1, BLUE, RED)
    await other.settle()
    text = re.sub(r"(?m)^ *! netop:.*\n", "", other.text)
    return text.replace("router bgp 64512\n", "router bgp 64512 vrf default\n")


def node_of(root: Path, text: str) -> Node:
    """Return a node that the other operator has left, with FRR still running."""
    (root / "mine").mkdir()
    node = Node(root / "mine", text)
    node.files.template.write_text(BASE.replace("#++", ""))
    return node


def unmarked(text: str) -> str:
    return "\n".join(map(unmark_default, text.splitlines())) + "\n"


def watch(node: Node) -> list[bool]:
    """Return a list that tells of each reload whether red and blue stay what they are."""
    staying: list[bool] = []

    def look() -> None:
        served = node.store.read(Served)
        assert served is not None
        bound = node.frr.bindings().items() >= BOTH.items()
        staying.append(bound and served.serves("red", 5001) and served.serves("blue", 5002))

    node.frr.before_reload = look
    return staying


async def test_one_refused_vrf_costs_none_that_frr_serves(tmp_path: Path, before: str) -> None:
    node = node_of(tmp_path, before)
    staying = watch(node)
    node.frr.refused = "^vni 7$"
    node.want(1, BLUE, GREEN, RED)
    report = await node.templater.reconcile()
    assert report.retry == 0.0
    assert node.text == unmarked(before), "the way back leads to where it was"
    assert lines_of(node.text) == node.frr.running
    assert "VRF green: FRR cannot serve it" in await node.settle()
    assert staying == [True] * (ROLLED_BACK + 1)
    assert node.frr.bindings() == BOTH
    assert node.served == {"blue": 5002, "red": 5001}
    assert node.frr.dismissed == {"vr.green"}


async def test_what_frr_ends_of_costs_none_that_frr_serves(tmp_path: Path, before: str) -> None:
    """What another operator made cannot be taken apart, so it is none of its VRFs that waits."""
    node = node_of(tmp_path, before)
    node.frr.deadly = "^vni 7$"
    deaths = 0
    for generation in range(1, 6):
        node.want(generation, vrf("blue", 5002, 10, 20 + generation), GREEN, RED)
        for _ in range(10):
            await node.templater.reconcile()
            if node.frr.dead:
                deaths += 1
                node.frr.boot()
            assert node.frr.bindings() == BOTH
            node.time += 1
    assert deaths == 2
    node.frr.deadly = ""
    node.time += 60
    await node.settle()
    assert node.served == {"blue": 5002, "green": 7, "red": 5001}


async def test_what_is_refused_as_a_whole_costs_nothing_either(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_of(tmp_path, before)
    monkeypatch.setattr(node.frr, "bindings", lambda: BOTH)
    node.want(1, BLUE)
    for _ in range(4):
        assert "rolled back: vr.red still has VNI 5001" in await node.settle()
        node.time += 900
    assert node.frr.reloads == ROLLED_BACK
    assert lines_of(before) == node.frr.running
    assert node.served == {"blue": 5002}, "of what is wanted"
    assert node.published["trying"] == ["blue", "red"]
    assert "FRR refused a change and was rolled back" in str(node.published["problems"])
    assert node.published["generation"] == 0
    reload = node.published["reload"]
    assert isinstance(reload, dict)
    assert reload["result"] == "rolled-back"
    node.frr.dead = True
    await node.settle(2)
    assert node.published["alive"] is False
    node.frr.boot()
    node.want(2, BLUE, RED)
    assert await node.settle() == "2 VRFs served, generation 2"
    assert node.published["problems"] == []


async def test_an_frr_that_was_still_reading_its_file_is_looked_at_again(
    tmp_path: Path, before: str
) -> None:
    """What was announced before nobody saw the change is no word of what FRR serves."""
    node = node_of(tmp_path, before)
    whole, node.frr.running = node.frr.running, set()
    node.put(desired(1, BLUE, RED))
    refused = links(1, ("red", 0), state=VrfState.FAILED).vrfs
    node.put(dataclasses.replace(links(1), vrfs=(*links(1, ("blue", 5002)).vrfs, *refused)))

    def fail() -> None:
        raise SystemdError("the bus is gone")

    node.frr.before_reload = fail
    assert "the bus is gone" in await node.settle(1)
    node.frr.before_reload = lambda: None
    node.frr.running = whole
    node.time += 120
    await node.settle()
    assert node.served == {"blue": 5002, "red": 5001}
    assert node.frr.bindings() == BOTH


async def test_a_file_that_frr_could_not_read_is_no_place_to_go_back_to(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one with the IPv6 prefixes that the original operator took for IPv4."""
    node = node_of(tmp_path, before + "ip prefix-list pl_red_import_0 seq 1 permit 2001:db8::/32\n")
    node.frr.running = lines_of(before)
    node.frr.invalid = "2001:db8"

    async def shown() -> str:
        return before.replace(" vrf default", "")

    monkeypatch.setattr(node.frr, "shown", shown)
    staying = watch(node)
    node.frr.refused = "^vni 7$"
    node.want(1, BLUE, GREEN, RED)
    await node.settle()
    assert staying == [True] * (ROLLED_BACK + 1)
    assert node.served == {"blue": 5002, "red": 5001}


async def test_a_file_without_what_runs_is_no_place_to_go_back_to(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that provisioning wrote anew, for the next boot."""
    node = node_of(tmp_path, BASE)
    node.frr.running = lines_of(before)

    async def shown() -> str:
        return before.replace(" vrf default", "")

    monkeypatch.setattr(node.frr, "shown", shown)
    staying = watch(node)
    node.frr.refused = "^vni 7$"
    node.want(1, BLUE, GREEN, RED)
    await node.settle()
    assert staying == [True] * (ROLLED_BACK + 1)
    assert node.served == {"blue": 5002, "red": 5001}


async def test_a_fresh_node_goes_back_to_what_was_provisioned(tmp_path: Path) -> None:
    node = Node(tmp_path)
    texts: list[str] = []
    node.frr.before_reload = lambda: texts.append(node.text)
    node.frr.refused = "^vni 7$"
    node.want(1, BLUE, GREEN)
    status = await node.settle()
    assert "VRF green: FRR cannot serve it" in status
    assert texts[3] == unmarked(BASE)
    assert len(texts) == ROLLED_BACK + 1
    assert node.served == {"blue": 5002}
    assert node.frr.dismissed >= {"vr.blue", "vr.green"}, "FRR had them for a moment"
    assert node.frr.bindings() == {"vr.blue": 5002}


async def test_what_was_found_of_a_change_that_goes_back_is_not_called_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its link would be up while FRR does not know its VNI any more."""
    node = Node(tmp_path)
    differences, blind = node.frr.differences, False

    async def look(text: str, running: str) -> tuple[Difference, ...]:
        if blind:
            raise FrrError("frr-reload.py --test: ends -9")
        return await differences(text, running)

    def go_blind() -> None:
        nonlocal blind
        blind = True

    monkeypatch.setattr(node.frr, "differences", look)
    node.frr.before_reload = go_blind
    node.want(1, BLUE)
    for _ in range(2):
        blind = False
        await node.templater.reconcile()
        assert "vni 5002" not in node.text
        assert node.frr.bindings() == {"vr.blue": 5002}, "FRR has not heard of going back yet"
        served = node.store.read(Served)
        assert served is not None
        assert not served.serves("blue", 5002)
        node.time += 120
    assert served is not None
    assert served.vrfs
    blind, node.frr.before_reload = False, lambda: None
    assert await node.settle() == "1 VRF served, generation 1"


async def test_a_line_of_the_template_that_frr_never_took_over_is_only_told(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.settle()
    node.files.template.write_text(node.files.template.read_text() + ROUTE)
    node.frr.refused = "203.0.113.0"
    node.want(1, BLUE)
    assert "a reload does not change that" in await node.settle()
    assert node.served == {"blue": 5002}
    assert node.frr.reloads == 1
