# SPDX-License-Identifier: Apache-2.0
"""Garbage in cycles goes with the pass that made it; what was there at first is not searched."""

from __future__ import annotations

import gc
import weakref

from netop.common.garbage import Sweeper


class Knot:
    """Refers to itself, so that only a search finds it."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_goes_and_what_was_there_at_first_is_set_aside() -> None:
    sweep = Sweeper()
    try:
        old = weakref.ref(Knot())
        sweep()
        assert old() is None, "it is no part of what is set aside"
        aside = gc.get_freeze_count()
        assert aside > 1000
        # However long it has lived: here it outlived two of Python's own searches.
        knot = Knot()
        new = weakref.ref(knot)
        gc.collect(0)
        gc.collect(1)
        del knot
        sweep()
        assert new() is None
        assert gc.get_freeze_count() <= aside, "only once"
    finally:
        gc.unfreeze()
