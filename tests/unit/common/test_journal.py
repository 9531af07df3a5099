# SPDX-License-Identifier: Apache-2.0
"""What is told, once, and with which fields."""

from __future__ import annotations

from typing import Any

from netop.common.journal import Condition, Journal, Priority, conditions, pairs
from netop.common.messages import Message
from netop.common.problem import Problem

TAKEN = Problem(
    "VRF red", "VNI 5003 is taken", vrf="red", interface="vx.blue", message=Message.VNI_TAKEN
)
REJECTED = Problem(
    "VRFRouteConfiguration red-a", "is none", "spec.vrf", vrf="red",
    message=Message.RESOURCE_REJECTED,
)  # fmt: skip


class Told(list[tuple[Priority, str, dict[str, Any]]]):
    """A journal's entries."""

    def journal(self, generation: int | None = None) -> Journal:
        return Journal(lambda *entry: self.append((*entry[:2], dict(entry[2]))), generation)


def test_a_standing_fault_is_told_once_and_so_is_its_end() -> None:
    told = Told()
    journal = told.journal()
    for _ in range(3):
        journal.standing(conditions([TAKEN]))
    for _ in range(3):
        journal.standing({})
    about = {"NETOP_VRF": "red", "NETOP_INTERFACE": "vx.blue"}
    assert told == [
        (Priority.WARNING, "VRF red: VNI 5003 is taken",
         {**about, "MESSAGE_ID": Message.VNI_TAKEN.value}),
        (Priority.NOTICE, "VRF red: is well again",
         {**about, "MESSAGE_ID": Message.WELL_AGAIN.value}),
    ]  # fmt: skip


def test_a_standing_fault_that_changes_is_told_anew() -> None:
    told = Told()
    journal = told.journal()
    for sentence in ("a", "a", "b"):
        journal.standing({"x": Condition(sentence)})
    assert [sentence for _, sentence, _ in told] == ["a", "b"]


def test_the_api_server_has_an_end_of_its_own() -> None:
    told = Told()
    journal = told.journal()
    journal.standing({"the API server": Condition("gone", Message.API_SERVER_LOST)})
    journal.standing({})
    assert [fields["MESSAGE_ID"] for _, _, fields in told] == [
        Message.API_SERVER_LOST, Message.API_SERVER_BACK
    ]  # fmt: skip


def test_a_rejected_resource_is_named_in_a_field() -> None:
    condition = Condition.of(REJECTED, before="rejected: ")
    assert condition.sentence == "rejected: VRFRouteConfiguration red-a: spec.vrf: is none"
    assert condition.fields == {"resource": "red-a", "vrf": "red"}
    assert condition.message is Message.RESOURCE_REJECTED


def test_two_complaints_about_the_same_are_one_condition() -> None:
    found = conditions([TAKEN, TAKEN, REJECTED])
    assert list(found) == ["VRF red", "VRFRouteConfiguration red-a: spec.vrf"]
    assert found["VRF red"].sentence == "VRF red: VNI 5003 is taken; VRF red: VNI 5003 is taken"


def test_an_entry_about_several_carries_each() -> None:
    told = Told()
    told.journal().info("x", vrf=("blue", "red"), interface=("vx.red",), resource=())
    [(_, _, fields)] = told
    assert fields == {"NETOP_VRF": ("blue", "red"), "NETOP_INTERFACE": "vx.red"}
    assert list(pairs(fields)) == [
        ("NETOP_VRF", "blue"), ("NETOP_VRF", "red"), ("NETOP_INTERFACE", "vx.red")
    ]  # fmt: skip


def test_an_entry_has_no_more_fields_than_journald_takes() -> None:
    told = Told()
    many = tuple(map(str, range(5000)))
    told.journal(1).info("x", vrf=many, interface=many, resource=many)
    assert len(list(pairs(told[0][2]))) < 1000


def test_fields_carry_the_generation() -> None:
    told = Told()
    told.journal(17).info("x", vrf="red")
    assert told == [(Priority.INFO, "x", {"NETOP_VRF": "red", "NETOP_GENERATION": "17"})]
