# SPDX-License-Identifier: Apache-2.0
"""An API server for VRFNodeStates and events: what it was asked, and what it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from netop.crd_watcher.report.node_object import PATH
from netop.crd_watcher.report.rejection import EVENTS_PATH
from tests.unit.crd_watcher.fake_api import KUBECONFIG

MERGE = "application/merge-patch+json"


@dataclass
class FakeCluster:
    """`refuse` maps a request such as `PATCH n1/status` or `POST events` to the HTTP status
    that it is answered with; "*" is each of them. `hung` requests wait for `go`.
    """

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    served: bool = True
    requests: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.go.set()

    def asked(self) -> list[str]:
        """The requests since the last call."""
        with self.lock:
            asked, self.requests = self.requests, []
        return asked

    def status(self, name: str = "n1") -> dict[str, Any]:
        with self.lock:
            found: dict[str, Any] = self.states.get(name, {}).get("status", {})
        return found

    def ready(self, name: str = "n1") -> str:
        conditions = self.status(name).get("conditions", [{}])
        return str(conditions[0].get("status", ""))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        short = "events" if path == EVENTS_PATH else path.removeprefix(f"{PATH}/")
        short = "states" if short == PATH else short
        self.go.wait()
        with self.lock:
            self.requests.append(f"{method} {short}")
            code = self.refuse.get(f"{method} {short}", self.refuse.get("*", 0))
            if code:
                return code, {"kind": "Status", "message": "as the test wants it"}
            if short == "events":
                return self._create(self.events, body)
            if not self.served:
                return 404, {"kind": "Status", "message": "404 page not found"}
            if method == "POST":
                # As a real one does: a status that comes along is dropped.
                return self._create(self.states, {k: body[k] for k in body if k != "status"})
            return self._object(method, short.removesuffix("/status"), body)

    def _create(
        self, objects: dict[str, dict[str, Any]], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        name = body["metadata"]["name"]
        if name in objects:
            return 409, {"kind": "Status", "reason": "AlreadyExists"}
        objects[name] = {**body, "metadata": {**body["metadata"], "generation": 1}}
        return 201, objects[name]

    def _object(self, method: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        if name not in self.states:
            return 404, {"kind": "Status", "message": f'vrfnodestates "{name}" not found'}
        if method == "PATCH":
            self.states[name] = {**self.states[name], "status": body["status"]}
        return 200, self.states[name]


@contextmanager
def serving(cluster: FakeCluster, directory: Path, user: str = "netop:node:n1") -> Iterator[Path]:
    """Serve on loopback; give the path of a kubeconfig for it."""

    class Handler(_Handler):
        fake = cluster

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    kubeconfig = directory / "kubeconfig"
    text = KUBECONFIG.format(server=f"http://127.0.0.1:{server.server_port}", token="secret")
    kubeconfig.write_text(text.replace("user: u}", f'user: "{user}"}}').replace(
        "{name: u,", f'{{name: "{user}",'
    ))  # fmt: skip
    try:
        yield kubeconfig
    finally:
        cluster.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeCluster

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        patches = self.command == "PATCH"
        assert not patches or self.headers["Content-Type"] == MERGE
        assert self.command == "GET" or "fieldManager=netop-crd-watcher" in self.path
        code, said = self.fake.answer(self.command, path, body)
        text = json.dumps({**said, "code": code}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        with suppress(OSError):  # whoever asked may have lost patience
            self.end_headers()
            self.wfile.write(text)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815  # the library's names
