# SPDX-License-Identifier: Apache-2.0
"""From four documents to the state of the node: what is wrong, where, and with whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import Attachment, DesiredVrf, Source, VrfState
from netop.common.problem import Problem
from netop.crd_watcher.report.rejection import Refusal
from netop.crd_watcher.report.state import ConditionType, Status
from netop.crd_watcher.report.verdict import Documents

from .node import attached, condition, desired, entry, linked, links, rejection, served, state, well
from .schema import complaints

READY = ConditionType.READY
ACCEPTED = ConditionType.RESOURCES_ACCEPTED
LINKS = ConditionType.LINKS_READY
ROUTES = ConditionType.ROUTES_SERVED
PROGRAMS = ConditionType.PROGRAMS_ATTACHED


def red(documents: Documents) -> DesiredVrf:
    found = documents.desired.vrf("red")
    assert found is not None
    return found


def statuses(documents: Documents) -> dict[str, str]:
    return {each.type.value: each.status.value for each in state(documents).conditions}


def test_where_all_is_well_everything_is_served() -> None:
    found = state(well())
    assert {each.status for each in found.conditions} == {Status.TRUE}
    assert condition(found, READY).message == "3 VRFs are served"
    assert [(each.name, each.number) for each in found.vrfs] == [
        ("blue", 5002), ("mgmt", 0), ("red", 5001),
    ]  # fmt: skip
    assert [(each.name, each.vrf, each.number) for each in found.resources] == [
        ("blue", "blue", 3), ("mgmt", "mgmt", 3), ("red-a", "red", 3), ("red-b", "red", 3),
    ]  # fmt: skip
    assert all(each.served and each.reason == "Served" for each in found.resources)
    assert (found.settled, found.trouble, found.rejected) == (True, "", 0)


def test_a_node_on_which_no_daemon_has_told_anything_yet_is_not_judged() -> None:
    found = state(Documents(desired()))
    assert condition(found, READY).status is Status.UNKNOWN
    assert condition(found, READY).reason == "NotReported"
    assert condition(found, ACCEPTED).status is Status.TRUE
    assert not found.settled
    assert not any(each.served for each in found.resources)


def test_a_rejected_resource_is_named_with_its_reason_and_stops_no_other() -> None:
    found = state(well(), rejection("bad", Refusal.UNKNOWN_VRF))
    bad = entry(found.resources, "bad")
    assert (bad.served, bad.reason, bad.number) == (False, "UnknownVRF", 2)
    assert "spec.seq" in bad.message
    assert entry(found.resources, "red-a").served
    assert condition(found, READY).status is Status.FALSE
    assert condition(found, READY).reason == "Rejected"
    assert (found.rejected, found.settled) == (1, True)


def test_a_resource_of_which_an_older_version_is_in_force_is_not_served() -> None:
    found = state(well(), rejection("red-a"))
    assert entry(found.resources, "red-a").reason == "Invalid"
    assert [each.name for each in found.resources] == ["blue", "mgmt", "red-a", "red-b"]


def test_failed_links_take_down_their_vrf_only() -> None:
    wanted = desired()
    failed = linked(red(well()), VrfState.FAILED, "VNI 5001 is taken by vx.other")
    documents = replace(
        well(),
        links=links(wanted, failed, problems=(Problem("VRF red", "VNI 5001 is taken", vrf="red"),)),
    )
    found = state(documents)
    assert condition(found, LINKS).reason == "LinksFailed"
    assert condition(found, LINKS).message == "VRF red: VNI 5001 is taken by vx.other"
    assert found.trouble == "VRF red: VNI 5001 is taken by vx.other"
    assert [each.name for each in found.resources if each.served] == ["blue", "mgmt"]
    assert found.settled


@pytest.mark.parametrize("links_state", [VrfState.PREPARED, VrfState.RENEWING, VrfState.LEAVING])
def test_links_on_their_way_are_waited_for(links_state: VrfState) -> None:
    documents = replace(well(), links=links(desired(), linked(red(well()), links_state)))
    found = state(documents)
    assert condition(found, LINKS).status is Status.FALSE
    assert not found.settled


def test_a_generation_that_a_daemon_has_not_come_to_is_not_served_yet() -> None:
    wanted = desired(18)
    found = state(replace(well(), desired=wanted))
    assert statuses(replace(well(), desired=wanted)) == {
        "Ready": "Unknown", "ResourcesAccepted": "True", "LinksReady": "Unknown",
        "RoutesServed": "Unknown", "ProgramsAttached": "True",
    }  # fmt: skip
    assert "generation 18" in condition(found, ROUTES).message
    assert not found.settled
    assert not any(each.served for each in found.resources if each.name != "mgmt")


def test_what_frr_refuses_is_told_of_the_vrf_that_it_refuses() -> None:
    wanted = desired()
    refused = Problem("VRF red", "FRR refused the change: line 12", vrf="red")
    found = state(replace(well(), served=served(wanted, refused)))
    assert condition(found, ROUTES).reason == "Refused"
    assert entry(found.vrfs, "red").reason == "Refused"
    assert entry(found.vrfs, "blue").served
    assert "line 12" in entry(found.resources, "red-b").message


def test_what_frr_refuses_of_one_resource_leaves_the_others_of_its_vrf() -> None:
    told = Problem("VRFRouteConfiguration red-a", "there is no place for IPv6", vrf="red")
    found = state(replace(well(), served=served(desired(), told)))
    assert not entry(found.resources, "red-a").served
    assert entry(found.resources, "red-b").served
    assert condition(found, ROUTES).status is Status.FALSE


def test_a_dead_frr_is_told_while_a_new_generation_waits_for_it() -> None:
    wanted = desired(18)
    down = Problem("FRR", "does not answer", remedy="systemctl status frr")
    documents = replace(well(), desired=wanted, served=served(desired(), down))
    found = state(documents)
    assert condition(found, ROUTES).status is Status.FALSE
    assert "does not answer" in condition(found, ROUTES).message


def test_while_frr_is_dead_nobody_is_told_to_be_served() -> None:
    wanted = desired()
    problem = Problem("FRR", "frr.service is failed")
    dead = replace(served(wanted, problem), alive=False)
    found = state(replace(well(), served=dead))
    assert not any(each.served for each in (*found.vrfs, *found.resources))
    assert entry(found.vrfs, "red").reason == "FRRTrouble"
    assert found.trouble.startswith("FRR: frr.service is failed")


def test_a_vrf_that_frr_does_not_serve_waits_for_its_links_or_is_wrong() -> None:
    wanted = desired()
    without = replace(well(), served=served(wanted, without="red"))
    assert not state(without).settled
    failed = linked(red(well()), VrfState.FAILED, "no underlay")
    stuck = state(replace(without, links=links(wanted, failed)))
    assert stuck.settled
    assert entry(stuck.vrfs, "red").message == "no underlay"


def test_without_its_programs_a_vrf_is_served_all_the_same() -> None:
    refused = Attachment("vx.red", 7, 0, "no such device")
    found = state(replace(well(), attached=attached(desired(), refused)))
    assert condition(found, PROGRAMS).message == "VRF red: vx.red: no such device"
    red_entry = entry(found.vrfs, "red")
    assert (red_entry.served, red_entry.reason) == (True, "ProgramRefused")
    assert entry(found.resources, "red-a").served
    assert condition(found, READY).status is Status.FALSE


def test_interfaces_of_the_configuration_count_too() -> None:
    gone = Attachment("br.mgmt", 0, 0, "does not exist (yet)")
    found = state(replace(well(), attached=attached(desired(), gone)))
    assert condition(found, PROGRAMS).message == "br.mgmt: does not exist (yet)"
    # Nothing will come by itself: it is told at once.
    assert found.settled


def test_a_program_that_does_not_compile_is_told() -> None:
    broken = Problem("router.c", "does not compile", remedy="install the headers")
    found = state(replace(well(), attached=attached(desired(), problems=(broken,))))
    assert "install the headers" in condition(found, PROGRAMS).message


def test_an_entry_of_the_configuration_that_was_left_out_is_told() -> None:
    wrong = Problem("config.yaml", "0 is not between 1 and 16777215", "vnimap.green")
    found = state(replace(well(), desired=desired(17, wrong)))
    assert condition(found, ACCEPTED).reason == "ConfigurationWrong"
    assert found.rejected == 0


def test_resources_of_before_the_start_are_marked() -> None:
    old = replace(desired(), source=Source.LAST_GOOD, note="the last good resources, of Monday")
    found = state(replace(well(), desired=old))
    assert condition(found, READY).status is Status.UNKNOWN
    assert condition(found, ACCEPTED).reason == "LastGood"


def test_one_sentence_tells_of_many() -> None:
    wanted = desired()
    failed = [linked(each, VrfState.FAILED, "no underlay") for each in wanted.vrfs if each.vni]
    found = state(replace(well(), links=links(wanted, *failed)))
    assert condition(found, LINKS).message == "VRF blue: no underlay (and 1 more)"


PROBLEMS = st.lists(
    st.builds(
        Problem,
        st.sampled_from(["VRF red", "FRR", "vx.red", "VRFRouteConfiguration red-a"]),
        st.text(max_size=300),
        vrf=st.sampled_from(["", "red", "blue", "other"]),
    ),
    max_size=3,
).map(tuple)


@st.composite
def any_documents(draw: st.DrawFn) -> Documents:
    wanted = desired(draw(st.integers(1, 3)), *draw(PROBLEMS))
    wanted = replace(wanted, source=draw(st.sampled_from(Source)))
    changed = [
        linked(each, draw(st.sampled_from(VrfState)), draw(st.text(max_size=9)))
        for each in wanted.vrfs
    ]
    odd = st.builds(
        Attachment,
        st.sampled_from(["vx.red", "br.blue", "eth9"]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(["", "refused"]),
    )
    all_links = replace(
        links(wanted, *changed, problems=draw(PROBLEMS)), generation=draw(st.integers(0, 3))
    )
    all_served = replace(
        served(wanted, *draw(PROBLEMS), without=draw(st.sampled_from(["", "red", "mgmt"]))),
        generation=draw(st.integers(0, 3)),
    )
    all_attached = attached(wanted, *draw(st.lists(odd, max_size=3)), problems=draw(PROBLEMS))
    return Documents(
        wanted,
        draw(st.sampled_from([None, all_links])),
        draw(st.sampled_from([None, all_served])),
        draw(st.sampled_from([None, all_attached])),
    )


@settings(max_examples=80, deadline=None)
@given(any_documents(), st.sets(st.sampled_from(["red-a", "zero", "blue"])))
def test_whatever_the_documents_say_the_state_holds_together(
    documents: Documents, refused: set[str]
) -> None:
    found = state(documents, *(rejection(name) for name in sorted(refused)))
    ready, *others = found.conditions
    assert [each.type for each in found.conditions] == list(ConditionType)
    if all(each.status is Status.TRUE for each in others):
        assert ready.status is Status.TRUE
        assert all(each.served for each in (*found.vrfs, *found.resources))
    elif any(each.status is Status.FALSE for each in others):
        assert ready.status is Status.FALSE
    else:
        assert ready.status is Status.UNKNOWN
    assert all(each.reason for each in found.conditions)
    assert all(each.reason for each in (*found.vrfs, *found.resources))
    names = [each.name for each in found.resources]
    assert names == sorted({"blue", "mgmt", "red-a", "red-b"} | refused)
    assert not any(entry(found.resources, name).served for name in refused)
    # It is a function, and the API server takes what it says.
    assert found == state(documents, *(rejection(name) for name in sorted(refused)))
    told = found.since((), "2024-01-31T12:00:00Z").body(1)
    assert complaints({"status": told}) == []
