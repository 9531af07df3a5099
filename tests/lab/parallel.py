# SPDX-License-Identifier: Apache-2.0
"""Two slow things at a time, as a fresh machine has at least two processors."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What both return; raises what the first or the second raises, after both have ended."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        one, two = pool.submit(first), pool.submit(second)
    return one.result(), two.result()
