# SPDX-License-Identifier: Apache-2.0
"""From any state, any documents: the links converge, and nothing foreign is touched."""

from __future__ import annotations

import dataclasses
import random
from ipaddress import IPv4Address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import Desired, Served
from netop.netlink_reconciler.backstop import backstops_of
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import Link
from netop.netlink_reconciler.plan import Plan, make_plan
from netop.netlink_reconciler.step import Delete, Step, Switch
from tests.unit.netlink_reconciler.fake_kernel import ADDRESS, MAC, UNDERLAY, FakeKernel
from tests.unit.netlink_reconciler.world import converge, desired, served, working

NAMES = ("blue", "green", "red")
VNIS = st.integers(1, 4)
PREFIXES = ("vr", "br", "vx", "vd", "dv")

# What may have happened to a link of ours.
DRIFT: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"mtu": 1400},
        {"mac": "02:00:00:00:00:09"},
        {"alias": ""},
        {"group": 0},
        {"alias": "", "group": 0},  # not ours any more
        {"arp": False},
        {"master": ""},
        {"link_local": None},
        {"flushed": True},
        {"up": True},
        {"up": False},
        {"kind": "dummy", "peer": None, "vni": None, "table": None},
        {"delete": True},
    ]
)
VXLAN_DRIFT: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"port": 8472},
        {"local": IPv4Address("1.1.1.1")},
        {"learning": True},
        {"hairpin": False},
        {"port_learning": True},
    ]
)


