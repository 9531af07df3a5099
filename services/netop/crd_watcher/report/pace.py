# SPDX-License-Identifier: Apache-2.0
"""When to write: once a change, not often, and not when all other nodes do. Pure.

A resource that changes, changes on all nodes in the same second, and each has one write
to make. `spread` keeps ten thousand of them below what their kubelets' leases cost the
API server all the time (one a node each ten seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Pace:
    """Seconds. A write comes up to `spread` after the change that it tells of, at random,
    and not within `gap` of the write before. While a change is on its way through the
    daemons, its end is waited for, up to `patience`.
    """

    spread: float = 20.0
    gap: float = 30.0
    patience: float = 60.0


@dataclass(frozen=True)
class Pending:
    """What there is to write, and since when; all times are of one monotonic clock.

    `since` is None where nothing is to be written, `settled` is None while what is to be
    written may change at any moment. `chance` (0 to 1) was drawn for this change, `last` is
    the time of the last write, None before the first.
    """

    since: float | None = None
    settled: float | None = None
    chance: float = 0.0
    last: float | None = None

    def noticed(self, now: float, chance: float, *, settled: bool) -> Pending:
        """Return it after the state was seen to differ from what is written."""
        fresh = self if self.since is not None else replace(self, since=now, chance=chance)
        if not settled:
            return replace(fresh, settled=None)
        return fresh if fresh.settled is not None else replace(fresh, settled=now)

    def dropped(self) -> Pending:
        """Return it after the state became again what is written."""
        return Pending(last=self.last)

    def written(self, now: float) -> Pending:
        """Return it after a write."""
        return Pending(last=now)

    def due(self, pace: Pace) -> float | None:
        """Return when to write, None where nothing is to be written."""
        if self.since is None:
            return None
        # The chance counts from the end of the change: all nodes have it at the same time.
        latest = self.since + pace.patience
        begin = latest if self.settled is None else min(self.settled, latest)
        times = [begin + self.chance * pace.spread]
        if self.last is not None:
            times.append(self.last + pace.gap)
        return max(times)
