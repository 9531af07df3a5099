# SPDX-License-Identifier: Apache-2.0
"""Drift: the stories of inside/links/ on the node, and what is put right under traffic."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.lab.source import archive_of
from tests.vm.flow import Flow
from tests.vm.served_node import CONFIG, ServedNode

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


def test_an_attribute_put_right_in_place_loses_nothing(node: ServedNode) -> None:
    with (
        Flow(node, RED.host, WORKLOAD.ipv4) as red,
        Flow(node, BLUE.host, WORKLOAD.ipv6) as blue,
    ):
        for broken in ("br.red mtu 1500", "dv.red mtu 1500", "vx.red alias x", "vx.red group 9"):
            node.machine.run(f"ip link set {broken}")
        node.machine.wait_until(
            "ip link show br.red | grep -q 'mtu 9000' && ip link show dv.red | grep -q 'mtu 9000'"
            " && ip link show vx.red | grep -q 'netop vrf red'",
            why="the attributes to be right",
        )
    print(f"{red}\n{blue}")
    assert (red.lost, blue.lost) == ([], [])


def test_a_vni_that_changes_takes_the_whole_way_round(node: ServedNode) -> None:
    """config.yaml gives red another VNI, and back: prepared, served, up, both times."""
    good = node.machine.read(CONFIG)
    generation = node.generation()
    with Flow(node, BLUE.host, WORKLOAD.ipv6) as blue:
        node.machine.write(CONFIG, good.replace("red: 5001", "red: 5099"))
        node.await_served(generation + 1)
        shown = node.machine.output("ip -d link show vx.red; vtysh -c 'show vrf vni'")
        assert "vxlan id 5099" in shown
        assert re.search(r"vr\.red\s+5099\s+vx\.red\s+br\.red\s+Up", shown)
        node.machine.write(CONFIG, good)
        node.await_served(generation + 2)
        node.await_tenant(RED)
    print(blue)
    assert blue.lost == []
