# SPDX-License-Identifier: Apache-2.0
"""VNIs: a slip in one entry takes no VNI from the VRF that had it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netop.common.vnis import allot

VRFS = st.sampled_from(["a", "b", "c", "d", "e"])
VNIS = st.integers(1, 5)


@pytest.mark.parametrize(
    ("wanted", "before", "result"),
    [
        ({"a": 1, "b": 2}, {}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 1}, {}, {"a": 1}),
        ({"a": None, "b": 2}, {}, {"b": 2}),
        ({"a": None, "b": 2}, {"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 1}, {"b": 1}, {"b": 1}),
        ({"a": 1, "b": 1}, {"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ({"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": None, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"b": 1}, {"a": 1}, {"b": 1}),
        ({"a": 1, "c": 2, "b": 1}, {"b": 1, "a": 2, "c": 3}, {"a": 2, "b": 1, "c": 3}),
    ],
)
def test_who_had_a_number_keeps_it(
    wanted: dict[str, int | None], before: dict[str, int], result: dict[str, int]
) -> None:
    assert allot(wanted, before) == result


@given(
    st.dictionaries(VRFS, st.one_of(VNIS, st.none())),
    st.dictionaries(VRFS, VNIS),
)
def test_no_number_is_given_twice_and_none_is_made_up(
    wanted: dict[str, int | None], before: dict[str, int]
) -> None:
    found = allot(wanted, before)
    assert len(set(found.values())) == len(found)
    for name, vni in found.items():
        assert vni in {wanted[name], before.get(name)}
    assert all(vni in found.values() for vni in wanted.values() if vni is not None)


@given(st.dictionaries(VRFS, st.one_of(VNIS, st.none())))
def test_who_had_one_still_has_one_and_the_same_where_nothing_else_is_wished(
    wanted: dict[str, int | None],
) -> None:
    before = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
    found = allot(wanted, before)
    assert found.keys() == wanted.keys()
    for name, vni in wanted.items():
        assert found[name] == before[name] or vni not in {None, before[name]}
