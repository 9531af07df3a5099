# SPDX-License-Identifier: Apache-2.0
"""When to run: a fixed gap from the first change, then everything that has arrived."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Debounce:
    """Pure state; all times are in seconds of one monotonic clock.

    `since` is the time of the first change that no run has taken up, None where there is
    none. Further changes do not move it, so a steady stream of changes is served, too.
    """

    since: float | None = None

    def changed(self, now: float) -> Debounce:
        """Return the state after a change."""
        return self if self.since is not None and self.since <= now else replace(self, since=now)

    def wait(self, now: float, gap: float) -> float | None:
        """Return the seconds until a run is due (0: now), or None where nothing has changed."""
        if self.since is None:
            return None
        return max(0.0, self.since + gap - now)

    def begun(self) -> Debounce:
        """Return the state when a run begins; changes from then on are for the next one."""
        return Debounce()
