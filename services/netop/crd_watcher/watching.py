# SPDX-License-Identifier: Apache-2.0
"""The API server's resources as an endless sequence of events.

Three layers: `events` never ends, `_round` is a list where one is needed and then one
watch, `_watch` is one connection.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netop.common.backoff import Backoff
from netop.common.edge import Field, FieldError
from netop.crd_watcher.cluster import Cluster, Timing
from netop.crd_watcher.fault import ClusterError, Fault, explain_status


@dataclass(frozen=True)
class Listed:
    """All there is, as of now."""

    bodies: tuple[Field, ...]


@dataclass(frozen=True)
class Connected:
    """The watch stands: from here on nothing is missed."""


@dataclass(frozen=True)
class Upserted:
    """One object is new or has changed."""

    body: Field


@dataclass(frozen=True)
class Removed:
    """One object is gone."""

    body: Field


@dataclass(frozen=True)
class Failed:
    """The list or the watch failed; another attempt follows."""

    error: ClusterError


Event = Listed | Connected | Upserted | Removed | Failed


class Watching:
    """One list and one watch, for as long as it is wanted.

    `connect` reads the kubeconfig; it is called again after each failure and whenever
    the files have changed. `pause` sleeps for some seconds, or less where it is told to,
    and returns whether to go on. `stopped` says whether to end.
    """

    def __init__(
        self,
        connect: Callable[[], Cluster],
        pause: Callable[[float], object],
        stopped: Callable[[], bool],
        timing: Timing,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._pause = pause
        self._stopped = stopped
        self._timing = timing
        self._backoff = backoff
        self._clock = clock
        self._cluster: Cluster | None = None
        self._identity = ""
        # The resourceVersion to watch from; empty where a list is needed first.
        self._version = ""
        self._stood_since: float | None = None
        # For how long watches have stood since anything was heard of the server.
        self._silence = 0.0
        self._interrupted = False

    def interrupt(self) -> None:
        """Cut the present watch short and look at the files again; from any thread."""
        self._interrupted = True
        cluster = self._cluster
        if cluster is not None:
            cluster.interrupt()

    def events(self) -> Iterator[Event]:
        """Yield what happens, until stopped."""
        while not self._stopped():
            # Cleared before the files are looked at, so that no interruption is missed.
            self._interrupted = False
            self._stood_since = None
            try:
                yield from self._round()
            except ClusterError as error:
                if not self._interrupted:
                    yield self._failed(error)
                    self._pause(self._backoff.next())
            else:
                # A server, or something between, that ends each watch at once must not
                # make us run in circles; a watch that ends in its time costs no pause.
                if not (self._stood() or self._interrupted):
                    self._pause(self._backoff.next())
        self._drop()

    def _failed(self, error: ClusterError) -> Failed:
        self._stood()
        if error.fault in {Fault.EXPIRED, Fault.NO_CRD}:
            self._version = ""
        # The next attempt reads the credential again: it may be what is wrong.
        self._drop()
        return Failed(error)

    def _stood(self) -> bool:
        """Return whether the watch stood long enough to be healthy; pauses begin anew then."""
        since = self._stood_since
        stood = since is not None and self._clock() - since >= self._timing.stable
        if stood:
            self._backoff.reset()
        return stood

    def _round(self) -> Iterator[Event]:
        cluster = self._ready()
        if not self._version:
            yield self._list(cluster)
        yield from self._watch(cluster)

    def _ready(self) -> Cluster:
        if self._cluster is not None and self._cluster.access.outdated():
            self._drop()
        if self._cluster is None:
            self._cluster = self._connect()
            # A version means nothing to another cluster, and nobody can tell a kubeconfig
            # of the same cluster from one of another.
            if self._cluster.access.identity != self._identity:
                self._identity = self._cluster.access.identity
                self._version = ""
        return self._cluster

    def _drop(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def _list(self, cluster: Cluster) -> Listed:
        bodies: list[Field] = []
        token = ""
        while True:
            page = cluster.page(token)
            try:
                bodies += [Field(item.value) for item in page["items"].items()]
                token = page["metadata"]["continue"].optional_text(1 << 16) or ""
                version = page["metadata"]["resourceVersion"].text()
            except FieldError as error:
                reason = f"{cluster.access.host} answers with something else than a list: {error}"
                raise ClusterError(Fault.GARBLED, reason) from error
            if not token:
                self._version = version
                self._silence = 0.0
                return Listed(tuple(bodies))

    def _watch(self, cluster: Cluster) -> Iterator[Event]:
        # Nodes that started together shall not come back together.
        seconds = max(1, round(self._timing.watch * random.uniform(0.8, 1.0)))
        with cluster.watch(self._version, seconds) as lines:
            self._stood_since = self._clock()
            yield Connected()
            if self._interrupted:
                return
            heard = False
            for line in lines:
                heard = True
                yield from self._event(line, cluster)
        # To a server that was restored from a backup our version may lie in the future, and it
        # says nothing until it gets there (kubernetes/kubernetes#107457).
        self._silence = 0.0 if heard else self._silence + self._clock() - self._stood_since
        if self._silence >= self._timing.telling:
            self._version = ""

    def _event(self, line: bytes, cluster: Cluster) -> Iterator[Event]:
        try:
            event = Field(json.loads(line))
            kind, body = event["type"].text(), Field(event["object"].value)
            if kind == "ERROR":
                code = body["code"].optional_integer(0, 999) or 500
                text = json.dumps(body.value).encode()
                raise explain_status(code, text, cluster.access.host, str(cluster.access.origin))
            version = body["metadata"]["resourceVersion"].text()
        except (ValueError, RecursionError) as error:
            reason = f"{cluster.access.host} sends something else than watch events: {error}"
            raise ClusterError(Fault.GARBLED, reason) from error
        if kind in {"ADDED", "MODIFIED"}:
            yield Upserted(body)
        elif kind == "DELETED":
            yield Removed(body)
        # Only now: what failed on the way is sent again. BOOKMARK brings just this.
        self._version = version
