# SPDX-License-Identifier: Apache-2.0
"""The node's own object in the cluster, and its events: the requests that write them.

One PATCH for a change. No version goes with it, since nobody else writes the object:
there is nothing to conflict with, and where two daemons of one name ever met, the last
would win. An object that is missing is created first; the API server ignores a status
that is sent along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netop.common.edge import Field, FieldError
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.connection import Connection, Request
from netop.crd_watcher.fault import ClusterError, Fault
from netop.crd_watcher.report.rejection import EVENTS_PATH
from netop.crd_watcher.report.state import KIND, PLURAL
from netop.crd_watcher.resource import API_VERSION, GROUP, VERSION

PATH = f"/apis/{GROUP}/{VERSION}/{PLURAL}"
MERGE = "application/merge-patch+json"
MANAGER = (("fieldManager", "netop-crd-watcher"),)

_FIND = f"get on {PLURAL}.{GROUP}"
_CREATE = f"create on {PLURAL}.{GROUP}"
_WRITE = f"patch on the status of {PLURAL}.{GROUP}"
_TELL = "create, in the namespace default, on events.events.k8s.io"


@dataclass(frozen=True)
class Found:
    """The object as the API server has it: its metadata.generation and its status."""

    generation: int
    status: Field


@dataclass(frozen=True)
class NodeObject:
    """The VRFNodeState `name`. Every method raises ClusterError."""

    connection: Connection
    name: str
    timing: Timing

    def find(self) -> Found | None:
        """Return the object, None where there is none, or not even its kind."""
        request = Request("GET", f"{PATH}/{self.name}", _FIND)
        body = self.connection.ask(request, self.timing.answer, 404)
        return None if body is None else self._found(body)

    def create(self) -> Found:
        """Make the object, without a status; it may just have come into being."""
        wanted = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": self.name}}
        request = Request("POST", PATH, _CREATE, MANAGER, wanted)
        body = self.connection.ask(request, self.timing.answer, 409)
        found = self.find() if body is None else self._found(body)
        if found is None:
            reason = f"{PLURAL} {self.name} is there and is not; it is tried again"
            raise ClusterError(Fault.REFUSED, reason)
        return found

    def write(self, status: dict[str, Any]) -> bool:
        """Replace the status; return False where there is no object."""
        path = f"{PATH}/{self.name}/status"
        request = Request("PATCH", path, _WRITE, MANAGER, {"status": status}, MERGE)
        return self.connection.ask(request, self.timing.answer, 404) is not None

    def tell(self, event: dict[str, Any]) -> None:
        """Create an event; one of its name that is there already is as good."""
        request = Request("POST", EVENTS_PATH, _TELL, MANAGER, event)
        self.connection.ask(request, self.timing.answer, 409)

    def _found(self, body: Field) -> Found:
        try:
            generation = body["metadata"]["generation"].optional_integer(0, (1 << 63) - 1) or 0
        except FieldError as error:
            host = self.connection.access.host
            reason = f"{host} answers with something else than a {KIND}: {error}"
            raise ClusterError(Fault.GARBLED, reason) from error
        return Found(generation, body["status"])