@st.composite
def kernels(draw: st.DrawFn) -> FakeKernel:
    """A node with VRFs of ours in any state, and with links of others."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    vnis = draw(st.lists(VNIS, unique=True, min_size=len(names), max_size=len(names)))
    kernel = working(dict(zip(names, vnis, strict=True)))
    foreign = draw(st.lists(st.sampled_from([f"{p}.{n}" for p in PREFIXES for n in NAMES])))
    for name in foreign:
        if name not in kernel.names():
            kernel.add(name, dataclasses.replace(kernel.links[1].attributes, alias="foreign"))
    vni = draw(VNIS)
    if vni not in vnis and draw(st.booleans()):
        taken = dataclasses.replace(kernel.links[1].attributes, kind="vxlan", vni=vni, port=4789)
        kernel.add("tunnel", taken)
    for name in sorted(kernel.names().keys() - {UNDERLAY, "tunnel", *foreign}):
        drift = draw(st.none() | (VXLAN_DRIFT if name.startswith("vx") else DRIFT))
        if drift is None or name not in kernel.names():
            continue
        if "delete" in drift:
            kernel.delete(name)
        elif "flushed" in drift:
            kernel.link_locals.discard(kernel.names()[name].index)
        else:
            kernel.alter(name, **drift)
    return kernel


@st.composite
def documents(draw: st.DrawFn) -> tuple[Desired, Served]:
    wanted = draw(st.dictionaries(st.sampled_from(NAMES), st.none() | VNIS))
    serving = draw(st.dictionaries(st.sampled_from(NAMES), st.none() | VNIS))
    return desired(dict(wanted)), served(dict(serving))


def foreign_links(kernel: FakeKernel) -> dict[int, Link]:
    """What is not ours; a veth of which one end is ours goes with that end."""
    ours = {link.name for link in kernel.links.values() if link.own}
    return {
        link.index: link
        for link in kernel.links.values()
        if not link.own and link.attributes.peer not in ours
    }


def freed(link: Link) -> Link:
    """The link but for its master: that may have been one of ours, and be gone."""
    attributes = dataclasses.replace(link.attributes, master="", hairpin=None, port_learning=None)
    return dataclasses.replace(link, attributes=attributes)


def check(kernel: FakeKernel, plan: Plan, wanted: Desired) -> None:
    """Hold the outcome against the table of design.md, in words of its own."""
    links = kernel.names()
    for vrf, goal in plan.goals.items():
        if vrf in plan.refused or goal == Goal.LEAVING:
            continue
        assert goal != Goal.REMOVED, f"{vrf} is still there"
        five = [links[f"{prefix}.{vrf}"] for prefix in PREFIXES]
        assert [link.up for link in five] == [goal == Goal.UP] * 5
        assert {link.attributes.alias for link in five} == {f"netop vrf {vrf}"}
        ends = {link.index for link in five if link.attributes.kind == "veth"}
        assert kernel.link_locals & ends == (ends if goal == Goal.UP else set())
        vr, br, vx, vd, dv = (link.attributes for link in five)
        assert vr.table is not None
        assert 50 <= vr.table <= 79
        assert set(backstops_of(vr.table)) <= kernel.backstops
        assert (br.kind, br.master, br.mtu, br.mac) == ("bridge", f"vr.{vrf}", 9000, MAC)
        assert vx.vni == next(item.vni for item in wanted.vrfs if item.name == vrf)
        assert (vx.local, vx.port, vx.learning) == (ADDRESS, 4789, False)
        assert (vx.master, vx.hairpin, vx.port_learning) == (f"br.{vrf}", True, False)
        assert (vd.master, dv.master, vd.peer, dv.peer) == (
            f"vr.{vrf}",
            "",
            *[
                f"dv.{vrf}",
                f"vd.{vrf}",
            ],
        )
    tables = [link.attributes.table for link in links.values() if link.attributes.table]
    assert len(tables) == len(set(tables)), "each VRF has a table of its own"
    fences = {stop for table in tables for stop in backstops_of(table)}
    assert kernel.backstops <= fences, "no route is left behind"
    assert kernel.backstops >= fences, "and none taken from a VRF that runs, ours or not"


def let_go(kernel: FakeKernel, wanted: Desired, serving: Served) -> tuple[Served, Plan]:
    """Converge beside an FRR that lets go of what it is asked to, and see it left alone before."""
    plan = converge(kernel, wanted, serving)
    # One that was refused before may come to ask, once another has let go of its VNI.
    for _ in NAMES:
        if not plan.asking:
            break
        serving = served({v.name: v.vni for v in serving.vrfs if v.name not in plan.asking})
        plan = converge(kernel, wanted, serving)
    assert not plan.asking
    return serving, plan


@settings(max_examples=150, deadline=None)
@given(kernels(), documents())
def test_any_state_converges_and_others_are_left_alone(
    kernel: FakeKernel, told: tuple[Desired, Served]
) -> None:
    wanted, serving = told
    before = foreign_links(kernel)
    foreign = set(before)

    def unharmed(step: Step) -> None:
        numbers = {getattr(step, "index", 0), getattr(step, "peer_index", 0)}
        assert not numbers & foreign, f"{step} touches what is not ours"

    kernel.before = unharmed
    serving, plan = let_go(kernel, wanted, serving)
    for index, link in before.items():
        assert freed(kernel.links[index]) == freed(link)
    check(kernel, plan, wanted)
    again = make_plan(wanted, serving, kernel.observe(wanted.node))
    assert again.steps == ()


@settings(max_examples=60, deadline=None)
@given(kernels(), documents(), st.integers(0, 2**32), st.integers(1, 60))
def test_a_crash_at_any_step_is_mended_by_the_next_start(
    kernel: FakeKernel, told: tuple[Desired, Served], seed: int, longest: int
) -> None:
    wanted, serving = told
    chance = random.Random(seed)
    for _ in range(3):
        steps = make_plan(wanted, serving, kernel.observe(wanted.node)).steps
        kernel.apply(steps[: chance.randrange(longest)])
    _, plan = let_go(kernel, wanted, serving)
    check(kernel, plan, wanted)


@settings(max_examples=60, deadline=None)
@given(kernels(), documents())
def test_no_link_goes_up_that_frr_does_not_serve(
    kernel: FakeKernel, told: tuple[Desired, Served]
) -> None:
    wanted, serving = told
    vnis = {vrf.name: vrf.vni for vrf in wanted.vrfs}

    def served_only(step: Step) -> None:
        if isinstance(step, Switch) and step.up:
            assert serving.serves(step.vrf, vnis[step.vrf])
        if isinstance(step, Delete):
            leaving = step.vrf not in vnis or vnis[step.vrf] is None
            peered = step.name.startswith(("vr.", "vd.", "dv."))
            held = any(vrf.name == step.vrf and vrf.vni is not None for vrf in serving.vrfs)
            assert not (held and (leaving or peered)), f"FRR still has sessions: {step}"

    kernel.before = served_only
    converge(kernel, wanted, serving)


@settings(max_examples=60, deadline=None)
@given(kernels(), documents(), st.integers(0, 2**32), st.floats(0.05, 0.5))
def test_refusals_and_lost_answers_are_survived(
    kernel: FakeKernel, told: tuple[Desired, Served], seed: int, rate: float
) -> None:
    wanted, serving = told
    chance = random.Random(seed)
    vnis = {vrf.name: vrf.vni for vrf in wanted.vrfs}

    def whole(step: Step) -> None:
        """A link goes up only when all five are there, whatever was refused before."""
        if isinstance(step, Switch) and step.up:
            assert {f"{prefix}.{step.vrf}" for prefix in PREFIXES} <= kernel.names().keys()
            assert kernel.names()[f"vx.{step.vrf}"].attributes.vni == vnis[step.vrf]

    kernel.before = whole
    kernel.refuse = lambda _: "Out of memory" if chance.random() < rate else ""
    for _ in range(4):
        steps = make_plan(wanted, serving, kernel.observe(wanted.node)).steps
        kernel.apply(steps)
    kernel.refuse = lambda _: ""
    _, plan = let_go(kernel, wanted, serving)
    check(kernel, plan, wanted)
