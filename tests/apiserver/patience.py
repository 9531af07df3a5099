# SPDX-License-Identifier: Apache-2.0
"""Waits until something is true; no test here depends on how long that takes."""

import time
from collections.abc import Callable


def wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
