# SPDX-License-Identifier: Apache-2.0
"""A thread that keeps the API server's resources in memory, as they are now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netop.common.backoff import Backoff
from netop.common.documents import Source
from netop.common.edge import Field
from netop.common.tally import Tally
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.cluster import Cluster, Timing
from netop.crd_watcher.fault import Fault
from netop.crd_watcher.kubeconfig import load_access
from netop.crd_watcher.resource import Resource
from netop.crd_watcher.snapshot import Snapshot, Unreadable, read_object
from netop.crd_watcher.watch_count import WatchCount
from netop.crd_watcher.watching import Connected, Event, Failed, Listed, Removed, Upserted, Watching


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the connection, and since when (ISO 8601)."""

    fault: Fault
    reason: str
    since: str


@dataclass(frozen=True)
class MirrorState:
    """`snapshot` is None until a list has come; `trouble` is None while the watch stands.

    Both None: the first answer is awaited. Both set: the snapshot is of `trouble.since`.
    """

    snapshot: Snapshot | None
    trouble: Trouble | None


class Mirror(Protocol):
    """What the daemon needs of the thread; methods are called from the loop."""

    def state(self) -> MirrorState:
        """Return what is known now; raises what ended the thread, if anything did."""
        ...

    def refresh(self) -> None:
        """Look at the kubeconfig again, and connect anew if it has changed."""
        ...

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        ...


class ClusterMirror:
    """The mirror of a real API server.

    `changes` learns of each change of content, not of what leaves the content the same,
    such as a status or a list that says what is known already. `clock` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        kubeconfig: Path,
        changes: Changes,
        now: Callable[[], str],
        timing: Timing | None = None,
        backoff: Backoff | None = None,
        count: WatchCount | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._changes = changes
        self._now = now
        self._count = count or WatchCount(Tally(), time.time)
        self._wanted = threading.Event()
        self._stopping = False
        timing, backoff = timing or Timing(), backoff or Backoff()
        self._watching = Watching(
            connect=lambda: Cluster(load_access(kubeconfig), timing),
            pause=self._pause,
            stopped=self._ends,
            timing=timing,
            backoff=backoff,
        )
        self._clock = clock
        # Twice what one list and one watch take at most, with the pause before them.
        longest = timing.connect + timing.answer + timing.watch + timing.grace + backoff.longest
        self._hangs_after = 2 * longest
        self._alive_at = clock(), now()
        self._lock = threading.Lock()
        self._held: dict[str, Resource | Unreadable] | None = None
        self._trouble: Trouble | None = None
        self._crash: BaseException | None = None
        self._count.begin()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def state(self) -> MirrorState:
        """Return what is known now; raises what ended the thread, if anything did."""
        with self._lock:
            if self._crash is not None:
                raise self._crash
            return MirrorState(_snapshot(self._held), self._hanging() or self._trouble)

    def refresh(self) -> None:
        """Look at the kubeconfig again, and connect anew if it has changed."""
        self._wanted.set()
        self._watching.interrupt()

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._stopping = True
        self.refresh()
        with self._lock:
            self._count.end()

    def _ends(self) -> bool:
        self._live()
        return self._stopping

    def _live(self) -> None:
        """Note a sign of life of the thread; in the thread."""
        hung = self._hanging() is not None
        self._alive_at = self._clock(), self._now()
        if hung:
            self._changes.wake()

    def _hanging(self) -> Trouble | None:
        """Return what is wrong where the thread hangs: requests have limits, plug-ins none."""
        seen, since = self._alive_at
        if self._clock() - seen <= self._hangs_after:
            return None
        plug_in = f"an exec plug-in in {self._kubeconfig} may hang"
        reason = f"nobody asks it; {plug_in}: end that, or systemctl restart netop-crd-watcher"
        return Trouble(Fault.KUBECONFIG, reason, since)

    def _pause(self, seconds: float) -> None:
        self._wanted.wait(seconds)
        self._wanted.clear()

    def _run(self) -> None:
        try:
            for event in self._watching.events():
                self._take(event)
        except BaseException as error:
            # The loop must learn of it: it ends the process, and systemd starts it anew.
            with self._lock:
                self._crash = error
            self._changes.wake()
            raise

    def _take(self, event: Event) -> None:
        self._live()
        with self._lock:
            before, told = self._held, self._trouble
            self._held = _after(before, event)
            self._trouble = self._trouble_after(event)
            changed, news = self._held != before, self._trouble != told
            if not self._stopping:
                self._count.heard(event)
        if self._stopping:
            return
        if changed:
            self._changes.touch()
        elif news:
            self._changes.wake()

    def _trouble_after(self, event: Event) -> Trouble | None:
        if isinstance(event, Failed):
            since = self._trouble.since if self._trouble else self._now()
            return Trouble(event.error.fault, str(event.error), since)
        # A list alone proves little: the watch may still be refused.
        return None if isinstance(event, Connected) else self._trouble


def _snapshot(held: dict[str, Resource | Unreadable] | None) -> Snapshot | None:
    if held is None:
        return None
    ordered = [held[key] for key in sorted(held)]
    return Snapshot(
        Source.KUBERNETES,
        tuple(each for each in ordered if isinstance(each, Resource)),
        tuple(each for each in ordered if isinstance(each, Unreadable)),
    )


def _after(
    held: dict[str, Resource | Unreadable] | None, event: Event
) -> dict[str, Resource | Unreadable] | None:
    """Return what is held after an event; None is nothing that can be relied on."""
    if isinstance(event, Listed):
        return {_key(body): read_object(body, "") for body in event.bodies}
    # Without its CRD the API server deletes every resource, but nobody meant to
    # withdraw every route: what was known before counts again.
    if isinstance(event, Failed) and event.error.fault is Fault.NO_CRD:
        return None
    if isinstance(event, Upserted) and held is not None:
        return held | {_key(event.body): read_object(event.body, "")}
    if isinstance(event, Removed) and held is not None:
        return {key: value for key, value in held.items() if key != _key(event.body)}
    return held


def _key(body: Field) -> str:
    """Return the object's name, whatever it is: the API server vouches for it."""
    name = body["metadata"]["name"].value
    return name if isinstance(name, str) else ""
