# SPDX-License-Identifier: Apache-2.0
"""When to try again: exponential, bounded, and not in step with other nodes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """The delays, in seconds, between attempts that keep failing."""

    first: float = 1.0
    longest: float = 60.0
    chance: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def next(self) -> float:
        """Return the delay before the next attempt: 50 to 100 % of the doubled one before."""
        # The exponent is capped, so that a year of failures does not overflow a float.
        ceiling = min(self.longest, self.first * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return ceiling * self.chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start anew after a success."""
        self.failures = 0
