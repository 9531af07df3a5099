# SPDX-License-Identifier: Apache-2.0
"""Every attribute of every link, missing or wrong, is put right."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from netop.common.documents import VrfState
from tests.vm.inside.links.namespace import (
    PREFIXES,
    Node,
    backstops,
    ip,
    links,
    mark,
    picture,
    pictures,
)

BREAKS = [
    *[f"link delete {prefix}.red" for prefix in PREFIXES],
    *[f"link set {prefix}.red down" for prefix in PREFIXES],
    *[f"link set {prefix}.red alias mine" for prefix in PREFIXES],
    *[f"link set {prefix}.red group 7" for prefix in PREFIXES],
    *[f"link set {prefix}.red mtu 1400" for prefix in PREFIXES if prefix != "vr"],
    *[f"link set {prefix}.red arp off" for prefix in PREFIXES if prefix != "vr"],
    *[f"link set {prefix}.red nomaster" for prefix in ("br", "vx", "vd")],
    "link set br.red address 02:00:00:00:00:01",
    "link set vx.red address 02:00:00:00:00:01",
    "link set br.red master vr.blue",
    "link set vx.red master br.blue",
    "link set vd.red master vr.blue",
    "link set dv.red master vr.blue",
    "link set dv.red master br.red",
    "link set vx.red type vxlan local 10.9.9.9",
    "link set vx.red type vxlan dev lo",
    "link set vx.red type vxlan learning",
    "link set vx.red type bridge_slave hairpin off",
    "link set vx.red type bridge_slave learning on",
    "link set vx.red addrgenmode eui64",
    "link set vd.red addrgenmode none",
    "link set dv.red addrgenmode none",
    # What cannot be changed in place was made wrong by somebody who copied our mark.
    "link delete vx.red; link add vx.red type vxlan id 77 dev dum.underlay local 10.0.0.7"
    " dstport 4789; MARK vx.red",
    "link delete vx.red; link add vx.red type vxlan id 5001 dev dum.underlay local 10.0.0.7"
    " dstport 8472; MARK vx.red",
    "link delete vx.red; link add vx.red type dummy; MARK vx.red",
    "link delete br.red; link add br.red type dummy; MARK br.red",
    "link delete vr.red; link add vr.red type vrf table 1000; MARK vr.red",
    "link delete vr.red; link add vr.red type vrf table 50; MARK vr.red",  # the table of blue
    "link delete vd.red; link add vd.red type dummy; MARK vd.red",
    "link delete vd.red; link add vd.red type veth peer name other; MARK vd.red",
    # Renamed, all of it, and half of it.
    "link set vx.red name vxlan9",
    "link set vd.red name veth9",
    "link delete vr.red; link delete br.red; link delete vx.red; link delete vd.red",
]


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_mended(shared: Node, broken: str) -> None:
    for command in broken.split("; "):
        if command.startswith("MARK"):
            mark(command.split()[1], "red")
        else:
            ip(command)
    assert pictures() != shared.good, "the test breaks nothing"
    shared.story()
    status = shared.mend()
    seen = links()
    assert {name: picture(link) for name, link in seen.items()} == shared.good
    assert status == f"2 VRFs in sync, generation {shared.generation}"
    assert seen["vx.blue"]["ifindex"] == shared.blue
    assert shared.story(), "it is told"
    shared.reconcile()
    assert shared.story() == [], "and done once"


def test_a_missing_route_of_last_resort_is_put_back(node: Node) -> None:
    node.bring_up({"red": 5001})
    for family in ("-4", "-6"):
        ip(f"{family} route delete unreachable default metric 4278198272 table 50")
    assert backstops() == []
    node.reconcile()
    assert backstops() == [("-4", "50"), ("-6", "50")]


def test_own_sources_are_accepted_again(node: Node) -> None:
    setting = Path("/proc/sys/net/ipv4/conf/dv.red/accept_local")
    node.bring_up({"red": 5001})
    assert setting.read_text(encoding="ascii") == "1\n"
    setting.write_text("0", encoding="ascii")
    node.reconcile()
    assert setting.read_text(encoding="ascii") == "1\n"


def link_locals(name: str) -> list[str]:
    """The link-local addresses, once the link runs and has what the kernel gives it."""
    for _ in range(500):
        if json.loads(ip(f"-j link show dev {name}"))[0]["operstate"] == "UP":
            break
        time.sleep(0.01)
    (shown,) = json.loads(ip(f"-6 -j address show dev {name} scope link")) or [{"addr_info": []}]
    return [address["local"] for address in shown["addr_info"]]


@pytest.mark.parametrize("name", ["vd.red", "dv.red"])
def test_a_link_local_address_is_given_back(node: Node, name: str) -> None:
    node.bring_up({"red": 5001})
    before = link_locals(name)
    assert len(before) == 1
    node.story()
    node.reconcile()
    assert node.story() == [], "the kernel gave it, not netop"
    ip(f"address flush dev {name}")
    assert node.reconcile() == "1 VRF in sync, generation 1"
    assert link_locals(name) == before
    assert node.story() == [f"{name}: address {before[0]} put in place"]
    node.reconcile()
    assert node.story() == []


def test_a_link_that_came_up_without_address_generation_gets_its_address(node: Node) -> None:
    node.bring_up({"red": 5001})
    before = link_locals("dv.red")
    ip("link set dv.red addrgenmode none")
    ip("link set dv.red down")
    ip("link set dv.red up")
    assert link_locals("dv.red") == []
    assert node.reconcile() == "1 VRF in sync, generation 1"
    assert link_locals("dv.red") == before


def test_a_vrf_whose_veth_has_ipv6_disabled_is_not_in_sync(node: Node) -> None:
    setting = Path("/proc/sys/net/ipv6/conf/dv.red/disable_ipv6")
    node.bring_up({"red": 5001})
    assert len(link_locals("dv.red")) == 1
    setting.write_text("1", encoding="ascii")
    status = node.reconcile()
    assert "IPv6 is disabled on this device" in status
    assert node.state("red") == VrfState.FAILED
    setting.write_text("0", encoding="ascii")
    assert node.reconcile() == "1 VRF in sync, generation 1"
    assert len(link_locals("dv.red")) == 1


def test_a_peer_in_another_namespace_is_replaced(node: Node) -> None:
    node.bring_up({"red": 5001})
    before = pictures()
    ip("netns add elsewhere")
    try:
        ip("link set dv.red netns elsewhere")
        node.mend()
        assert pictures() == before
    finally:
        ip("netns delete elsewhere")
