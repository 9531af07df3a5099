# SPDX-License-Identifier: Apache-2.0
"""Texts of a node that are not, or not only, netop's: what they have is kept."""

from __future__ import annotations

from pathlib import Path

from netop.frr_templater.found import Operators, operators
from tests.unit.frr_templater.fakes import BASE, Node, vrf

BLUE, MGMT = vrf("blue", 5002), vrf("mgmt", None)

# Of somebody whose own management VRF has the very name that netop would give it.
OWN_VRF = """\
vrf vr.mgmt
 vni 200
exit-vrf
router bgp 65000 vrf vr.mgmt
 neighbor uplink0 interface remote-as external
exit
"""


def test_what_the_operator_has_in_a_vrf_is_told_apart() -> None:
    names = frozenset({"vr.mgmt", "vr.red"})
    assert operators("", names) == Operators()
    assert operators(OWN_VRF, frozenset()) == Operators()
    assert operators(OWN_VRF, frozenset({"vr.red"})) == Operators()
    his = frozenset({"vr.mgmt"})
    assert operators(OWN_VRF, names) == Operators(his, his)
    assert operators("router bgp 1 vrf vr.red\nexit\n", names).numbered == frozenset()
    assert operators("vrf vr.red\n ip route 10.0.0.0/8 Null0\nvni 3\n", names) == Operators(
        numbered=frozenset({"vr.red"})
    )


async def test_a_vrf_of_provisioning_may_bear_the_name_that_netop_would_give_it(
    tmp_path: Path,
) -> None:
    """Its VNI and its sessions are none that netop made, and none that have to go."""
    node = Node(tmp_path, BASE.replace("#++{{.VRFs}}", "#++{{.VRFs}}\n!\n" + OWN_VRF))
    node.want(1, BLUE, MGMT)
    assert await node.settle() == "2 VRFs served, generation 1"
    assert node.served == {"blue": 5002, "mgmt": None}
    assert node.frr.bindings() == {"vr.blue": 5002, "vr.mgmt": 200}
    node.want(2)
    assert await node.settle() == "0 VRFs served, generation 2"
    assert node.frr.bindings() == {"vr.mgmt": 200}
    assert node.frr.reloads == 2
    assert node.frr.dismissed == {"vr.blue"}


async def test_the_vni_of_a_vrf_of_provisioning_is_not_published(tmp_path: Path) -> None:
    node = Node(tmp_path, BASE.replace("#++{{.VRFs}}", OWN_VRF + "#++{{.VRFs}}"))
    told: list[object] = []
    node.frr.before_reload = lambda: told.append(node.published["vrfs"])
    node.want(1, MGMT)
    await node.settle()
    assert told == [[]], "what was found before anything was served"


async def test_sessions_go_first_where_only_the_vni_is_the_operators(tmp_path: Path) -> None:
    """The `router bgp` goes as a whole, and zebra with it if a neighbor is left in it."""
    own = "vrf vr.blue\n vni 5002\nexit-vrf\n"
    node = Node(tmp_path, BASE.replace("#++{{.VRFs}}", own + "#++{{.VRFs}}"))
    node.want(1, BLUE)
    await node.settle()
    node.want(2)
    assert await node.settle() == "0 VRFs served, generation 2"
    assert node.frr.bindings() == {"vr.blue": 5002}
    assert "vr.blue" in node.frr.dismissed
