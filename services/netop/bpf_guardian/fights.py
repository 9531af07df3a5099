# SPDX-License-Identifier: Apache-2.0
"""Somebody undoes our work again and again: say so, slow down, never give up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from netop.common.backoff import Backoff

# A provisioning tool may touch an interface a few times in a row; that is no fight.
PATIENCE = 5
QUIET_AFTER = 60.0


@dataclass
class _Fight:
    last: float
    backoff: Backoff
    repairs: int = 0
    until: float = 0.0


@dataclass
class Fights:
    """Repairs by interface name, in seconds of a monotonic clock.

    The first PATIENCE repairs are immediate; each one after that waits longer, up to a
    minute. An interface that is left alone for QUIET_AFTER seconds longer than its last
    delay is at peace again.
    """

    chance: random.Random = field(default_factory=random.Random)
    _fights: dict[str, _Fight] = field(default_factory=dict)

    def repaired(self, name: str, now: float) -> None:
        """Note that something had to be put back."""
        self._forget_quiet(now)
        fight = self._fights.setdefault(name, _Fight(now, Backoff(1.0, 60.0, self.chance)))
        fight.repairs += 1
        fight.last = now
        if fight.repairs >= PATIENCE:
            fight.until = now + fight.backoff.next()

    def resting(self, now: float) -> frozenset[str]:
        """Return the interfaces to leave as they are for now."""
        self._forget_quiet(now)
        return frozenset(name for name, fight in self._fights.items() if fight.until > now)

    def fought_over(self, now: float) -> dict[str, int]:
        """Return the interfaces in a fight, and how often each was repaired."""
        self._forget_quiet(now)
        return {
            name: fight.repairs
            for name, fight in sorted(self._fights.items())
            if fight.repairs >= PATIENCE
        }

    def next_look(self, now: float) -> float | None:
        """Return in how many seconds the first rest, or the first fight, ends; None: never."""
        self._forget_quiet(now)
        moments = [
            fight.until if fight.until > now else self._peace(fight)
            for fight in self._fights.values()
            if fight.repairs >= PATIENCE
        ]
        return max(0.0, min(moments) - now) if moments else None

    def _forget_quiet(self, now: float) -> None:
        for name, fight in list(self._fights.items()):
            if now >= self._peace(fight):
                del self._fights[name]

    @staticmethod
    def _peace(fight: _Fight) -> float:
        return max(fight.last, fight.until) + QUIET_AFTER
