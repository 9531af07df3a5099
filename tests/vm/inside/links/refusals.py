# SPDX-License-Identifier: Apache-2.0
"""What belongs to others is left alone, and the VRF that wants it is told."""

from __future__ import annotations

import pytest

from netop.common.documents import (
    VrfState,
)
from netop.common.settings import NodeSettings
from tests.vm.inside.links.namespace import (
    PREFIXES,
    Node,
    ip,
    links,
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_foreign_link_of_our_name_is_refused(node: Node, prefix: str) -> None:
    ip(f"link add {prefix}.red type dummy")
    before = links()[f"{prefix}.red"]
    node.bring_up({"red": 5001, "blue": 5002})
    assert node.state("red") == VrfState.FAILED
    assert node.state("blue") == VrfState.UP
    assert links()[f"{prefix}.red"] == before
    assert sum(name.endswith(".red") for name in links()) == 1
    ip(f"link delete {prefix}.red")
    node.reconcile()
    assert node.state("red") == VrfState.UP


def test_tables_in_use_are_passed_over(node: Node) -> None:
    ip("link add mgmt type vrf table 50")
    ip("route add unreachable 192.0.2.0/24 table 51")
    ip("-6 route add unreachable 2001:db8::/32 table 52")
    ip("rule add from 192.0.2.1 lookup 53")
    ip("-6 rule add from 2001:db8::1 lookup 54")
    node.bring_up({"red": 5001})
    assert links()["vr.red"]["linkinfo"]["info_data"]["table"] == 55


def test_a_vni_that_a_foreign_vxlan_holds_is_refused_to_that_vrf_alone(node: Node) -> None:
    ip("link add vx.other type vxlan id 5001 local 10.1.1.1 dstport 4789")
    ip("link add v6 type vxlan id 5002 local fd00::1 dstport 4789")
    ip("link add port type vxlan id 5003 local 10.1.1.1 dstport 8472")
    node.bring_up({"red": 5001, "blue": 5002, "green": 5003})
    assert [node.state(vrf) for vrf in ("red", "blue", "green")] == [
        VrfState.FAILED,
        VrfState.UP,
        VrfState.UP,
    ]
    ip("link delete vx.other")
    node.reconcile()
    assert node.state("red") == VrfState.UP


def mtus() -> list[int]:
    return [links()[f"{prefix}.red"]["mtu"] for prefix in ("br", "vx", "vd", "dv")]


def test_a_narrow_underlay_narrows_vxlan_and_bridge_and_says_what_would_do(node: Node) -> None:
    ip("link set dum.underlay mtu 1500")
    node.desire({"red": 5001})
    assert "raise it to 9050" in node.reconcile()
    assert node.state("red") == VrfState.PREPARED
    assert mtus() == [1450, 1450, 9000, 9000]
    ip("link set dum.underlay mtu 9050")
    assert "9050" not in node.reconcile()
    assert mtus() == [9000, 9000, 9000, 9000]
    ip("link set dum.underlay mtu 1500")
    node.reconcile()
    assert mtus() == [9000, 9000, 9000, 9000], "the kernel leaves it, and so do we"
    ip("link set dum.underlay mtu 1300")
    ip("link delete vx.red")
    assert "raise it to 1330 at least" in node.reconcile()
    assert node.state("red") == VrfState.FAILED


def test_without_a_free_table_the_rest_goes_on(node: Node) -> None:
    node.desire({"a": 1, "b": 2, "c": 3}, NodeSettings(table_first=60, table_last=61))
    assert "all 2 routing tables 60-61 are in use" in node.reconcile()
    assert node.state("b") == VrfState.PREPARED


def test_one_refused_message_fails_one_vrf(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    from netop.netlink_reconciler import wanted as module

    real = module.router_mac
    # A multicast address is refused by every driver.
    monkeypatch.setattr(module, "router_mac", lambda _address: "01:00:00:00:00:01")
    node.desire({"red": 5001})
    status = node.reconcile()
    assert "red: making br.red (bridge): " in status, status
    monkeypatch.setattr(module, "router_mac", real)
    node.reconcile()
    assert node.state("red") == VrfState.PREPARED
