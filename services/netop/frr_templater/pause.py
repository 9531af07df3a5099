# SPDX-License-Identifier: Apache-2.0
"""The time between two attempts at the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from netop.common.backoff import Backoff
from netop.common.problem import Problem


@dataclass
class Pause:
    """Has a wish wait that was not fulfilled; another one is tried at once.

    A daemon that only asked to be called later would be called at once: what it wrote to
    go back wakes it. `problems` are told meanwhile.
    """

    clock: Callable[[], float]
    problems: tuple[Problem, ...] = ()
    _roll_backs: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=60.0))
    _wish: object = None
    _until: float = 0.0

    def begin(self, wish: object, seconds: float, problems: tuple[Problem, ...]) -> None:
        """Have that wish wait."""
        self._wish, self._until, self.problems = wish, self.clock() + seconds, problems

    def left(self, wish: object) -> float:
        """Return for how many seconds that wish has to wait."""
        return max(0.0, self._until - self.clock()) if wish == self._wish else 0.0

    def after_roll_back(self) -> float:
        """Return how long to wait after a change was rolled back, one more in a row.

        The first time not at all: without what was refused, the rest may well do.
        """
        seconds = self._roll_backs.next()
        return seconds if self._roll_backs.failures > 1 else 0.0

    def end(self) -> None:
        """Begin anew: a change was taken over."""
        self._roll_backs.reset()
