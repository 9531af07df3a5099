# SPDX-License-Identifier: Apache-2.0
"""Says what is going on, with the seconds since the start before each line."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Lines on a stream; standard error unless told, so that standard output stays clean."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        for line in text.splitlines() or [""]:
            print(f"[{self.elapsed:6.1f} s] {line}", file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say what begins now, and at its end how long it took."""
        self.say(f"{text} …")
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"{text}: FAILED after {time.monotonic() - begin:.1f} s")
            raise
        self.say(f"{text}: {time.monotonic() - begin:.1f} s")
