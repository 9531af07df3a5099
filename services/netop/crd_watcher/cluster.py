# SPDX-License-Identifier: Apache-2.0
"""Requests to the API server: one list, one watch.

They are urllib3's own. kubernetes.watch 30.1 gives a watch no read timeout, drops the
version that a bookmark brings, retries a refused connection three times without a pause,
and cannot be stopped from another thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netop.common.edge import Field
from netop.crd_watcher.connection import Connection, Request
from netop.crd_watcher.fault import READ, ClusterError, Fault
from netop.crd_watcher.kubeconfig import Access
from netop.crd_watcher.resource import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    import urllib3

# etcd takes objects of up to 1.5 MiB; a line beyond this is no event.
_LINE_LONGEST = 16 << 20

PATH = f"/apis/{GROUP}/{VERSION}/{PLURAL}"


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds; `page` is the number of objects in one answer.

    `watch` is how long the server is asked to keep a watch open. It ends one by itself
    then; a connection that is silent for `grace` longer than that is dead. One that
    stood for `stable` is taken for healthy. A server that knows our version says something
    within `telling`, be it a bookmark: kube-apiserver sends one a minute after etcd has told
    it of progress, which etcd does each 10 minutes, or each 5 seconds with kubeadm's options.
    """

    connect: float = 10.0
    answer: float = 30.0
    watch: float = 300.0
    grace: float = 15.0
    stable: float = 10.0
    page: int = 500
    telling: float = 900.0


class Cluster:
    """One API server, as one reading of the kubeconfig describes it."""

    def __init__(self, access: Access, timing: Timing) -> None:
        self.access = access
        self._timing = timing
        self._connection = Connection(access, timing.connect)
        self._watched: urllib3.BaseHTTPResponse | None = None

    def page(self, token: str) -> Field:
        """Return one page of the list, the first where `token` is empty; raises ClusterError."""
        query = {"limit": str(self._timing.page)} | ({"continue": token} if token else {})
        answer = self._connection.ask(self._request(query), self._timing.answer)
        assert answer is not None, "no status but success is expected"
        return answer

    @contextmanager
    def watch(self, version: str, seconds: int) -> Iterator[Iterator[bytes]]:
        """Give the lines of a watch from `version` on, until the server ends it.

        Raises ClusterError, also while the lines are read.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        response = self._connection.open(self._request(query), seconds + self._timing.grace)
        self._watched = response
        try:
            yield self._lines(response)
        finally:
            self._watched = None
            response.close()

    def interrupt(self) -> None:
        """End the watch that another thread is reading, if there is one."""
        response = self._watched
        if response is not None:
            # It may just have ended by itself.
            with suppress(OSError, ValueError):
                response.shutdown()

    def close(self) -> None:
        """Close idle connections."""
        self._connection.close()

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in response.stream(1 << 16, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line.strip())
                if len(rest) > _LINE_LONGEST:
                    reason = f"{self.access.host} sends a line without an end"
                    raise ClusterError(Fault.GARBLED, reason)
        except self._connection.errors as error:
            raise self._connection.explain(error) from error

    def _request(self, query: dict[str, str]) -> Request:
        return Request("GET", PATH, READ, tuple(query.items()))
