# SPDX-License-Identifier: Apache-2.0
"""What the API server for custom resources asks a kube-apiserver about admission.

Its own ValidatingAdmissionPolicy plug-in, which is Kubernetes', finds policies, bindings
and namespaces here: lists that never change, and watches on which nothing happens.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lab.apiserver.client import Json

REGISTRATION = "admissionregistration.k8s.io/v1"
#: Of any object; it only has to stay the same.
VERSION = "1"
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


@dataclass(frozen=True)
class Registration:
    """The policies and bindings of `manifests`, enforced from the server's start on."""

    manifests: Sequence[Mapping[str, Any]] = ()
    closed: Event = field(default_factory=Event)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a GET."""
        parts = urlsplit(handler.path)
        listing = self._listing(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if listing is None:
            answer(handler, 404, {"kind": "Status", "code": 404, "reason": "NotFound"})
        elif "watch" in query:
            self._watch(handler, listing, query)
        else:
            answer(handler, 200, listing)

    def _listing(self, path: str) -> Json | None:
        """The list at a path; None where this serves nothing."""
        for kind, plural in ((POLICY, "ies"), (BINDING, "s")):
            stem = kind.lower() if kind == BINDING else kind.lower()[:-1]
            if path == f"/apis/{REGISTRATION}/{stem}{plural}":
                return self._list(kind, REGISTRATION, [defaulted(one) for one in self.manifests])
        if path == "/api/v1/namespaces":
            default = {"kind": "Namespace", "metadata": {"name": "default"}}
            return self._list("Namespace", "v1", [default])
        return None

    @staticmethod
    def _list(kind: str, version: str, found: Sequence[Mapping[str, Any]]) -> Json:
        items = [
            {
                **one,
                "apiVersion": version,
                "metadata": {**one["metadata"], "resourceVersion": VERSION},
            }
            for one in found
            if one["kind"] == kind
        ]
        metadata = {"resourceVersion": VERSION}
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items}

    def _watch(self, handler: BaseHTTPRequestHandler, listing: Json, query: Json) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        for event in initial_events(listing) if "sendInitialEvents" in query else ():
            handler.wfile.write(json.dumps(event).encode() + b"\n")
        handler.wfile.flush()
        self.closed.wait(float(query.get("timeoutSeconds", "300")))


def defaulted(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """A policy with what a kube-apiserver puts where the manifest is silent."""
    if manifest["kind"] != POLICY:
        return manifest
    spec = manifest["spec"]
    silent = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
    constraints = {**silent, **spec["matchConstraints"]}
    rules = [{"scope": "*", **rule} for rule in constraints["resourceRules"]]
    return {
        **manifest,
        "spec": {**spec, "matchConstraints": {**constraints, "resourceRules": rules}},
    }


def initial_events(listing: Json) -> Iterator[Json]:
    """A list as the beginning of a watch (KEP-3157), which newer clients ask for."""
    for item in listing["items"]:
        yield {"type": "ADDED", "object": item}
    annotations = {"k8s.io/initial-events-end": "true"}
    metadata = {"resourceVersion": VERSION, "annotations": annotations}
    kind = listing["kind"].removesuffix("List")
    body = {"kind": kind, "apiVersion": listing["apiVersion"], "metadata": metadata}
    yield {"type": "BOOKMARK", "object": body}


def answer(handler: BaseHTTPRequestHandler, code: int, body: Json) -> None:
    """Send a whole answer."""
    text = json.dumps(body).encode()
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)
