# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to one API server, with the credential of one reading of the kubeconfig."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from netop import __version__
from netop.common.edge import Field
from netop.crd_watcher.fault import ClusterError, Fault, explain_status, explain_transport
from netop.crd_watcher.kubeconfig import Access

if TYPE_CHECKING:
    import urllib3

_STATUS_LONGEST = 64 << 10


@dataclass(frozen=True)
class Request:
    """What is asked. `body` is JSON of the type `content`; `right` is what RBAC must grant
    for it, in words.
    """

    method: str
    path: str
    right: str
    query: tuple[tuple[str, str], ...] = ()
    body: object = None
    content: str = "application/json"


class Connection:
    """The way to one API server; one request at a time. Waits are in seconds."""

    def __init__(self, access: Access, connect: float) -> None:
        import urllib3
        import urllib3.exceptions

        self.access = access
        self.errors = (urllib3.exceptions.HTTPError, OSError)
        self._connect = connect
        self._pool = _pool(access)

    def ask(self, request: Request, answer: float, *expected: int) -> Field | None:
        """Return the object that the server answers with; None where it answers with one of
        the `expected` statuses, which are no success. Raises ClusterError.
        """
        response = self.open(request, answer, *expected)
        try:
            # Read to the end in any case: only then is the connection of use again.
            said = response.data
            return None if response.status in expected else Field(json.loads(said))
        except (ValueError, RecursionError) as error:
            reason = f"{self.access.host} answers with something else than JSON: {error}"
            raise ClusterError(Fault.GARBLED, reason) from error
        except self.errors as error:
            raise self.explain(error) from error

    def open(self, request: Request, answer: float, *expected: int) -> urllib3.BaseHTTPResponse:
        """Return the answer, unread, where it is a success or one of `expected`.

        `answer` is how long the server may be silent. Raises ClusterError.
        """
        try:
            response = self._send(request, answer)
            if response.status in {200, 201, *expected}:
                return response
            said = response.read(_STATUS_LONGEST)
            response.close()
        except (*self.errors, ValueError) as error:
            raise self.explain(error) from error
        origin = str(self.access.origin)
        raise explain_status(response.status, said, self.access.host, origin, request.right)

    def _send(self, request: Request, answer: float) -> urllib3.BaseHTTPResponse:
        import urllib3
        import urllib3.exceptions

        query = f"?{urlencode(request.query)}" if request.query else ""
        send = partial(
            self._pool.request,
            request.method,
            f"{self.access.host}{request.path}{query}",
            headers=self._headers(request),
            body=None if request.body is None else json.dumps(request.body).encode(),
            preload_content=False,
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=self._connect, read=answer),
        )
        try:
            return send()
        except urllib3.exceptions.ProtocolError:
            if request.method != "GET":
                raise
            # The server was just closing the connection that we had left (RFC 9110, 9.2.2).
            return send()

    def explain(self, error: Exception) -> ClusterError:
        """Return what a failure on the way means."""
        return explain_transport(error, self.access.host, str(self.access.origin))

    def close(self) -> None:
        """Close idle connections."""
        # Forgetting them alone would leave them open until they are collected as garbage.
        with suppress(*self.errors):
            self._pool.connection_from_url(self.access.host).close()
        self._pool.clear()

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"netop-crd-watcher/{__version__}"}
        authorization = self.access.authorization()
        if authorization:
            headers["Authorization"] = authorization
        if request.body is not None:
            headers["Content-Type"] = request.content
        return headers


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
