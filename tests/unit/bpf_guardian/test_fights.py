# SPDX-License-Identifier: Apache-2.0
"""When somebody undoes our work again and again."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.bpf_guardian.fights import PATIENCE, QUIET_AFTER, Fights


def fights() -> Fights:
    return Fights(random.Random(5))


def test_a_few_repairs_are_no_fight() -> None:
    seen = fights()
    for moment in range(PATIENCE - 1):
        seen.repaired("vx.red", float(moment))

    assert seen.resting(4.0) == frozenset()
    assert seen.fought_over(4.0) == {}
    assert seen.next_look(4.0) is None


def test_rest_grows_up_to_a_minute() -> None:
    seen, now, rests = fights(), 0.0, []
    for _ in range(PATIENCE + 10):
        seen.repaired("vx.red", now)
        if "vx.red" in seen.resting(now):
            rests.append(seen.next_look(now) or 0.0)
            now += rests[-1]

    assert rests[0] <= 1.0
    assert 30.0 <= rests[-1] <= 60.0
    assert seen.fought_over(now) == {"vx.red": PATIENCE + 10}


def test_one_interface_never_slows_another() -> None:
    seen = fights()
    for _ in range(PATIENCE + 3):
        seen.repaired("vx.red", 0.0)
    seen.repaired("vx.blue", 0.0)

    assert seen.resting(0.0) == {"vx.red"}


def test_peace_is_noticed() -> None:
    seen = fights()
    for _ in range(PATIENCE):
        seen.repaired("vx.red", 0.0)
    until = seen.next_look(0.0) or 0.0
    assert seen.resting(until) == frozenset()
    peace = until + (seen.next_look(until) or 0.0)

    assert seen.fought_over(peace - 0.1) == {"vx.red": PATIENCE}
    assert seen.fought_over(peace + 0.1) == {}
    assert peace >= QUIET_AFTER


@settings(max_examples=100, deadline=None)
@given(gaps=st.lists(st.floats(0, 300), max_size=60))
def test_there_is_always_a_next_look_while_something_rests(gaps: list[float]) -> None:
    """Or a filter would stay away for ever."""
    seen, now = fights(), 0.0
    for gap in gaps:
        now += gap
        seen.repaired("vx.red", now)
        if seen.resting(now):
            look = seen.next_look(now)
            assert look is not None
            assert look <= 60.0
            assert "vx.red" not in seen.resting(now + look)
