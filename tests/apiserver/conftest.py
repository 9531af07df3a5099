# SPDX-License-Identifier: Apache-2.0
"""One API server for all tests here; where it cannot be had, they fail with the reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from netop.crd_watcher.report.rejection import EVENTS_PATH
from tests.apiserver.patience import wait
from tests.lab.apiserver import (
    ApiError,
    ApiServer,
    Authorizer,
    Binaries,
    Collection,
    Registration,
    User,
    grants_of,
)
from tests.lab.apiserver.client import CRD_PATH
from tests.lab.progress import Progress

EVENTS = Path(__file__).parent / "events-crd.yaml"
MANIFESTS = Path(__file__).parents[2] / "packaging/kubernetes"
NODE = User("netop:node:n1", ("netop:nodes",))
STRANGER = User("somebody")


def manifests(name: str, node: str = "") -> list[dict[str, Any]]:
    """The documents of a file in packaging/kubernetes; a template is made out to `node`."""
    text = (MANIFESTS / name).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text.replace("NODENAME", node) if node else text))


@pytest.fixture(scope="session")
def authorizer() -> Iterator[Authorizer]:
    """Grants what rbac.yaml grants, to whom it binds that, and tells of node-policy.yaml."""
    policies = Registration(manifests("node-policy.yaml"))
    with Authorizer(grants_of(manifests("rbac.yaml")), policies) as running:
        yield running


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return Binaries.find(Progress())


@pytest.fixture(scope="session")
def apiserver(binaries: Binaries, authorizer: Authorizer) -> Iterator[ApiServer]:
    """A running server with the CRDs."""
    with ApiServer(binaries, authorizer=authorizer) as server:
        server.apply_crd()
        grant(server, [*manifests("rbac.yaml"), *manifests("node-policy.yaml")])
        yield server


def grant(server: ApiServer, rules: list[dict[str, Any]]) -> None:
    """Create roles, policies and bindings where the server has those itself."""
    for rule in rules if server.complete else ():
        namespace = rule["metadata"].get("namespace")
        place = f"namespaces/{namespace}/" if namespace else ""
        kinds = f"{rule['kind'].lower()}s".replace("ys", "ies")
        server.client().request("POST", f"/apis/{rule['apiVersion']}/{place}{kinds}", rule)


def served(collection: Collection) -> bool:
    """Whether a kind that has just been made can be listed; 404 and 429 come before."""
    try:
        collection.names()
    except ApiError:
        return False
    return True


@pytest.fixture
def routes(apiserver: ApiServer) -> Iterator[Collection]:
    """The VRFRouteConfigurations, none at the beginning."""
    found = apiserver.routes()
    found.delete_all()
    yield found
    found.delete_all()


@pytest.fixture
def events(apiserver: ApiServer) -> Iterator[Collection]:
    """A stand-in for events: the names and the fields of events.k8s.io/v1, made by a CRD.

    The server for custom resources has no events of its own. What it shows is that one of
    many nodes makes the event; a kube-apiserver's own checks of events are not made.
    """
    found = Collection(apiserver.client(), EVENTS_PATH)
    if not apiserver.complete:
        Collection(apiserver.client(), CRD_PATH).apply(EVENTS.read_text(encoding="utf-8"))
        wait(lambda: served(found), "events are served")
    found.delete_all()
    yield found
    found.delete_all()


def manifest(name: str = "red", /, **spec: Any) -> dict[str, Any]:
    """A VRFRouteConfiguration that is good, but for what `spec` says otherwise."""
    return {
        "apiVersion": "network.schiff.telekom.de/v1alpha1",
        "kind": "VRFRouteConfiguration",
        "metadata": {"name": name},
        "spec": {"vrf": "red", "seq": 10, "import": [], "export": [], **spec},
    }
