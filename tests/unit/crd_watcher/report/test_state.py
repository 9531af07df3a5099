# SPDX-License-Identifier: Apache-2.0
"""The status as JSON: times that mean something, bounds, and what others made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.edge import Field
from netop.crd_watcher.report.state import (
    ENTRIES_MOST,
    Condition,
    ConditionType,
    Entry,
    Status,
    read_conditions,
)

from .node import condition, rejection, state, well
from .schema import complaints

BEFORE, NOW = "2024-01-31T12:00:00Z", "2024-01-31T13:00:00Z"
READY = ConditionType.READY


def test_a_time_changes_only_with_its_status() -> None:
    first = state(well()).since((), BEFORE)
    assert {each.since for each in first.conditions} == {BEFORE}
    second = state(well(), rejection()).since(first.conditions, NOW)
    times = {each.type.value: each.since for each in second.conditions}
    assert times == {
        "Ready": NOW, "ResourcesAccepted": NOW, "LinksReady": BEFORE, "RoutesServed": BEFORE,
        "ProgramsAttached": BEFORE,
    }  # fmt: skip
    worded = state(well(), replace(rejection(), generation=9)).since(second.conditions, "later")
    assert [each.since for each in worded.conditions] == [each.since for each in second.conditions]


STATUSES = st.lists(st.sampled_from(list(Status)), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(STATUSES)
def test_the_time_is_that_of_the_last_change(statuses: list[Status]) -> None:
    known: tuple[Condition, ...] = ()
    changed = 0
    for second, status in enumerate(statuses):
        if second and status is not statuses[second - 1]:
            changed = second
        new = replace(state(well()), conditions=(Condition(READY, status, "Any", ""),))
        known = new.since(known, str(second)).conditions
        assert known[0].since == str(changed)


def test_the_body_says_it_in_columns_and_lists() -> None:
    body = state(well(), rejection()).since((), NOW).body(1)
    assert body["summary"] == {
        "vrfs": "3/3", "resources": "4/5", "rejected": 1,
        "trouble": str(rejection().problem),
    }  # fmt: skip
    assert body["conditions"][0] == {
        "type": "Ready", "status": "False", "observedGeneration": 1, "lastTransitionTime": NOW,
        "reason": "Rejected", "message": str(rejection().problem),
    }  # fmt: skip
    assert body["vrfs"][1] == {"name": "mgmt", "served": True, "reason": "Served"}
    assert body["vrfs"][2] == {"name": "red", "served": True, "reason": "Served", "vni": 5001}
    assert body["resources"][0] == {
        "name": "bad", "served": False, "reason": "Invalid", "vrf": "red",
        "observedGeneration": 2, "message": str(rejection().problem),
    }  # fmt: skip


def test_texts_and_lists_have_bounds() -> None:
    long = "no\nend " * 1000
    entries = tuple(Entry(f"r{n:04}", n % 2 == 0, "Any", long) for n in range(3000))
    found = replace(state(well()), resources=entries, conditions=(
        Condition(READY, Status.FALSE, "Any", long),
    ))  # fmt: skip
    body = found.since((), NOW).body(1)
    assert complaints({"status": body}) == []
    names = [each["name"] for each in body["resources"]]
    assert len(names) == ENTRIES_MOST
    assert names == sorted(names)
    # What is not served is not what is left out.
    assert not any(each["served"] for each in body["resources"])
    assert body["summary"]["resources"] == "1500/3000"
    assert "\n" not in body["summary"]["trouble"]


def test_conditions_are_read_as_they_were_written() -> None:
    told = state(well(), rejection()).since((), NOW)
    assert read_conditions(Field(told.body(1))) == told.conditions


@pytest.mark.parametrize(
    "status",
    [
        None, {}, {"conditions": 7}, {"conditions": [7, {}, {"type": "Other"}]},
        {"conditions": [{"type": "Ready", "status": "Perhaps"}]}, "text", [],
    ],
)  # fmt: skip
def test_what_is_no_condition_is_written_anew(status: Any) -> None:
    assert read_conditions(Field(status)) == ()


def test_ready_has_no_trouble_to_tell_of() -> None:
    assert state(well()).trouble == ""
    assert condition(state(well()), READY).message
