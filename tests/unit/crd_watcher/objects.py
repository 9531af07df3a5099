# SPDX-License-Identifier: Apache-2.0
"""Objects for the tests, as people and API servers write them."""

from __future__ import annotations

import json
from typing import Any

from netop.common.edge import Field
from netop.crd_watcher.resource import API_VERSION, KIND, Resource, read_resource


def item(
    cidr: object = "10.0.0.0/8", action: object = "permit", **more: object
) -> dict[str, object]:
    return {"cidr": cidr, "action": action, **more}


def body(name: str = "red-a", vrf: object = "red", seq: object = 10, **more: Any) -> dict[str, Any]:
    """Return an object; further keywords are its metadata, `spec` is added to its spec."""
    spec = {"vrf": vrf, "seq": seq, "import": [item()], "export": [], **more.pop("spec", {})}
    metadata = {"name": name, **more}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def resource(
    name: str = "red-a", vrf: str = "red", seq: int = 10, created: str = "", origin: str = ""
) -> Resource:
    metadata = {"creationTimestamp": created} if created else {}
    return read_resource(Field(body(name, vrf, seq, **metadata)), name, origin)


def text(*bodies: dict[str, Any]) -> str:
    """Return a YAML stream; JSON is YAML."""
    return "\n---\n".join(json.dumps(each) for each in bodies) + "\n"
