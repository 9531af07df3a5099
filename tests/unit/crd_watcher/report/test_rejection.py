# SPDX-License-Identifier: Apache-2.0
"""Events: one for the cluster, whichever node makes it, and never one twice."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.edge import Field
from netop.common.settings import Settings
from netop.crd_watcher.merge import merge
from netop.crd_watcher.report.rejection import Refusal, rejections
from netop.crd_watcher.resource import Resource
from netop.crd_watcher.snapshot import Unreadable, read_object
from tests.unit.crd_watcher.objects import body, resource

from .node import rejection

NOW = "2024-01-31T12:00:00.000000Z"


def test_an_event_is_all_that_the_api_wants() -> None:
    event = rejection("bad", Refusal.SEQ_TAKEN).event("n1", NOW)
    assert event["regarding"] == {
        "apiVersion": "network.schiff.telekom.de/v1alpha1", "kind": "VRFRouteConfiguration",
        "name": "bad", "uid": "uid-bad",
    }  # fmt: skip
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "SeqTaken", "Reject")
    assert event["reportingController"] == "network.schiff.telekom.de/netop"
    assert event["reportingInstance"] == "n1"
    assert event["metadata"]["namespace"] == "default"
    assert event["eventTime"] == NOW
    assert "node n1" in event["note"]
    assert "spec.seq" in event["note"]


def test_two_nodes_make_the_same_event() -> None:
    one, other = (rejection().event(node, NOW)["metadata"] for node in ("n1", "n2"))
    assert one == other


def test_what_makes_an_event_another_one() -> None:
    first = rejection()
    others = (
        replace(first, generation=first.generation + 1),
        replace(first, refusal=Refusal.UNKNOWN_VRF),
        replace(first, uid="made anew"),
    )
    assert len({each.event_name for each in (first, *others)}) == 4
    worded = replace(first, problem=replace(first.problem, reason="in other words"))
    assert worded.event_name == first.event_name


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.text(max_size=3000))
def test_an_event_keeps_the_bounds_of_the_api(name: str, reason: str) -> None:
    found = rejection(name)
    event = replace(found, problem=replace(found.problem, reason=reason)).event("n" * 253, NOW)
    assert len(event["metadata"]["name"]) <= 253
    assert re.fullmatch(r"[a-z0-9][-a-z0-9.]*\.[0-9a-f]{16}", event["metadata"]["name"])
    assert len(event["note"]) <= 1024
    assert len(event["reportingInstance"]) <= 128


def unreadable(name: str, **metadata: object) -> Unreadable:
    found = read_object(Field(body(name, seq=0, **metadata)), "")
    assert isinstance(found, Unreadable)
    return found


def of_the_api(name: str, vrf: str = "red", seq: int = 10, created: str = "") -> Resource:
    return replace(resource(name, vrf, seq, created), uid=f"uid-{name}", generation=4)


def test_every_refusal_has_its_reason_and_the_resource_its_identity() -> None:
    known = (of_the_api("a"), of_the_api("b"), of_the_api("c", "green"), of_the_api("d", seq=11))
    refused = merge(known, Settings((("red", 1),))).rejected
    found = rejections([unreadable("e", uid="uid-e", generation=5)], known, refused)
    assert [(each.name, each.refusal, each.uid, each.generation) for each in found] == [
        ("b", Refusal.SEQ_TAKEN, "uid-b", 4),
        ("c", Refusal.UNKNOWN_VRF, "uid-c", 4),
        ("e", Refusal.INVALID, "uid-e", 5),
    ]


def test_what_an_api_server_would_never_send_has_no_identity() -> None:
    found = unreadable("e", uid=7, generation="five")
    assert (found.uid, found.generation) == ("", 0)


def test_the_present_generation_counts_not_the_one_in_force() -> None:
    known = (of_the_api("a"), of_the_api("b"))
    refused = merge(known, Settings((("red", 1),))).rejected
    (found,) = rejections([unreadable("b", uid="uid-b", generation=5)], known, refused)
    assert (found.refusal, found.generation) == (Refusal.INVALID, 5)
