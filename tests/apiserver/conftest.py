# SPDX-License-Identifier: Apache-2.0
"""One API server for all tests here; where it cannot be had, they fail with the reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.apiserver import ApiServer, Authorizer, Binaries, Collection, User, grants_of
from tests.lab.progress import Progress

MANIFESTS = Path(__file__).parents[2] / "packaging/kubernetes"
NODE = User("netop:node:n1", ("netop:nodes",))
STRANGER = User("somebody")


def manifests(name: str) -> list[dict[str, Any]]:
    """The documents of a file in packaging/kubernetes."""
    return list(yaml.safe_load_all((MANIFESTS / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def authorizer() -> Iterator[Authorizer]:
    """Grants what rbac.yaml grants, to whom it binds that."""
    with Authorizer(grants_of(manifests("rbac.yaml"))) as running:
        yield running


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return Binaries.find(Progress())


@pytest.fixture(scope="session")
def apiserver(binaries: Binaries, authorizer: Authorizer) -> Iterator[ApiServer]:
    """A running server with the CRDs."""
    with ApiServer(binaries, authorizer=authorizer) as server:
        server.apply_crd()
        grant(server, manifests("rbac.yaml"))
        yield server


def grant(server: ApiServer, roles: list[dict[str, Any]]) -> None:
    """Create roles and bindings where the server knows RBAC itself."""
    for role in roles if server.complete else ():
        namespace = role["metadata"].get("namespace")
        place = f"namespaces/{namespace}/" if namespace else ""
        path = f"/apis/{role['apiVersion']}/{place}{role['kind'].lower()}s"
        server.client().request("POST", path, role)


@pytest.fixture
def routes(apiserver: ApiServer) -> Iterator[Collection]:
    """The VRFRouteConfigurations, none at the beginning."""
    found = apiserver.routes()
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
