# SPDX-License-Identifier: Apache-2.0
"""An API server for one kind of object: list, pages, watch, bookmarks, and every bad habit."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATH = "/apis/network.schiff.telekom.de/v1alpha1/vrfrouteconfigurations"

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: node
contexts: [{{name: node, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: "{token}"}}}}]
"""


@dataclass
class FakeApi:
    """`refuse` is the HTTP status to answer everything with, 0 for none. `delay` is how long
    each answer takes, in seconds. `deaf` watches accept and send nothing. `lifetime` ends
    watches earlier than asked for. `token` is the only one let in.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 100
    oldest: int = 0
    refuse: int = 0
    message: str = ""
    delay: float = 0.0
    deaf: bool = False
    lifetime: float = 3600.0
    token: str = "secret"
    log: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sockets: set[socket.socket] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    raw: list[bytes] = field(default_factory=list)

    def put(self, body: dict[str, Any]) -> None:
        with self.changed:
            name = body["metadata"]["name"]
            kind = "MODIFIED" if name in self.objects else "ADDED"
            self.objects[name] = self._stamped(body)
            self._record(kind, self.objects[name])

    def remove(self, name: str) -> None:
        with self.changed:
            self._record("DELETED", self._stamped(self.objects.pop(name)))

    def bookmark(self) -> None:
        """Advance the version as if something else had changed, and tell."""
        with self.changed:
            self.version += 10
            self._record("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})

    def compact(self) -> None:
        """Forget the past: a watch from before now is answered with 410."""
        with self.changed:
            self.oldest = self.version
            self.changed.notify_all()

    def send(self, line: bytes) -> None:
        """Put a raw line into every watch."""
        with self.changed:
            self.raw.append(line)
            self.changed.notify_all()

    def cut(self) -> None:
        """End every connection in the middle."""
        with self.changed:
            for each in self.sockets:
                with suppress(OSError):  # the other end may have been quicker
                    each.shutdown(socket.SHUT_RDWR)
            self.changed.notify_all()

    def counts(self) -> tuple[int, int]:
        """Return how many lists (pages) and watches were asked for."""
        watches = sum("watch=1" in each for each in self.requests)
        return len(self.requests) - watches, watches

    def _stamped(self, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        return {**body, "metadata": metadata}

    def _record(self, kind: str, body: dict[str, Any]) -> None:
        self.log.append((self.version, kind, body))
        self.changed.notify_all()


@contextmanager
def serving(api: FakeApi, directory: Path) -> Iterator[Path]:
    """Serve on loopback; give the path of a kubeconfig for it."""

    class Handler(_Handler):
        served = api

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    kubeconfig = directory / "kubeconfig"
    url = f"http://127.0.0.1:{server.server_port}"
    kubeconfig.write_text(KUBECONFIG.format(server=url, token=api.token))
    try:
        yield kubeconfig
    finally:
        server.shutdown()
        server.server_close()
        api.lifetime, api.deaf = 0, False
        api.cut()
        thread.join()


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    """Wait until `condition()` is true; fail the test where it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.005)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FakeApi

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:  # noqa: N802  # the library's name
        api = self.served
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with api.changed:
            api.requests.append(self.path)
            api.times.append(time.monotonic())
        time.sleep(api.delay)
        if api.refuse:
            self._status(api.refuse, api.message)
        elif self.headers.get("Authorization") != f"Bearer {api.token}":
            self._status(401, "Unauthorized")
        elif parts.path != PATH:
            self._status(404, "404 page not found")
        elif "watch" in query:
            self._watch(query)
        else:
            self._list(query)

    def _status(self, code: int, message: str) -> None:
        self._json({"kind": "Status", "code": code, "message": message}, code)

    def _json(self, body: dict[str, Any], code: int = 200) -> None:
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        with suppress(OSError):  # whoever asked may have lost patience
            self.end_headers()
            self.wfile.write(text)

    def _list(self, query: dict[str, str]) -> None:
        api = self.served
        with api.changed:
            objects = list(api.objects.values())
            begin, limit = int(query.get("continue", "0")), int(query["limit"])
            metadata = {"resourceVersion": str(api.version)}
            if begin + limit < len(objects):
                metadata["continue"] = str(begin + limit)
        self._json({"items": objects[begin : begin + limit], "metadata": metadata})

    def _watch(self, query: dict[str, str]) -> None:
        api = self.served
        version = int(query["resourceVersion"])
        end = time.monotonic() + min(float(query["timeoutSeconds"]), api.lifetime)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with api.changed:
            api.sockets.add(self.connection)
        try:
            self._stream(version, end)
        except OSError:
            pass
        finally:
            with api.changed:
                api.sockets.discard(self.connection)
            self.close_connection = True

    def _stream(self, version: int, end: float) -> None:
        api = self.served
        if version < api.oldest:
            body = {"kind": "Status", "code": 410, "message": "too old resource version"}
            self._line(json.dumps({"type": "ERROR", "object": body}).encode())
            self._chunk(b"")
            return
        sent_raw = len(api.raw)
        while True:
            while api.deaf:
                time.sleep(0.01)
            with api.changed:
                news = [each for each in api.log if each[0] > version]
                raw, sent_raw = api.raw[sent_raw:], len(api.raw)
                left = end - time.monotonic() if api.lifetime else 0
                if not (news or raw) and left > 0:
                    api.changed.wait(left)
                    continue
            if not (news or raw):
                break
            for line in raw:
                self._line(line)
            for number, kind, body in news:
                self._line(json.dumps({"type": kind, "object": body}).encode())
                version = number
        self._chunk(b"")

    def _line(self, line: bytes) -> None:
        self._chunk(line + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()
