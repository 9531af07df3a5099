# SPDX-License-Identifier: Apache-2.0
"""Complaints: whatever is wrong, they can be written, and read again by every daemon."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netop.common.documents import Desired, Source
from netop.common.edge import Field, FieldError
from netop.common.policy import PrefixRule
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.common.store import document_text, parse_document

# With surrogates: of a file whose name is not UTF-8.
TEXT = st.text(st.characters(), max_size=6000)


def read_back(problem: Problem) -> Problem:
    desired = Desired(1, Source.MANIFESTS, "", NodeSettings(), (), (problem,))
    return parse_document(Desired, document_text(desired), "x").rejected[0]


def test_a_word_of_four_thousand_letters_leaves_the_document_readable() -> None:
    with pytest.raises(FieldError) as caught:
        PrefixRule.parse(Field({"cidr": "10.0.0.0/8", "action": "x" * 4096}), 0)
    problem = Problem.of("VRFRouteConfiguration red-a", caught.value, "mend it")
    assert read_back(problem) == problem
    assert problem.reason.endswith("xxx…")
    assert str(problem).endswith("…; mend it")


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_no_complaint_is_longer_than_its_readers_take(
    subject: str, reason: str, field: str, value: str, remedy: str
) -> None:
    problem = Problem(subject, reason, field, value, remedy)
    assert read_back(problem) == problem
    longer = dataclasses.replace(problem, remedy=f"{problem.remedy}; {remedy}")
    assert read_back(longer) == longer


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_that_python_does_not_write_in_decimal_is_told_all_the_same(sign: str) -> None:
    value = int(f"{sign}{'f' * 5000}", 16)
    for field in (Field(value, "seq"), Field([value], "seq"), Field({value: value}, "seq")):
        with pytest.raises(FieldError) as caught:
            field.integer(1, 9)
        told = str(Problem.of("x", caught.value))
        assert "0xfff" in told
        assert len(told) < 300
    with pytest.raises(FieldError, match="is not text"):
        Field({value: 1}, "spec").keys()
