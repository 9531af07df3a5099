# SPDX-License-Identifier: Apache-2.0
"""Requests to the API server: one list, one watch.

They are urllib3's own. kubernetes.watch 30.1 gives a watch no read timeout, drops the
version that a bookmark brings, retries a refused connection three times without a pause,
and cannot be stopped from another thread.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from netop import __version__
from netop.common.edge import Field
from netop.crd_watcher.fault import ClusterError, Fault, explain_status, explain_transport
from netop.crd_watcher.kubeconfig import Access
from netop.crd_watcher.resource import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    import urllib3

# etcd takes objects of up to 1.5 MiB; a line beyond this is no event.
_LINE_LONGEST = 16 << 20
_STATUS_LONGEST = 64 << 10


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds; `page` is the number of objects in one answer.

    `watch` is how long the server is asked to keep a watch open. It ends one by itself
    then; a connection that is silent for `grace` longer than that is dead. One that
    stood for `stable` is taken for healthy.
    """

    connect: float = 10.0
    answer: float = 30.0
    watch: float = 300.0
    grace: float = 15.0
    stable: float = 10.0
    page: int = 500


class Cluster:
    """One API server, as one reading of the kubeconfig describes it."""

    def __init__(self, access: Access, timing: Timing) -> None:
        import urllib3
        import urllib3.exceptions

        self.access = access
        self._timing = timing
        self._pool = _pool(access)
        self._errors = (urllib3.exceptions.HTTPError, OSError)
        self._watched: urllib3.BaseHTTPResponse | None = None

    def page(self, token: str) -> Field:
        """Return one page of the list, the first where `token` is empty; raises ClusterError."""
        query = {"limit": str(self._timing.page)} | ({"continue": token} if token else {})
        response = self._request(query, self._timing.answer)
        try:
            return Field(json.loads(response.data))
        except (ValueError, RecursionError) as error:
            reason = f"{self.access.host} answers with something else than JSON: {error}"
            raise ClusterError(Fault.GARBLED, reason) from error
        except self._errors as error:
            raise self._explain(error) from error

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
        response = self._request(query, seconds + self._timing.grace)
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
        self._pool.clear()

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in response.stream(1 << 16, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line.strip())
                if len(rest) > _LINE_LONGEST:
                    reason = f"{self.access.host} sends a line without an end"
                    raise ClusterError(Fault.GARBLED, reason)
        except self._errors as error:
            raise self._explain(error) from error

    def _request(self, query: dict[str, str], answer: float) -> urllib3.BaseHTTPResponse:
        import urllib3

        url = f"{self.access.host}/apis/{GROUP}/{VERSION}/{PLURAL}?{urlencode(query)}"
        headers = {"Accept": "application/json", "User-Agent": f"netop-crd-watcher/{__version__}"}
        authorization = self.access.authorization()
        if authorization:
            headers["Authorization"] = authorization
        try:
            response = self._pool.request(
                "GET",
                url,
                headers=headers,
                preload_content=False,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=self._timing.connect, read=answer),
            )
            if response.status == 200:
                return response
            body = response.read(_STATUS_LONGEST)
            response.close()
        except (*self._errors, ValueError) as error:
            raise self._explain(error) from error
        origin = str(self.access.origin)
        raise explain_status(response.status, body, self.access.host, origin)

    def _explain(self, error: Exception) -> ClusterError:
        return explain_transport(error, self.access.host, str(self.access.origin))


def _pool(access: Access) -> urllib3.PoolManager:
    import urllib3
    from urllib3.connection import HTTPConnection

    # A peer that vanished without a word is noticed after a minute.
    keepalive = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ]
    options: dict[str, Any] = {}
    if access.host.startswith("https"):
        options["ssl_context"] = access.tls
        options["cert_reqs"] = access.tls.verify_mode
        if access.server_name:
            options["server_hostname"] = access.server_name
    return urllib3.PoolManager(
        maxsize=1,
        socket_options=[*HTTPConnection.default_socket_options, *keepalive],
        **options,
    )
