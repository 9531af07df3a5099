# SPDX-License-Identifier: Apache-2.0
"""What the guardian decides to do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.bpf_guardian.filters import FILTER_NAME, Place
from netop.bpf_guardian.links import KernelLink
from netop.bpf_guardian.plan import Cause, Observed, Plan, plan, wanted_names
from netop.bpf_guardian.program import RoutedBy
from netop.common.documents import LinkedVrf, Links, VrfState

PROGRAM, EARLIER, FOREIGN = 70, 60, 66

VRF = KernelLink(1, "vr.red", "vrf", table=50)
BRIDGE = KernelLink(2, "br.red", "bridge", master=1, mac=bytes.fromhex("020000000002"))
VXLAN = KernelLink(3, "vx.red", "vxlan", master=2, mac=bytes.fromhex("02540a320001"))
VETH = KernelLink(4, "vd.red", "veth", master=1)
DEFAULT = KernelLink(5, "mgmt0", "veth")
DEFAULT_BRIDGE = KernelLink(6, "br.cluster", "bridge")
DEFAULT_PORT = KernelLink(7, "vx.cluster", "vxlan", master=6)
ALL = (VRF, BRIDGE, VXLAN, VETH, DEFAULT, DEFAULT_BRIDGE, DEFAULT_PORT)
BY_BRIDGE, BY_VETH = RoutedBy(2, BRIDGE.mac), RoutedBy(4, VETH.mac)
RED = ("vx.red", "br.red", "vd.red")


def observed(
    *links: KernelLink,
    places: dict[int, Place] | None = None,
    held: dict[int, int] | None = None,
    ports: dict[int, RoutedBy] | None = None,
) -> Observed:
    return Observed({link.index: link for link in links}, places or {}, ports or {}, held or {})


def make(wanted: tuple[str, ...], seen: Observed, *, detach: bool = True) -> Plan:
    return plan(wanted, seen, PROGRAM, seen.links, detach=detach)


def ours(program: int = PROGRAM) -> Place:
    return Place(program, FILTER_NAME)


def causes(steps: Plan) -> dict[str, Cause]:
    return {step.link.name: step.cause for step in steps.attach}


def test_new_vrf_gets_the_program_on_each_of_its_three_interfaces() -> None:
    steps = make(RED, observed(*ALL))

    assert causes(steps) == dict.fromkeys(RED, Cause.NEW)


def test_vxlan_port_is_routed_by_its_bridge_and_the_others_by_themselves() -> None:
    steps = make(RED, observed(*ALL))

    assert dict(steps.set_ports) == {3: BY_BRIDGE, 2: BY_BRIDGE, 4: BY_VETH}


def test_new_address_of_a_bridge_is_the_routers_new_address() -> None:
    ports = {3: BY_BRIDGE, 2: BY_BRIDGE, 4: BY_VETH}
    moved = replace(BRIDGE, mac=bytes.fromhex("0200000000ff"))
    steps = make(RED, observed(VRF, moved, VXLAN, VETH, ports=ports))

    assert dict(steps.set_ports) == {3: RoutedBy(2, moved.mac), 2: RoutedBy(2, moved.mac)}


def test_interfaces_of_the_default_vrf_are_left_to_the_stack() -> None:
    """Attached as configured, but never a port: table local is invisible to the program."""
    steps = make(("mgmt0", "vx.cluster", "br.cluster"), observed(*ALL))

    assert set(causes(steps)) == {"mgmt0", "vx.cluster", "br.cluster"}
    assert steps.set_ports == ()


def test_what_is_in_place_needs_nothing() -> None:
    places = {index: ours() for index in (2, 3, 4)}
    ports = {3: BY_BRIDGE, 2: BY_BRIDGE, 4: BY_VETH}
    held = dict.fromkeys((2, 3, 4), PROGRAM)

    assert make(RED, observed(*ALL, places=places, held=held, ports=ports)) == Plan()


def test_vanished_filter_is_put_back() -> None:
    steps = make(("vd.red",), observed(*ALL, held={4: PROGRAM}))

    assert causes(steps) == {"vd.red": Cause.GONE}
    assert Cause.GONE.repair


def test_foreign_program_in_our_place_is_replaced() -> None:
    places = {4: Place(FOREIGN, "somebody")}
    steps = make(("vd.red",), observed(*ALL, places=places, held={4: PROGRAM}))

    assert causes(steps) == {"vd.red": Cause.REPLACED}


def test_changed_program_replaces_the_earlier_one() -> None:
    steps = make(("vd.red",), observed(*ALL, places={4: ours(EARLIER)}, held={4: EARLIER}))

    assert causes(steps) == {"vd.red": Cause.CHANGED}
    assert not Cause.CHANGED.repair


def test_program_of_a_lost_run_is_replaced_without_a_fight() -> None:
    """Restarted without stored descriptors: what is there is ours, but not known any more."""
    steps = make(("vd.red",), observed(*ALL, places={4: ours(EARLIER)}))

    assert causes(steps) == {"vd.red": Cause.CHANGED}


def test_recreated_interface_is_new() -> None:
    again = KernelLink(9, "vd.red", "veth", master=1)
    steps = make(("vd.red",), observed(VRF, again, held={4: PROGRAM}, ports={4: BY_VETH}))

    assert causes(steps) == {"vd.red": Cause.NEW}
    assert steps.set_ports == ((9, RoutedBy(9, again.mac)),)
    assert steps.clear_ports == (4,)


def test_missing_interface_is_waited_for() -> None:
    steps = make(("vx.later", "vd.red"), observed(*ALL))

    assert steps.waiting == ("vx.later",)
    assert set(causes(steps)) == {"vd.red"}


def test_filter_of_ours_leaves_what_is_no_longer_wanted() -> None:
    places = {4: ours(EARLIER), 5: Place(FOREIGN, "somebody")}
    seen = observed(*ALL, places=places)

    assert make((), seen).detach == (VETH,)
    assert make((), seen, detach=False).detach == ()


def test_interface_that_left_its_vrf_is_no_port_any_more() -> None:
    alone = KernelLink(4, "vd.red", "veth")
    steps = make(("vd.red",), observed(alone, ports={4: BY_VETH}))

    assert steps.clear_ports == (4,)
    assert steps.set_ports == ()


def test_only_interfaces_that_were_looked_at_are_judged() -> None:
    steps = plan(RED, observed(*ALL, held={4: PROGRAM}), PROGRAM, [3], detach=False)

    assert set(causes(steps)) == {"vx.red"}


def test_names_come_from_both_sources_once() -> None:
    vrf = LinkedVrf("red", 5001, 50, VrfState.PREPARED, "", ())
    links = Links(3, None, None, (vrf,), ())

    assert wanted_names(links, ["mgmt0", "vd.red"]) == ("mgmt0", "vd.red", "vx.red", "br.red")
    assert wanted_names(None, ["mgmt0"]) == ("mgmt0",)
    assert wanted_names(None, []) == ()


indexes = st.integers(1, 7)
programs = st.sampled_from([PROGRAM, EARLIER, FOREIGN])
found_places = st.dictionaries(
    indexes,
    st.builds(Place, programs, st.sampled_from([FILTER_NAME, "somebody", ""])),
)


@settings(max_examples=200, deadline=None)
@given(
    wanted=st.lists(st.sampled_from([link.name for link in ALL] + ["later"]), unique=True).map(
        tuple
    ),
    places=found_places,
    held=st.dictionaries(indexes, programs),
    ports=st.dictionaries(st.integers(1, 9), st.sampled_from([BY_BRIDGE, BY_VETH])),
)
def test_one_plan_is_enough_from_anywhere(
    wanted: tuple[str, ...],
    places: dict[int, Place],
    held: dict[int, int],
    ports: dict[int, RoutedBy],
) -> None:
    """Carrying out a plan leaves nothing for a second one, and foreign filters stand."""
    seen = observed(*ALL, places=places, held=held, ports=ports)
    steps = make(wanted, seen)

    after = dict(places)
    for attached in steps.attach:
        after[attached.link.index] = ours()
    for link in steps.detach:
        assert places[link.index].ours
        del after[link.index]
    ports_after = {k: v for k, v in ports.items() if k not in steps.clear_ports}
    ports_after |= dict(steps.set_ports)
    held_after = held | {attached.link.index: PROGRAM for attached in steps.attach}
    again = make(wanted, observed(*ALL, places=after, held=held_after, ports=ports_after))

    assert again == Plan(waiting=steps.waiting)
    untouched = {a.link.index for a in steps.attach}
    for index, place in places.items():
        if not place.ours and index not in untouched:
            assert after[index] == place
