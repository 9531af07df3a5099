# SPDX-License-Identifier: Apache-2.0
"""What a VRF lays claim to: names, VNIs, tables, the underlay; and when it is refused."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from netop.common.messages import Message
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import Attributes
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.refusal import Refusal
from tests.unit.netlink_reconciler.fake_kernel import ADDRESS, UNDERLAY, FakeKernel
from tests.unit.netlink_reconciler.world import converge, desired, follow, served, working

RED = ["vr.red", "br.red", "vx.red", "vd.red", "dv.red"]


def refusal(kernel: FakeKernel, vrfs: dict[str, int | None], vrf: str = "red") -> str:
    before = dict(kernel.links)
    plan = converge(kernel, desired(vrfs), served({}))
    for index, link in before.items():
        if link.vrf == vrf:
            assert kernel.links[index] == link, "a refused VRF is left alone"
    return plan.refused[vrf]


def test_a_renamed_vrf_waits_for_the_old_one_to_leave() -> None:
    kernel = working({"red": 5001})
    plan = converge(kernel, desired({"rouge": 5001}), served({"red": 5001}))
    assert plan.refused == {
        "rouge": "VNI 5001 is taken by vx.red, which stays until FRR has let go of it"
    }
    plan = converge(kernel, desired({"rouge": 5001}), served({}))
    assert plan.goals == {"rouge": Goal.PREPARED}
    assert not plan.refused


def test_a_vni_of_somebody_else_is_refused_to_that_vrf_alone() -> None:
    kernel = working({"green": 5009})
    kernel.add("vx.blue", Attributes(kind="vxlan", vni=5003, port=4789, group=0, alias=""))
    plan = converge(kernel, desired({"red": 5003, "green": 5009}), served({"green": 5009}))
    assert set(plan.refused) == {"red"}
    assert plan.refused["red"].startswith("VNI 5003 is taken by vx.blue")
    assert not any(link.vrf == "red" for link in kernel.links.values())
    assert kernel.names()["vx.green"].up


def test_a_vni_on_another_port_or_over_ipv6_is_no_obstacle() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    kernel.add("a", Attributes(kind="vxlan", vni=5003, port=8472))
    other = Attributes(kind="vxlan", vni=5003, port=4789, local=IPv6Address("fd00::1"))
    actual = kernel.observe(NodeSettings())
    assert make_plan(desired({"red": 5003}), None, actual).refused == {}
    kernel.links[99] = kernel.add("b", other)
    actual = kernel.observe(NodeSettings())
    assert make_plan(desired({"red": 5003}), None, actual).refused == {}


def test_a_refused_vrf_keeps_its_vni_and_may_block_another() -> None:
    kernel = working({"red": 5001, "blue": 5002})
    kernel.delete("dv.blue")
    kernel.add("dv.blue", Attributes(kind="dummy", group=0, alias="hands off"))
    before = dict(kernel.links)
    plan = converge(
        kernel, desired({"red": 5002, "blue": 5001}), served({"red": 5001, "blue": 5002})
    )
    assert plan.refused["blue"].startswith("dv.blue exists and is not ours")
    assert plan.refused["red"].startswith("VNI 5002 is taken by vx.blue")
    assert kernel.links == before


@pytest.mark.parametrize("name", RED)
def test_a_foreign_link_with_our_name_is_refused_and_kept(name: str) -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    foreign = kernel.add(name, Attributes(kind="dummy", group=0, alias="uplink"))
    plan = converge(kernel, desired({"red": 5001, "blue": 5002}), None)
    assert set(plan.refused) == {"red"}
    assert f"{name} exists and is not ours" in plan.refused["red"]
    assert kernel.links[foreign.index] == foreign
    assert "vx.blue" in kernel.names()


def test_a_foreign_link_with_our_name_is_never_removed() -> None:
    kernel = working({"red": 5001})
    kernel.add("vr.mgmt", Attributes(kind="vrf", table=10, group=0, alias=""), up=True)
    converge(kernel, desired({}), served({}))
    assert set(kernel.names()) == {UNDERLAY, "vr.mgmt"}


def test_tables_in_use_are_passed_over() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    kernel.add("mgmt", Attributes(kind="vrf", table=50, group=0, alias=""))
    kernel.busy_tables = frozenset({51, 52})
    converge(kernel, desired({"red": 5001}), None)
    assert kernel.names()["vr.red"].attributes.table == 53


def test_without_a_free_table_the_last_in_the_alphabet_waits() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    node = NodeSettings(table_first=60, table_last=61)
    wanted = desired({"a": 1, "b": 2, "c": 3}, node)
    plan = converge(kernel, wanted, None)
    assert plan.refused == {
        "c": "all 2 routing tables 60-61 are in use; widen tableRange in config.yaml"
    }
    converge(kernel, desired({"a": 1, "c": 3}, node), served({}))
    assert kernel.names()["vr.c"].attributes.table == 61


def test_two_vrfs_in_one_table_are_parted() -> None:
    kernel = working({"red": 5001, "blue": 5002})
    kernel.alter("vr.red", table=50)
    follow(kernel, {"red": 5001, "blue": 5002})
    tables = [kernel.names()[name].attributes.table for name in ("vr.red", "vr.blue")]
    assert tables == [51, 50]
    kernel.add("mgmt", Attributes(kind="vrf", table=50, group=0, alias=""))
    follow(kernel, {"red": 5001, "blue": 5002})
    assert kernel.names()["vr.blue"].attributes.table == 52


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        (None, "dum.underlay does not exist"),
        ((), "dum.underlay has no IPv4 address"),
        ((ADDRESS, IPv4Address("10.0.0.8")), "has 2 IPv4 addresses (10.0.0.7, 10.0.0.8)"),
    ],
)
def test_without_a_usable_underlay_links_stay_and_removals_go_on(
    addresses: tuple[IPv4Address, ...] | None, told: str
) -> None:
    kernel = working({"red": 5001, "old": 5002})
    kernel.alter("br.red", mtu=1500)
    if addresses is None:
        link = kernel.names()[UNDERLAY]
        del kernel.links[link.index]
    else:
        kernel.addresses[UNDERLAY] = addresses
    assert told in refusal(kernel, {"red": 5001})
    assert "vx.old" not in kernel.names()
    assert kernel.names()["vx.red"].up


def test_an_underlay_that_changes_its_address_takes_the_tunnels_along() -> None:
    kernel = working({"red": 5001})
    before = {link.name: link.index for link in kernel.links.values()}
    kernel.addresses[UNDERLAY] = (IPv4Address("10.9.9.9"),)
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    vxlan = kernel.names()["vx.red"].attributes
    assert (str(vxlan.local), vxlan.mac) == ("10.9.9.9", "02:54:0a:09:09:09")
    assert kernel.names()["br.red"].attributes.mac == "02:54:0a:09:09:09"
    assert {link.name: link.index for link in kernel.links.values()} == before


def test_an_underlay_that_was_made_anew_gets_new_tunnels() -> None:
    kernel = working({"red": 5001})
    kernel.delete(UNDERLAY)
    assert "vx.red" not in kernel.names()
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    kernel.add_underlay()
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert kernel.names()["vx.red"].up


def mtus(kernel: FakeKernel) -> dict[str, int | None]:
    return {name: kernel.names()[name].attributes.mtu for name in RED[1:]}


def test_a_narrow_underlay_narrows_vxlan_and_bridge_and_says_what_would_do() -> None:
    """As on a node from the original, where the kernel clips the VXLAN alone, silently."""
    kernel = FakeKernel()
    kernel.add_underlay(mtu=1500)
    plan = converge(kernel, desired({"red": 5001}), served({}))
    assert plan.refused == {}
    assert [str(warning) for warning in plan.warnings] == [
        "dum.underlay: mtu '1500': leaves 1450 for VXLANs, less than the mtu 9000 of config.yaml: "
        "larger packets of red are answered with too big; "
        "raise it to 9050, or set mtu in config.yaml to 1450"
    ]
    assert mtus(kernel) == {"br.red": 1450, "vx.red": 1450, "vd.red": 9000, "dv.red": 9000}
    kernel.alter(UNDERLAY, mtu=9050)
    plan = converge(kernel, desired({"red": 5001}), served({}))
    assert plan.warnings == ()
    assert mtus(kernel) == dict.fromkeys(RED[1:], 9000)


def test_a_narrow_underlay_is_told_of_few_vrfs_however_many_suffer() -> None:
    """A document with a longer sentence could not be read."""
    kernel = FakeKernel()
    kernel.add_underlay(mtu=1500)
    vrfs: dict[str, int | None] = {f"customer-{n:03}": n for n in range(1, 31)}
    plan = converge(kernel, desired(vrfs), served({}))
    told = "packets of customer-001, customer-002, customer-003 and 27 more are answered"
    assert told in str(plan.warnings[0])


def test_a_vxlan_that_is_wide_stays_wide_whatever_becomes_of_its_carrier() -> None:
    kernel = working({"red": 5001})
    kernel.alter(UNDERLAY, mtu=1500)
    plan = converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert (plan.warnings, plan.refused) == ((), {})
    assert mtus(kernel) == dict.fromkeys(RED[1:], 9000)


def test_a_vxlan_that_is_wide_is_narrowed_to_what_the_kernel_takes() -> None:
    """It refuses `mtu` where that is less than today, and still more than the carrier has."""
    kernel = working({"red": 5001})
    kernel.alter(UNDERLAY, mtu=1500)
    narrow = desired({"red": 5001}, NodeSettings(mtu=1500))
    plan = converge(kernel, narrow, served({"red": 5001}))
    assert plan.refused == {}
    assert mtus(kernel) == {"br.red": 1450, "vx.red": 1450, "vd.red": 1500, "dv.red": 1500}
    assert "leaves 1450 for VXLANs" in str(plan.warnings[0])
    converge(kernel, desired({"red": 5001}, NodeSettings(mtu=1400)), served({"red": 5001}))
    assert mtus(kernel) == dict.fromkeys(RED[1:], 1400)


def test_an_underlay_with_no_room_for_ipv6_is_refused() -> None:
    kernel = FakeKernel()
    kernel.add_underlay(mtu=1300)
    assert refusal(kernel, {"red": 5001}) == (
        "dum.underlay has MTU 1300, which leaves less than 1280 for a VXLAN; "
        "raise it to 1330 at least"
    )
    kernel.alter(UNDERLAY, mtu=1330)
    converge(kernel, desired({"red": 5001}), served({}))
    assert mtus(kernel)["vx.red"] == 1280


def test_one_vni_for_two_vrfs_goes_to_the_first() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    plan = converge(kernel, desired({"red": 5, "blue": 5}), None)
    assert plan.refused == {"red": "VNI 5 is already that of VRF blue"}
    assert "vx.blue" in kernel.names()


LATER = Refusal("later", Message.LINKS_REFUSED)


def test_a_vrf_that_is_held_is_left_alone() -> None:
    kernel = working({"red": 5001})
    kernel.delete("vx.red")
    actual = kernel.observe(NodeSettings())
    plan = make_plan(desired({"red": 5001}), None, actual, held={"red": LATER})
    assert plan.steps == ()
    assert plan.refused == {"red": "later"}
