# SPDX-License-Identifier: Apache-2.0
"""What FRR peers over is made anew only after FRR has let go of it, or when it is dead."""

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


def frr_processes(node: ServedNode) -> str:
    return node.machine.output("cat /run/frr/zebra.pid /run/frr/bgpd.pid")


def await_red(node: ServedNode, timeout: float = PATIENCE) -> None:
    for address in WORKLOAD.addresses:
        node.machine.wait_until(
            f"ip netns exec {RED.name} ping -n -q -c 1 -W 1 {address}",
            why="red's traffic",
            timeout=timeout,
        )


@pytest.fixture
def as_before(node: ServedNode) -> Iterator[None]:
    yield
    node.machine.run("ip link delete intruder", check=False)
    node.machine.write(CONFIG, CONFIG_TEXT)
    node.await_traffic()


@pytest.mark.usefixtures("as_before")
def test_a_vrf_moves_to_another_table_and_the_other_vrf_never_notices(node: ServedNode) -> None:
    """config.yaml takes red's table out of the range, and gives it back."""
    before, frr = node.links(), frr_processes(node)
    last = table(node, "blue")
    assert table(node, "red") > last
    with Flow(node, BLUE.host, WORKLOAD.ipv4) as blue:
        node.machine.write(CONFIG, CONFIG_TEXT + f"tableRange: {last - 9}-{last}\n")
        node.machine.wait_until(
            lambda: 0 < table(node, "red") < last, why="another table", timeout=PATIENCE
        )
        await_red(node)
        node.await_served(node.generation())
    print(blue)
    assert blue.lost == []
    assert frr_processes(node) == frr, "FRR lived through it"
    after = node.links()
    assert {name for name in before if before[name] != after[name]} == {"vr.red"}
    told = node.machine.journal("-u", "netop-netlink-reconciler", "-o", "cat")
    asked = told.index("needs re-creation, interrupts red; waiting until FRR has let go of it")
    assert told.index("red: made vr.red", asked) > asked


@pytest.mark.usefixtures("as_before")
def test_a_table_that_somebody_else_takes_ends_frr_and_netop_makes_way(node: ServedNode) -> None:
    """zebra ends where two VRFs have one table, and cannot start before one of them moves."""
    frr, taken = frr_processes(node), table(node, "red")
    node.machine.run(f"ip link add intruder type vrf table {taken}")
    node.machine.wait_until(
        lambda: table(node, "red") not in {0, taken}, why="another table", timeout=PATIENCE * 3
    )
    await_red(node, PATIENCE * 3)
    node.await_traffic()
    assert frr_processes(node) != frr
