# SPDX-License-Identifier: Apache-2.0
"""A wish that vanishes is still granted for a moment.

config.yaml may be written in place: empty for an instant, whole again in the next. Nothing
is gained by being quick to let go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

GRACE = 5.0


@dataclass
class Grace:
    """Names that were wanted until a moment ago, in seconds of a monotonic clock."""

    _until: dict[str, float] = field(default_factory=dict)
    _wanted: frozenset[str] = frozenset()

    def lingering(self, wanted: Iterable[str], now: float) -> tuple[str, ...]:
        """Return the names to go on with although they are no longer among `wanted`."""
        current = frozenset(wanted)
        for name in self._wanted - current:
            self._until.setdefault(name, now + GRACE)
        self._wanted = current
        self._until = {
            name: until
            for name, until in self._until.items()
            if until > now and name not in current
        }
        return tuple(sorted(self._until))

    def next_end(self, now: float) -> float | None:
        """Return in how many seconds the first grace ends; None where there is none."""
        return min((until - now for until in self._until.values()), default=None)
