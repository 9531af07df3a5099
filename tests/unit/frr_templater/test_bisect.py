# SPDX-License-Identifier: Apache-2.0
"""The bad ones are found, with few tries."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.frr_templater.bisect import accept


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.sets(st.integers(0, 60), max_size=4))
async def test_exactly_the_bad_ones_are_left_out(number: int, bad: set[int]) -> None:
    async def valid(part: Sequence[int]) -> bool:
        return not bad & set(part)

    good, left_out = await accept(range(number), valid)
    assert good == [n for n in range(number) if n not in bad]
    assert left_out == sorted(n for n in bad if n < number)


async def test_of_two_that_exclude_each_other_the_first_stays() -> None:
    async def valid(part: Sequence[int]) -> bool:
        return not {3, 7} <= set(part)

    assert await accept(range(10), valid) == ([0, 1, 2, 3, 4, 5, 6, 8, 9], [7])


async def test_one_among_a_thousand_takes_few_tries() -> None:
    tries = 0

    async def valid(part: Sequence[int]) -> bool:
        nonlocal tries
        tries += 1
        return 617 not in part

    _, bad = await accept(range(1000), valid)
    assert bad == [617]
    assert tries < 25
