# SPDX-License-Identifier: Apache-2.0
"""The names that people read are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

from netop.bpf_guardian.compile import FUNCTION
from netop.bpf_guardian.decisions import (
    COUNTER_SLOTS,
    DECISION_MEANINGS,
    FIB_MEANINGS,
    Decision,
    FibResult,
)
from netop.bpf_guardian.filters import FILTER_NAME
from netop.bpf_guardian.program import LAYOUTS

SOURCE = (Path(__file__).parents[3] / "bpf" / "router.c").read_text()


def test_decisions_have_the_numbers_of_the_program() -> None:
    body = re.search(r"enum decision \{(.*?)\};", SOURCE, re.DOTALL)
    assert body is not None
    found = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+),", body.group(1))}

    assert found == {decision.name: decision.value for decision in Decision}


def test_numbers_of_our_own_are_those_of_the_program() -> None:
    defined = dict(re.findall(r"#define (\w+) (\d+)\b", SOURCE))

    assert int(defined["COUNTER_SLOTS"]) == COUNTER_SLOTS
    assert int(defined["FIB_RESULT_UNKNOWN"]) == FibResult.UNKNOWN
    assert int(defined["FIB_RESULT_ERROR"]) == FibResult.ERROR


def test_every_number_has_a_slot_and_a_meaning() -> None:
    assert set(DECISION_MEANINGS) == set(Decision)
    assert set(FIB_MEANINGS) == set(FibResult)
    assert all(number < COUNTER_SLOTS for number in (*Decision, *FibResult))


def test_maps_and_function_are_named_as_in_the_program() -> None:
    declared = re.findall(r"^BPF_\w+\((\w+)", SOURCE, re.MULTILINE)

    assert set(declared) == set(LAYOUTS)
    assert f"int {FUNCTION}(struct __sk_buff *skb)" in SOURCE
    assert FILTER_NAME == FUNCTION
