# SPDX-License-Identifier: Apache-2.0
"""HTTP on sockets that systemd holds: answers scrapes, and ends when none come any more."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from socketserver import BaseServer, ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Whoever sends no request, or does not take the answer, is let go after so many seconds.
CLIENT_PATIENCE = 10.0

# More at the same time are turned away: nobody on the node shall exhaust it.
CLIENTS_MOST = 24

_PAGE = b"""<!DOCTYPE html><title>netop-exporter</title>
<h1>netop-exporter</h1><p><a href="metrics">Metrics</a></p>
"""


class Activity:
    """Knows since when nobody has asked; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def note(self) -> None:
        """Note that somebody asks."""
        self._last = self._clock()

    def idle(self) -> float:
        """Return the seconds since somebody asked."""
        return self._clock() - self._last


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tell nobody: a scrape is no news."""


class Server(ThreadingMixIn, WSGIServer):
    """One listening socket, taken over. A thread for each request, so that none waits.

    `server_close` waits for the requests under way.
    """

    def __init__(
        self, listening: socket.socket, application: WSGIApplication, activity: Activity
    ) -> None:
        self._activity = activity
        # Not TCPServer's: that makes a socket of its own, which the sandbox forbids.
        BaseServer.__init__(self, listening.getsockname(), _Handler)
        self.socket = listening
        # Nobody but the application's environment asks for these.
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()
        self.set_app(application)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Return the next connection; a socket in the file system has no peer to name."""
        self._activity.note()
        connection, peer = self.socket.accept()
        return connection, peer if isinstance(peer, tuple) else ("", 0)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Return whether there is room for one more."""
        return threading.active_count() < CLIENTS_MOST

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of what went wrong here; that a client went away is its own business."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def application(metrics: WSGIApplication) -> WSGIApplication:
    """Return what answers: the metrics, a page that leads to them, and nothing else."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/":
                start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
                return [_PAGE]
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"there is /metrics\n"]

    return answer


def serve(servers: Sequence[Server], activity: Activity, idle_longest: float) -> None:
    """Answer until there was no request for `idle_longest` seconds.

    systemd still holds the sockets then, and the next request starts a new process; one
    that arrives meanwhile is answered by it.
    """
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while (left := idle_longest - activity.idle()) > 0:
        time.sleep(left)
    for server in servers:
        server.shutdown()
    for server in servers:
        server.server_close()
