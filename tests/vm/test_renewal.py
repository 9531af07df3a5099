# SPDX-License-Identifier: Apache-2.0
"""What FRR peers over is made anew only after FRR has let go of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.vm.flow import Flow
from tests.vm.served_node import CONFIG, DEMO, PATIENCE, ServedNode

CONFIG_TEXT = (DEMO / "config.yaml").read_text(encoding="utf-8")


def table(node: ServedNode, vrf: str) -> int:
    """The routing table of a VRF, 0 while there is no such link."""
    shown = node.machine.run(f"ip -d -json link show vr.{vrf}", check=False).stdout
    return sum(link["linkinfo"]["info_data"]["table"] for link in json.loads(shown or "[]"))


@pytest.fixture
def as_before(node: ServedNode) -> Iterator[None]:
    before = table(node, "red")
    yield
    node.machine.write(CONFIG, CONFIG_TEXT)
    node.machine.wait_until(
        lambda: table(node, "red") == before, why="the table of before", timeout=PATIENCE
    )
    node.await_traffic()
    node.await_served(node.generation())


@pytest.mark.usefixtures("as_before")
def test_a_vrf_moves_to_another_table_and_the_other_vrf_never_notices(node: ServedNode) -> None:
    """config.yaml takes red's table out of the range, and gives it back."""
    before, frr = node.links(), node.frr_processes()
    last = table(node, "blue")
    assert table(node, "red") > last
    with Flow(node, BLUE.host, WORKLOAD.ipv4) as blue:
        node.machine.write(CONFIG, CONFIG_TEXT + f"tableRange: {last - 9}-{last}\n")
        node.machine.wait_until(
            lambda: 0 < table(node, "red") < last, why="another table", timeout=PATIENCE
        )
        node.await_tenant(RED)
        node.await_served(node.generation())
    print(blue)
    assert blue.lost == []
    assert node.frr_processes() == frr, "FRR lived through it"
    after = node.links()
    assert {name for name in before if before[name] != after[name]} == {"vr.red"}
    told = node.machine.journal("-u", "netop-netlink-reconciler", "-o", "cat")
    asked = told.index("needs re-creation, interrupts red; waiting until FRR has let go of it")
    assert told.index("red: made vr.red", asked) > asked
