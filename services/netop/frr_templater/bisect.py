# SPDX-License-Identifier: Apache-2.0
"""Finds the few among many that spoil a whole, with few tries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def accept(
    items: Sequence[T], valid: Callable[[Sequence[T]], Awaitable[bool]]
) -> tuple[list[T], list[T]]:
    """Return the items that are valid together, and those that are not.

    Of two that exclude each other the earlier stays. `valid` is asked about twice the
    logarithm of the number of items for each bad one.
    """
    good: list[T] = []
    bad: list[T] = []
    pending = [list(items)]
    while pending:
        part = pending.pop()
        if not part:
            continue
        if await valid([*good, *part]):
            good += part
        elif len(part) == 1:
            bad += part
        else:
            middle = len(part) // 2
            pending += [part[middle:], part[:middle]]
    return good, bad
