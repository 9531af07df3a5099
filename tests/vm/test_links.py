# SPDX-License-Identifier: Apache-2.0
"""Links broken by hand under traffic, and what FRR 10.3 does not survive."""

from __future__ import annotations

import time

import pytest

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.vm.flow import Flow
from tests.vm.served_node import ServedNode
from tests.vm.test_renewal import table

#: Seconds: watchfrr waits longer with each time that FRR ends within minutes.
PATIENCE = 900.0


def zebra_crashes(node: ServedNode) -> int:
    """How many times zebra ended in FRR's own bug.

    FRR 10.3 keeps an interface that is gone on its timer wheel for router advertisements
    while BGP peers over it, and dereferences it there (process_rtadv). Whoever deletes
    such an interface takes FRR down for all VRFs until watchfrr and the templater have
    it back.
    """
    told = node.machine.output(
        "journalctl -b -q -o cat -t ZEBRA | grep -c wheel_timer_thread || true"
    )
    return int(told)


@pytest.mark.parametrize("prefix", ["vx", "br", "vr", "vd", "dv"])
def test_a_link_deleted_under_traffic_comes_back_and_the_other_vrf_never_notices(
    node: ServedNode, prefix: str
) -> None:
    before, crashes = node.links(), zebra_crashes(node)
    with Flow(node, BLUE.host, WORKLOAD.ipv6) as blue:
        began = time.monotonic()
        node.machine.run(f"ip link delete {prefix}.red")
        node.machine.wait_until(
            lambda: node.links().get(f"{prefix}.red", 0) not in {0, before[f"{prefix}.red"]},
            why="the link to be made anew",
            timeout=PATIENCE,
        )
        node.await_tenant(RED, PATIENCE)
        seconds = time.monotonic() - began
        crashed = zebra_crashes(node) > crashes
        node.await_tenant(BLUE, PATIENCE)
    print(f"{prefix}.red deleted: red is back after {seconds:.1f} s\n{blue}")
    if crashed:
        print("zebra crashed on its timer for router advertisements")
    assert blue.lost == [] or (crashed and prefix in {"vd", "dv"})
    node.await_served(node.generation())
    after = node.links()
    assert after.keys() == before.keys()
    same = {name for name in before if before[name] == after[name]}
    assert {name for name in before if not name.endswith(".red")} <= same


def test_a_table_that_somebody_else_takes_ends_frr_and_netop_makes_way(node: ServedNode) -> None:
    """zebra ends where two VRFs have one table, and cannot start before one of them moves."""
    frr, taken = node.frr_processes(), table(node, "red")
    node.machine.run(f"ip link add intruder type vrf table {taken}")
    try:
        node.machine.wait_until(
            lambda: table(node, "red") not in {0, taken}, why="another table", timeout=PATIENCE
        )
        for tenant in (RED, BLUE):
            node.await_tenant(tenant, PATIENCE)
    finally:
        node.machine.run("ip link delete intruder", check=False)
    assert node.frr_processes() != frr
