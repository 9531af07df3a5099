# SPDX-License-Identifier: Apache-2.0
"""What FRR did not live through, and how long it is spared the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from netop.frr_templater.state import digest

# FRR may end or hang while it takes over a text without the text being the reason. It is
# tried again, later each time, in seconds.
FIRST, LONGEST = 60.0, 6 * 3600.0


@dataclass(frozen=True)
class Death:
    """For what reason FRR ended or hung, how often, and until when to wait."""

    reason: str
    times: int
    until: float


@dataclass
class Deaths:
    """Remembers the last text of which FRR ended or hung; not over a restart of the daemon."""

    clock: Callable[[], float]
    _of: dict[str, Death] = field(default_factory=dict)

    def add(self, text: str, reason: str) -> None:
        """Take up a death; what went before of other texts is forgotten."""
        before = self._of.get(digest(text))
        times = before.times + 1 if before else 1
        # The first time it gets another chance at once.
        wait = 0.0 if times == 1 else min(LONGEST, FIRST * 10.0 ** (times - 2))
        self._of = {digest(text): Death(reason, times, self.clock() + wait)}

    def wait(self, text: str) -> tuple[Death, float] | None:
        """Return the last death of that text and for how long to wait, None where not."""
        death = self._of.get(digest(text)) if self._of else None  # a digest takes its time
        left = death.until - self.clock() if death else 0.0
        return (death, left) if death and left > 0 else None

    def survived(self, text: str) -> None:
        """Forget what FRR was seen to serve."""
        self._of.pop(digest(text), None)

    def another_frr(self) -> None:
        """Forget all: another version of FRR may live through it."""
        self._of.clear()
