# SPDX-License-Identifier: Apache-2.0
"""Counts what becomes of lists and watches, for whoever watches the watcher."""

from __future__ import annotations

from collections.abc import Callable

from netop.common.tally import Count, Level, Tally
from netop.crd_watcher.fault import Fault
from netop.crd_watcher.watching import Connected, Event, Failed, Listed


class WatchCount:
    """Writes only where a list or a watch begins or ends, which is every few minutes.

    `now` is the time of day, in seconds since the epoch.
    """

    def __init__(self, tally: Tally, now: Callable[[], float]) -> None:
        self._tally = tally
        self._now = now
        # What an earlier life was connected to is no news.
        self.end()

    def begin(self) -> None:
        """A watch is wanted, and does not stand yet."""
        self._tally.know(Count.API_LISTS)
        self._tally.know(Count.API_WATCHES)
        self._tally.know(Count.API_FAILURES, Fault)
        self._tally.set(Level.API_CONNECTED, 0)
        self._tally.save()

    def heard(self, event: Event) -> None:
        """Take up what happened."""
        match event:
            case Listed():
                self._tally.add(Count.API_LISTS)
                self._tally.set(Level.API_LISTED_AT, self._now())
            case Connected():
                self._tally.add(Count.API_WATCHES)
                self._tally.set(Level.API_CONNECTED, 1)
                self._tally.set(Level.API_WATCHED_AT, self._now())
            case Failed(error):
                self._tally.add(Count.API_FAILURES, error.fault)
                self._tally.set(Level.API_CONNECTED, 0)
        self._tally.save()

    def end(self) -> None:
        """No watch is wanted any more."""
        self._tally.forget(Level.API_CONNECTED)
        self._tally.save()
