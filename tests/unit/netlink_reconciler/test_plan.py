# SPDX-License-Identifier: Apache-2.0
"""The plan: from documents and links to steps, one story each."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address
from socket import AF_INET, AF_INET6
from typing import Any

import pytest

from netop.common.settings import NodeSettings
from netop.netlink_reconciler.backstop import Backstop
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import DOOMED, GROUP
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.step import Switch
from tests.unit.netlink_reconciler.fake_kernel import ADDRESS, MAC, UNDERLAY, FakeKernel
from tests.unit.netlink_reconciler.world import converge, desired, follow, served, working

RED = ["vr.red", "br.red", "vx.red", "vd.red", "dv.red"]


def steps(
    kernel: FakeKernel, vrfs: dict[str, int | None], serves: dict[str, int | None]
) -> list[str]:
    actual = kernel.observe(NodeSettings())
    return [str(step) for step in make_plan(desired(vrfs), served(serves), actual).steps]


def test_a_new_vrf_is_made_and_left_down() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    converge(kernel, desired({"red": 5001}), None)
    links = kernel.names()
    assert all(not links[name].up for name in RED)
    assert all(links[name].attributes.alias == "netop vrf red" for name in RED)
    assert links["vr.red"].attributes.table == 50
    bridge = links["br.red"].attributes
    assert (bridge.master, bridge.mtu, bridge.mac) == ("vr.red", 9000, MAC)
    vxlan = links["vx.red"].attributes
    assert (vxlan.vni, vxlan.port, vxlan.local, vxlan.lower) == (5001, 4789, ADDRESS, UNDERLAY)
    assert (vxlan.learning, vxlan.mtu, vxlan.mac) == (False, 9000, MAC)
    assert (vxlan.master, vxlan.port_learning, vxlan.hairpin) == ("br.red", False, True)
    inner, outer = links["vd.red"].attributes, links["dv.red"].attributes
    assert (inner.master, inner.mtu, inner.peer) == ("vr.red", 9000, "dv.red")
    assert (outer.master, outer.mtu, outer.peer) == ("", 9000, "vd.red")


def test_it_goes_up_once_frr_serves_it_and_down_when_frr_no_longer_does() -> None:
    kernel = working({"red": 5001})
    assert all(kernel.names()[name].up for name in RED)
    converge(kernel, desired({"red": 5001}), served({}))
    downs = [step.name for step in kernel.applied if isinstance(step, Switch)]
    assert downs == RED[::-1]
    assert not any(kernel.names()[name].up for name in RED)


def test_another_vni_in_frr_is_not_ours() -> None:
    kernel = working({"red": 5001})
    plan = make_plan(desired({"red": 5001}), served({"red": 5009}), kernel.observe(NodeSettings()))
    assert plan.goals == {"red": Goal.PREPARED}


def test_what_leaves_stays_until_frr_has_let_go() -> None:
    kernel = working({"red": 5001, "blue": 5002})
    kernel.alter("br.red", mtu=1500)
    assert steps(kernel, {"blue": 5002}, {"red": 5001, "blue": 5002}) == []
    converge(kernel, desired({"blue": 5002}), served({"blue": 5002}))
    assert not any(link.vrf == "red" for link in kernel.links.values())
    assert [str(step) for step in kernel.applied] == [
        "vx.red: removed",
        "br.red: removed",
        "vd.red: removed",
        "vr.red: removed",
        "vr.red: unreachable IPv4 default route in table 51 removed",
        "vr.red: unreachable IPv6 default route in table 51 removed",
    ]
    assert sum(link.vrf == "blue" for link in kernel.links.values()) == 5


def test_what_frr_may_have_a_part_of_stays_as_well() -> None:
    """frr-templater was killed while FRR took red over, and red leaves before it is back."""
    kernel = FakeKernel()
    kernel.add_underlay()
    converge(kernel, desired({"red": 5001}), served({}))
    unsure = dataclasses.replace(served({}), trying=("red",))
    assert converge(kernel, desired({}), unsure).goals == {"red": Goal.LEAVING}
    assert len([link for link in kernel.links.values() if link.vrf == "red"]) == 5
    converge(kernel, desired({}), served({}))
    assert set(kernel.names()) == {UNDERLAY}


def test_a_vrf_that_only_wants_route_maps_has_no_links() -> None:
    kernel = working({"red": 5001})
    plan = converge(kernel, desired({"red": None}), served({"red": 5001}))
    assert plan.goals == {"red": Goal.LEAVING}
    converge(kernel, desired({"red": None}), served({"red": None}))
    assert set(kernel.names()) == {UNDERLAY}


@pytest.mark.parametrize(
    ("name", "drift", "told"),
    [
        ("br.red", {"mtu": 1500}, "br.red: mtu 1500 → 9000"),
        ("br.red", {"mac": "02:00:00:00:00:01"}, f"br.red: mac 02:00:00:00:00:01 → {MAC}"),
        ("br.red", {"master": ""}, "br.red: master none → vr.red"),
        ("br.red", {"arp": False}, "br.red: arp off → on"),
        ("br.red", {"alias": "mine"}, "br.red: alias mine → netop vrf red"),
        ("br.red", {"group": 0}, f"br.red: group 0 → {GROUP}"),
        ("vx.red", {"mtu": 1450}, "vx.red: mtu 1450 → 9000"),
        ("vx.red", {"mac": "02:00:00:00:00:01"}, f"vx.red: mac 02:00:00:00:00:01 → {MAC}"),
        ("vx.red", {"local": IPv4Address("1.2.3.4")}, "vx.red: local 1.2.3.4 → 10.0.0.7"),
        ("vx.red", {"lower": ""}, f"vx.red: lower none → {UNDERLAY}"),
        ("vx.red", {"learning": True}, "vx.red: learning on → off"),
        ("vx.red", {"port_learning": True}, "vx.red: learning as a port on → off"),
        ("vx.red", {"hairpin": False}, "vx.red: hairpin off → on"),
        ("vx.red", {"link_local": True}, "vx.red: IPv6 link-local on → off"),
        ("vd.red", {"mtu": 1500}, "vd.red: mtu 1500 → 9000"),
        ("vd.red", {"master": ""}, "vd.red: master none → vr.red"),
        ("vd.red", {"link_local": False}, "vd.red: IPv6 link-local off → on"),
        ("dv.red", {"mtu": 1500}, "dv.red: mtu 1500 → 9000"),
        ("dv.red", {"master": "br.red"}, "dv.red: master br.red → none"),
        ("dv.red", {"accept_local": False}, "dv.red: own source addresses off → on"),
        ("vr.red", {"alias": ""}, "vr.red: alias none → netop vrf red"),
    ],
)
def test_drift_is_put_right_in_place(name: str, drift: dict[str, Any], told: str) -> None:
    kernel = working({"red": 5001, "blue": 5002})
    before = dict(kernel.links)
    kernel.alter(name, **drift)
    assert steps(kernel, {"red": 5001, "blue": 5002}, {"red": 5001, "blue": 5002}) == [told]
    converge(kernel, desired({"red": 5001, "blue": 5002}), served({"red": 5001, "blue": 5002}))
    assert kernel.links == before, "the same links, the same ifindexes"


@pytest.mark.parametrize(
    ("name", "drift", "told", "made"),
    [
        ("vx.red", {"vni": 7}, "vx.red: id 7 → 5001", {"vx.red"}),
        ("vx.red", {"port": 8472}, "vx.red: port 8472 → 4789", {"vx.red"}),
        ("br.red", {"kind": "dummy"}, "br.red: kind dummy → bridge", {"br.red"}),
    ],
)
def test_what_cannot_be_changed_is_re_created_alone(
    name: str, drift: dict[str, Any], told: str, made: set[str]
) -> None:
    kernel = working({"blue": 5002, "red": 5001})
    before = {link.name: link.index for link in kernel.links.values()}
    kernel.alter(name, **drift)
    planned = steps(kernel, {"red": 5001, "blue": 5002}, {"red": 5001, "blue": 5002})
    assert planned[0] == f"{told}, needs re-creation, interrupts red"
    converge(kernel, desired({"red": 5001, "blue": 5002}), served({"red": 5001, "blue": 5002}))
    after = {link.name: link.index for link in kernel.links.values()}
    assert {link for link in after if before[link] != after[link]} == made
    assert all(kernel.names()[link].up for link in RED)
    assert all(after[link] > max(before.values()) for link in made), "no ifindex is used again"


@pytest.mark.parametrize(
    ("name", "drift", "told", "made"),
    [
        ("vr.red", {"table": 1000}, "vr.red: table 1000 → 51", {"vr.red"}),
        ("vd.red", {"peer": ""}, "vd.red: peer none → dv.red", {"vd.red", "dv.red"}),
        ("dv.red", {"kind": "dummy", "peer": None}, "dv.red: kind dummy → veth, peer none → vd.red",
         {"vd.red", "dv.red"}),
    ],
)  # fmt: skip
def test_what_frr_peers_over_is_re_created_after_frr_has_let_go(
    name: str, drift: dict[str, Any], told: str, made: set[str]
) -> None:
    """zebra 10.3 ends when such an interface goes (frr_templater/farewell.py)."""
    kernel = working({"blue": 5002, "red": 5001})
    before = dict(kernel.links)
    kernel.alter(name, **drift)
    drifted = dict(kernel.links)
    both = desired({"red": 5001, "blue": 5002})
    plan = converge(kernel, both, served({"red": 5001, "blue": 5002}))
    assert plan.asking == {
        "red": f"{told}, needs re-creation, interrupts red; waiting until FRR has let go of it"
    }
    assert kernel.links == drifted, "nothing is done to it meanwhile"
    plan = converge(kernel, both, served({"blue": 5002}))
    assert (plan.asking, plan.goals["red"]) == ({}, Goal.PREPARED)
    plan = converge(kernel, both, served({"red": 5001, "blue": 5002}))
    assert plan.goals["red"] == Goal.UP
    links = kernel.names()
    assert {link.name for link in before.values() if link.index not in kernel.links} == made
    assert all(links[link].up for link in RED)
    assert {i for i, link in before.items() if link.vrf == "blue"} <= kernel.links.keys()


def test_without_word_from_frr_what_is_up_stays_up_and_nothing_is_removed() -> None:
    kernel = working({"red": 5001, "blue": 5002})
    before = dict(kernel.links)
    plan = converge(kernel, desired({"red": 5001, "green": 5003}), None)
    assert plan.goals == {"red": Goal.UP, "blue": Goal.LEAVING, "green": Goal.PREPARED}
    assert before.items() <= kernel.links.items()
    kernel.alter("dv.red", peer="")
    plan = converge(kernel, desired({"red": 5001, "blue": 5002}), None)
    assert set(plan.asking) == {"red"}
    plan = converge(kernel, desired({"red": 5004, "blue": 5002}), served({"blue": 5002}))
    assert plan.goals["red"] == Goal.PREPARED


def test_a_vrf_that_comes_back_before_frr_has_let_go_was_never_away() -> None:
    kernel = working({"red": 5001})
    before = dict(kernel.links)
    converge(kernel, desired({}), served({"red": 5001}))
    plan = converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert plan.goals == {"red": Goal.UP}
    assert (kernel.links, kernel.applied) == (before, [])


@pytest.mark.parametrize("name", RED)
def test_a_missing_link_is_made_again(name: str) -> None:
    kernel = working({"red": 5001})
    good = {link.name: link.attributes for link in kernel.links.values()}
    kernel.delete(name)
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert {link.name: link.attributes for link in kernel.links.values()} == good
    assert all(kernel.names()[link].up for link in RED)


def test_links_go_up_only_after_their_vrf_was_seen_to_be_right() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()

    def check(step: object) -> None:
        if isinstance(step, Switch) and step.up:
            links = kernel.names()
            assert set(RED) <= links.keys()
            assert links["vx.red"].attributes.hairpin is True
            assert links["br.red"].attributes.mtu == 9000

    kernel.before = check
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    ups = [step.name for step in kernel.applied if isinstance(step, Switch)]
    assert ups == RED


def test_a_changed_vni_goes_back_to_prepared() -> None:
    kernel = working({"red": 5001})
    plan = converge(kernel, desired({"red": 5003}), served({"red": 5001}))
    assert plan.goals == {"red": Goal.PREPARED}
    assert kernel.names()["vx.red"].attributes.vni == 5003
    assert not any(kernel.names()[name].up for name in RED)


def test_two_vrfs_swap_their_vnis() -> None:
    kernel = working({"red": 5001, "blue": 5002})
    converge(kernel, desired({"red": 5002, "blue": 5001}), served({"red": 5001, "blue": 5002}))
    assert kernel.names()["vx.red"].attributes.vni == 5002
    assert kernel.names()["vx.blue"].attributes.vni == 5001


@pytest.mark.parametrize("group", [GROUP, DOOMED])
def test_a_link_that_was_renamed_is_replaced(group: int) -> None:
    """Also where a crash left it among those that would go in one request."""
    kernel = working({"red": 5001})
    link = kernel.names()["vx.red"]
    marked = dataclasses.replace(link.attributes, group=group)
    kernel.links[link.index] = dataclasses.replace(link, name="mine", attributes=marked)
    planned = steps(kernel, {"red": 5001}, {"red": 5001})
    assert planned[0] == "mine: removed, it was made for VRF red and renamed since"
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert "mine" not in kernel.names()
    assert kernel.names()["vx.red"].up


def test_a_crash_between_making_and_marking_is_mended() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()
    first = make_plan(desired({"red": 5001}), None, kernel.observe(NodeSettings()))
    for cut in range(len(first.steps)):
        kernel = FakeKernel()
        kernel.add_underlay()
        kernel.apply(first.steps[:cut])
        converge(kernel, desired({"red": 5001}), None)
        assert kernel.names()["vx.red"].attributes.hairpin is True


def test_no_vrf_reaches_further_than_its_table() -> None:
    kernel = FakeKernel()
    kernel.add_underlay()

    def fenced(step: object) -> None:
        if isinstance(step, Switch) and step.up:
            assert kernel.backstops == {Backstop(50, AF_INET), Backstop(50, AF_INET6)}

    kernel.before = fenced
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    kernel.backstops.remove(Backstop(50, AF_INET6))
    assert steps(kernel, {"red": 5001}, {"red": 5001}) == [
        "vr.red: unreachable IPv6 default route in table 50 put in place"
    ]
    converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    kernel.alter("vr.red", table=1000)
    kernel.backstops.add(Backstop(77, AF_INET))  # a crash left it there
    kernel.before = lambda _: None
    follow(kernel, {"red": 5001})
    table = kernel.names()["vr.red"].attributes.table
    assert kernel.backstops == {Backstop(table or 0, AF_INET), Backstop(table or 0, AF_INET6)}
    converge(kernel, desired({}), served({}))
    assert kernel.backstops == set()


def test_a_vrf_that_is_not_ours_any_more_keeps_its_fence() -> None:
    """It runs, with its tenant's links in it, whoever marked it anew."""
    kernel = working({"red": 5001})
    fence = set(kernel.backstops)
    kernel.alter("vr.red", alias="mine", group=7)
    plan = converge(kernel, desired({"red": 5001}), served({"red": 5001}))
    assert "vr.red exists and is not ours" in plan.refused["red"]
    assert kernel.backstops == fence
    converge(kernel, desired({}), served({}))
    assert kernel.backstops == fence, "also when nobody wants it any more"
    kernel.delete("vr.red")
    converge(kernel, desired({}), served({}))
    assert kernel.backstops == set()


def test_a_vrf_that_is_renamed_while_it_leaves_keeps_its_fence_as_long_as_it_stays() -> None:
    kernel = working({"red": 5001})
    fence = set(kernel.backstops)
    link = kernel.names()["vr.red"]
    kernel.links[link.index] = dataclasses.replace(link, name="mine")
    converge(kernel, desired({}), served({"red": 5001}))
    assert "mine" in kernel.names()
    assert kernel.backstops == fence
    converge(kernel, desired({}), served({}))
    assert "mine" not in kernel.names()
    assert kernel.backstops == set()
