# SPDX-License-Identifier: Apache-2.0
"""Where the threads that watch tell the loop that something changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


def _nobody() -> None:
    """Before the loop runs there is nobody to wake; its first pass looks at everything."""


@dataclass
class Changes:
    """Keeps the time of the first change until it is taken; from any thread.

    `wake` wakes the loop; `clock` is monotonic, in seconds.
    """

    clock: Callable[[], float] = time.monotonic
    wake: Callable[[], None] = _nobody
    _first: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def touch(self) -> None:
        """Note a change now, and wake the loop."""
        with self._lock:
            if self._first is None:
                self._first = self.clock()
        self.wake()

    def take(self) -> float | None:
        """Return when the first change since the last call happened, or None."""
        with self._lock:
            first, self._first = self._first, None
        return first
