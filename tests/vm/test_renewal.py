# SPDX-License-Identifier: Apache-2.0
"""What FRR peers over is made anew only after FRR has let go of it, and FRR lives."""

from __future__ import annotations

import json

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.vm.flow import Flow
from tests.vm.served_node import PATIENCE, ServedNode


def table_of_red(node: ServedNode) -> int:
    """The routing table of vr.red, 0 while there is none."""
    shown = node.machine.run("ip -d -json link show vr.red", check=False).stdout
    return sum(link["linkinfo"]["info_data"]["table"] for link in json.loads(shown or "[]"))


def frr_processes(node: ServedNode) -> str:
    return node.machine.output("cat /run/frr/zebra.pid /run/frr/bgpd.pid")


def test_a_vrf_moves_to_another_table_and_the_other_vrf_never_notices(node: ServedNode) -> None:
    """Somebody makes a VRF with red's table: the two would leak every route to each other."""
    before, frr, table = node.links(), frr_processes(node), table_of_red(node)
    with Flow(node, BLUE.host, WORKLOAD.ipv4) as blue:
        node.machine.run(f"ip link add intruder type vrf table {table}")
        node.machine.wait_until(
            lambda: table_of_red(node) not in {0, table}, why="another table", timeout=PATIENCE
        )
        for address in WORKLOAD.addresses:
            node.machine.wait_until(
                f"ip netns exec {RED.name} ping -n -q -c 1 -W 1 {address}",
                why="red's traffic",
                timeout=PATIENCE,
            )
        node.await_served(node.generation())
    node.machine.run("ip link delete intruder")
    print(blue)
    assert blue.lost == []
    assert frr_processes(node) == frr, "FRR lived through it"
    after = node.links()
    assert {name for name in before if before[name] != after[name]} == {"vr.red"}
    told = node.machine.journal("-u", "netop-netlink-reconciler", "-o", "cat")
    asked = told.index("needs re-creation, interrupts red; waiting until FRR has let go of it")
    assert told.index("red: made vr.red", asked) > asked
