# SPDX-License-Identifier: Apache-2.0
"""Links: the stories of inside/links/ on the node, and breakage with traffic under way."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.lab.fabric import BLUE, RED, WORKLOAD, Tenant
from tests.lab.source import archive_of
from tests.vm.served_node import ServedNode

SOURCE = Path(__file__).parents[2]
#: Seconds; in an emulated machine each of the hundred stories takes one or two.
PATIENCE = 900.0


def test_every_link_and_attribute_missing_or_wrong_is_mended(node: ServedNode) -> None:
    machine = node.machine
    machine.unpack(archive_of(SOURCE), "/run/links")
    done = machine.run(
        "cd /run/links && PYTHONPATH=services:. python3 -m pytest -q -p no:cacheprovider"
        " --confcutdir=tests/vm/inside -o python_files='*.py' tests/vm/inside/links",
        check=False,
        timeout=PATIENCE,
    )
    print(done.stdout[-10000:])
    assert done.ok, done.stdout[-10000:] + done.stderr[-2000:]
    machine.run("rm -r /run/links")


class Ping:
    """A ping from a tenant to the workload, ten a second, in the background."""

    def __init__(self, node: ServedNode, tenant: Tenant) -> None:
        self._node = node
        self._log = f"/run/ping-{tenant.name}"
        command = f"ip netns exec {tenant.name} ping -n -q -i 0.1 {WORKLOAD.ipv4}"
        self._pid = node.machine.output(f"{command} > {self._log} 2>&1 & echo $!")

    def lost(self) -> int:
        """End it and return how many answers are missing, the one under way not counted."""
        self._node.machine.run(["kill", "-INT", self._pid])
        self._node.machine.wait_until(f"grep -q transmitted {self._log}", why="the account")
        told = re.search(
            r"(\d+) packets transmitted, (\d+) received", self._node.machine.read(self._log)
        )
        assert told is not None
        return max(0, int(told[1]) - int(told[2]) - 1)


def reaches_again(node: ServedNode, tenant: Tenant, since: float) -> float:
    node.machine.wait_until(
        f"ip netns exec {tenant.name} ping -n -q -c 1 -W 1 {WORKLOAD.ipv4}",
        why=f"{tenant.name}'s traffic",
        timeout=180,
        interval=0.2,
    )
    return time.monotonic() - since


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
    blue = Ping(node, BLUE)
    began = time.monotonic()
    node.machine.run(f"ip link delete {prefix}.red")
    seconds = reaches_again(node, RED, began)
    crashed = zebra_crashes(node) > crashes
    if crashed:
        reaches_again(node, BLUE, began)
    lost = blue.lost()
    print(f"{prefix}.red deleted: red is back after {seconds:.1f} s, blue lost {lost} packets")
    if crashed:
        print("zebra crashed on its timer for router advertisements")
    assert lost == 0 or (crashed and prefix in {"vd", "dv"})
    after = node.links()
    assert after.keys() == before.keys()
    same = {name for name in before if before[name] == after[name]}
    assert {name for name in before if not name.endswith(".red")} <= same
    for tenant in (RED, BLUE):
        node.machine.wait_until(
            f"ip netns exec {tenant.name} ping -n -q -c 1 -W 1 {WORKLOAD.ipv6}",
            why=f"IPv6 traffic of {tenant.name}",
        )


def test_an_attribute_put_right_in_place_loses_nothing(node: ServedNode) -> None:
    red, blue = Ping(node, RED), Ping(node, BLUE)
    for broken in ("br.red mtu 1500", "dv.red mtu 1500", "vx.red alias x", "vx.red group 9"):
        node.machine.run(f"ip link set {broken}")
    node.machine.wait_until(
        "ip link show br.red | grep -q 'mtu 9000' && ip link show dv.red | grep -q 'mtu 9000'"
        " && ip link show vx.red | grep -q 'netop vrf red'",
        why="the attributes to be right",
    )
    assert (red.lost(), blue.lost()) == (0, 0)


def test_a_vni_that_changes_takes_the_whole_way_round(node: ServedNode) -> None:
    """config.yaml gives red another VNI, and back: prepared, served, up, both times."""
    config = "/opt/network-operator/config.yaml"
    good = node.machine.read(config)
    blue = Ping(node, BLUE)
    generation = node.generation()
    node.machine.write(config, good.replace("red: 5001", "red: 5099"))
    node.await_served(generation + 1)
    shown = node.machine.output("ip -d link show vx.red; vtysh -c 'show vrf vni'")
    assert "vxlan id 5099" in shown
    assert re.search(r"vr\.red\s+5099\s+vx\.red\s+br\.red\s+Up", shown)
    node.machine.write(config, good)
    node.await_served(generation + 2)
    reaches_again(node, RED, time.monotonic())
    assert blue.lost() == 0
