# SPDX-License-Identifier: Apache-2.0
"""A thread that tells the cluster of this node, and keeps nobody waiting while it does.

It sleeps until a document changes. With no kubeconfig it does not exist.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from netop.common.backoff import Backoff
from netop.common.documents import Attached, Desired, Document, Links, Served
from netop.common.store import DocumentError, Store
from netop.common.watch import FileWatch
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.connection import Connection
from netop.crd_watcher.fault import ClusterError
from netop.crd_watcher.kubeconfig import load_access
from netop.crd_watcher.report.assess import Intent, assess
from netop.crd_watcher.report.node_name import node_name
from netop.crd_watcher.report.node_object import NodeObject
from netop.crd_watcher.report.pace import Pace, Pending
from netop.crd_watcher.report.verdict import Documents
from netop.crd_watcher.report.writer import Draft, Writer

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Subject:
    """What the thread is to tell, and whom.

    `kubeconfig` is its path and what changes with the file. `name` is `nodeName` of
    config.yaml, empty where it has none. `connected` is whether the API server is there.
    """

    kubeconfig: tuple[Path, object]
    name: str
    connected: bool
    desired: Desired
    intent: Intent


class Reporter(Protocol):
    """What the daemon needs of the thread; methods are called from the loop."""

    def update(self, subject: Subject | None) -> None:
        """Take over what there is to tell; None where there is no cluster."""
        ...

    def trouble(self) -> str:
        """Return why the cluster does not learn of this node, empty where it does.

        Raises what ended the thread, if anything did.
        """
        ...

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        ...


class ClusterReporter:
    """The reporter of a real API server.

    `wake` tells the loop that `trouble` has changed; `wall` is the time of day in UTC,
    `clock` monotonic, both in seconds. `host` is the name of the host.
    """

    def __init__(
        self,
        store: Store,
        wake: Callable[[], None],
        wall: Callable[[], datetime],
        host: str,
        pace: Pace | None = None,
        timing: Timing | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._wake = wake
        self._host = host
        self._pace = pace or Pace()
        self._timing = timing or Timing()
        # A cluster that does not want to know is asked some six to twelve times an hour.
        self._backoff = backoff or Backoff(first=5.0, longest=600.0)
        self._clock = clock
        self._writer = Writer(wall)
        self._pending = Pending()
        self._retry_at: float | None = None
        self._lock = threading.Lock()
        self._subject: Subject | None = None
        self._trouble = ""
        self._crash: BaseException | None = None
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._watch: FileWatch | None = None

    def update(self, subject: Subject | None) -> None:
        """Take over what there is to tell; None where there is no cluster."""
        with self._lock:
            before, self._subject = self._subject, subject
        if subject is not None and self._thread is None:
            self._start()
        elif subject != before:
            self._wanted.set()

    def trouble(self) -> str:
        """Return why the cluster does not learn of this node, empty where it does."""
        with self._lock:
            if self._crash is not None:
                raise self._crash
            return self._trouble if self._subject is not None else ""

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._stopping = True
        self._wanted.set()
        if self._watch is not None:
            self._watch.stop()

    def _start(self) -> None:
        paths = [self._store.path(kind) for kind in (Links, Served, Attached)]
        self._watch = FileWatch(paths, self._wanted.set)
        self._watch.start()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last: Subject | None = None
        try:
            while not self._stopping:
                self._wanted.clear()
                with self._lock:
                    subject = self._subject
                self._compare(last, subject)
                last = subject
                self._wanted.wait(self._step(subject) if subject is not None else None)
        except BaseException as error:
            # The loop must learn of it: it ends the process, and systemd starts it anew.
            with self._lock:
                self._crash = error
            self._wake()
            raise

    def _compare(self, before: Subject | None, after: Subject | None) -> None:
        """Begin anew where it is no longer the same way to the same cluster."""
        if _way(before) != _way(after):
            # What the old credential might not, the new one may.
            self._writer.forget()
        elif (before and before.connected) == (after and after.connected):
            return
        # An API server that is back shall not have all nodes at once.
        self._pending = self._pending.dropped()
        self._retry_at = None
        self._backoff.reset()

    def _step(self, subject: Subject) -> float | None:
        """Look, write where that is due, and return the seconds until the next step."""
        if not subject.connected:
            return None
        now = self._clock()
        documents = Documents(
            subject.desired, self._read(Links), self._read(Served), self._read(Attached)
        )
        state = assess(subject.intent, documents)
        draft = Draft(state, subject.intent.rejections)
        if not self._writer.differs(draft):
            self._pending = self._pending.dropped()
            self._retry_at = None
            self._settle("")
            return None
        self._pending = self._pending.noticed(now, random.random(), settled=state.settled)
        due = self._pending.due(self._pace) or now
        if self._retry_at is not None:
            due = max(due, self._retry_at)
        if due > now:
            return due - now
        return self._attempt(subject, draft)

    def _attempt(self, subject: Subject, draft: Draft) -> float:
        try:
            access = load_access(subject.kubeconfig[0])
            name = node_name(subject.name, access.user, self._host)
            connection = Connection(access, self._timing.connect)
            try:
                self._writer.write(draft, NodeObject(connection, name, self._timing))
            finally:
                # Nodes by the thousand need not hold connections that they rarely use.
                connection.close()
        except ClusterError as error:
            delay = self._backoff.next()
            self._retry_at = self._clock() + delay
            self._settle(str(error))
            return delay
        self._retry_at = None
        self._backoff.reset()
        self._pending = self._pending.written(self._clock())
        self._settle("")
        # What has changed meanwhile is looked at now, and written in its time.
        return 0.0

    def _read(self, kind: type[D]) -> D | None:
        try:
            return self._store.read(kind)
        except DocumentError:
            # Its writer is told by netopctl and by the readers; to the cluster it is silent.
            return None

    def _settle(self, trouble: str) -> None:
        with self._lock:
            news, self._trouble = trouble != self._trouble, trouble
        if news and not self._stopping:
            self._wake()


def _way(subject: Subject | None) -> object:
    return subject and (subject.kubeconfig, subject.name)
