# SPDX-License-Identifier: Apache-2.0
"""The gap: from the first change, never postponed, never lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netop.crd_watcher.changes import Changes
from netop.crd_watcher.debounce import Debounce


def test_the_gap_begins_with_the_first_change_and_later_ones_do_not_postpone_it() -> None:
    debounce = Debounce()
    assert debounce.wait(0, 30) is None
    debounce = debounce.changed(100)
    assert debounce.wait(100, 30) == 30
    debounce = debounce.changed(125)
    assert debounce.wait(125, 30) == 5
    assert debounce.wait(131, 30) == 0
    assert debounce.begun().wait(131, 30) is None


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(0, 30))
def test_every_change_is_taken_up_within_the_gap_and_runs_are_a_gap_apart(
    pauses: list[float], gap: float
) -> None:
    """Against a model: the clock goes from event to event, runs happen exactly when due."""
    debounce, now, waiting, runs = Debounce(), 0.0, list[float](), list[float]()

    def run_until(end: float) -> None:
        nonlocal debounce, waiting
        wait = debounce.wait(now, gap)
        if wait is not None and now + wait <= end:
            begun = now + wait
            assert all(begun - gap - 1e-9 <= changed <= begun for changed in waiting)
            assert not runs or begun - runs[-1] >= gap - 1e-9
            runs.append(begun)
            waiting = []
            debounce = debounce.begun()

    for pause in pauses:
        run_until(now + pause)
        now += pause
        debounce = debounce.changed(now)
        waiting.append(now)
    run_until(float("inf"))
    assert waiting == []
    assert len(runs) <= len(pauses)


def test_changes_from_threads_keep_the_time_of_the_first_until_it_is_taken() -> None:
    now, wakes = [1.0], list[float]()
    changes = Changes(lambda: now[0], lambda: wakes.append(now[0]))
    assert changes.take() is None
    changes.touch()
    now[0] = 2.0
    changes.touch()
    assert changes.take() == 1.0
    assert changes.take() is None
    assert wakes == [1.0, 2.0]
