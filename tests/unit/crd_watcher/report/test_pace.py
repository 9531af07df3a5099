# SPDX-License-Identifier: Apache-2.0
"""When a node writes: after a change, not too often, and not with all the others."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.crd_watcher.report.pace import Pace, Pending

PACE = Pace(spread=20, gap=30, patience=60)


def test_nothing_to_write_is_never_due() -> None:
    assert Pending().due(PACE) is None
    assert Pending().noticed(100, 0.5, settled=True).dropped().due(PACE) is None


def test_a_settled_change_is_written_at_its_chance() -> None:
    assert Pending().noticed(100, 0.5, settled=True).due(PACE) == 110


def test_a_change_under_way_is_waited_for_to_its_end() -> None:
    begun = Pending().noticed(100, 0.5, settled=False)
    assert begun.due(PACE) == 170
    ended = begun.noticed(108, 0.9, settled=True)
    assert ended.due(PACE) == 118
    assert ended.noticed(109, 0.1, settled=True) == ended
    assert ended.noticed(112, 0.1, settled=False).due(PACE) == 170


def test_a_change_that_never_ends_is_written_all_the_same() -> None:
    pending = Pending().noticed(100, 0.5, settled=False)
    for now in range(101, 400):
        pending = pending.noticed(now, 0.5, settled=now % 7 == 0)
    due = pending.due(PACE)
    assert due is not None
    assert due <= 170


def test_the_next_write_keeps_its_distance() -> None:
    written = Pending().noticed(100, 0, settled=True).written(100)
    assert written.due(PACE) is None
    assert written.noticed(101, 0, settled=True).due(PACE) == 130
    assert written.noticed(101, 0, settled=True).dropped().noticed(
        102, 0, settled=True
    ).due(PACE) == 130  # fmt: skip


STEPS = st.lists(
    st.tuples(
        st.integers(0, 40), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 1.0])
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_writes_are_apart_and_no_change_waits_for_ever(
    steps: list[tuple[int, bool, bool, float]],
) -> None:
    pending, now = Pending(), 0.0
    writes: list[float] = []
    since: float | None = None
    for pause, differs, settled, chance in steps:
        now += pause
        if not differs:
            pending, since = pending.dropped(), None
            continue
        since = now if since is None else since
        pending = pending.noticed(now, chance, settled=settled)
        due = pending.due(PACE)
        assert due is not None
        last = writes[-1] if writes else -PACE.gap
        assert due <= max(since + PACE.patience + PACE.spread, last + PACE.gap)
        if due <= now:
            assert now - last >= PACE.gap
            writes.append(now)
            pending, since = pending.written(now), None


def test_ten_thousand_nodes_do_not_come_together() -> None:
    nodes = [Pending().noticed(100, number / 10_000, settled=True) for number in range(10_000)]
    seconds = [int(due) for due in (node.due(PACE) for node in nodes) if due is not None]
    # Their kubelets renew 1,000 leases a second meanwhile.
    assert max(seconds.count(second) for second in set(seconds)) <= 500
