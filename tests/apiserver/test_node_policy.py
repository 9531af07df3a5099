# SPDX-License-Identifier: Apache-2.0
"""A node writes its own state, and speaks in its own name: node-policy.yaml enforced.

The API server's own plug-in evaluates the policies, as in any cluster; that it learns of
them from a stand-in (tests/lab/apiserver/registration.py) is all that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netop.crd_watcher.report.rejection import EVENTS_PATH
from tests.apiserver.conftest import NODE, grant, manifest, manifests
from tests.apiserver.node import ReportingNode, named, status_of
from tests.apiserver.patience import wait
from tests.lab.apiserver import (
    LOOPBACK,
    ApiError,
    ApiServer,
    Authorizer,
    Collection,
    User,
    grants_of,
)
from tests.unit.crd_watcher.report.node import rejection

NOW = "2024-01-31T12:00:00.000000Z"


def state(name: str, **metadata: str) -> dict[str, Any]:
    return {
        "apiVersion": "network.schiff.telekom.de/v1alpha1", "kind": "VRFNodeState",
        "metadata": {"name": name, **metadata} if name else metadata,
    }  # fmt: skip


@pytest.fixture
def states(apiserver: ApiServer) -> Iterator[Collection]:
    found = apiserver.states()
    found.delete_all()
    yield found
    found.delete_all()


@pytest.mark.parametrize("user", ["netop:node:n1", "system:node:n1"])
def test_a_node_makes_and_writes_its_own(
    apiserver: ApiServer, states: Collection, user: str
) -> None:
    own = apiserver.states(User(user, ("netop:nodes",)))
    own.create(state("n1"))
    own.patch("n1", {"status": NEW}, "/status")
    assert status_of(states)["generation"] == 1


NEW = {
    "generation": 1, "version": "1", "conditions": [],
    "summary": {"vrfs": "0/0", "resources": "0/0", "rejected": 0, "trouble": ""},
}  # fmt: skip


@pytest.mark.parametrize("body", [state("n10"), state("n"), state("", generateName="n1")])
def test_a_node_makes_no_other(
    apiserver: ApiServer, states: Collection, body: dict[str, Any]
) -> None:
    with pytest.raises(ApiError, match="netop:node:n1 writes its own VRFNodeState only") as refusal:
        apiserver.states(NODE).create(body)
    assert refusal.value.code == 403
    assert states.names() == []


def test_a_node_writes_no_other(apiserver: ApiServer, states: Collection) -> None:
    states.create(state("n2"))
    with pytest.raises(ApiError, match="writes its own VRFNodeState only, not n2") as refusal:
        apiserver.states(NODE).patch("n2", {"status": NEW}, "/status")
    assert refusal.value.code == 403
    assert status_of(states, "n2") == {}


@pytest.mark.parametrize("verb", ["update", "delete", "deletecollection", "list", "patch"])
def test_rbac_grants_no_more_than_that(apiserver: ApiServer, states: Collection, verb: str) -> None:
    states.create(state("n1"))
    node = apiserver.states(NODE)
    attempts: dict[str, Callable[[], object]] = {
        "update": lambda: node.replace(state("n1", resourceVersion="")),
        "delete": lambda: node.delete("n1"),
        "deletecollection": node.delete_all,
        "list": node.names,
        "patch": lambda: node.patch("n1", {"metadata": {"labels": {"a": "b"}}}),
    }
    with pytest.raises(ApiError, match=f'cannot {verb} resource "vrfnodestates"') as refusal:
        attempts[verb]()
    assert refusal.value.code == 403


def test_an_administrator_is_not_bound(states: Collection) -> None:
    states.create(state("any"))
    states.patch("any", {"status": NEW}, "/status")
    assert status_of(states, "any")["version"] == "1"


SPOILT: dict[str, dict[str, Any]] = {
    "in another's name": {"reportingInstance": "n2"},
    "as another controller": {"reportingController": "example.org/other"},
    "about something else": {
        "regarding": {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "1"}
    },
}


def test_an_event_in_the_nodes_own_name_is_taken(apiserver: ApiServer, events: Collection) -> None:
    node = Collection(apiserver.client(NODE), EVENTS_PATH)
    made = node.create(rejection().event("n1", NOW))
    assert events.names() == [made["metadata"]["name"]]


@pytest.mark.parametrize("how", SPOILT)
def test_any_other_event_is_refused(apiserver: ApiServer, events: Collection, how: str) -> None:
    node = Collection(apiserver.client(NODE), EVENTS_PATH)
    with pytest.raises(ApiError, match="tells of VRFRouteConfigurations only") as refusal:
        node.create({**rejection().event("n1", NOW), **SPOILT[how]})
    assert refusal.value.code == 403
    assert events.names() == []


def test_a_daemon_that_calls_itself_otherwise_says_so_and_goes_on(
    apiserver: ApiServer, routes: Collection, states: Collection, tmp_path: Path
) -> None:
    routes.create(manifest())
    node = named(ReportingNode(tmp_path, apiserver.kubeconfig(LOOPBACK, NODE)), "n2")
    with node:
        node.has("red")
        node.says("netop:node:n1 writes its own VRFNodeState only, not n2; set nodeName")
        routes.create(manifest("red-b", seq=11))
        node.has("red", "red-b")
        named(node, "n1")
        node._changes.touch()
        wait(lambda: status_of(states) != {}, "it has told of itself")
    assert states.names() == ["n1"]


def test_a_role_for_one_node_does_without_the_policy(
    authorizer: Authorizer, apiserver: ApiServer, states: Collection
) -> None:
    made, role, binding = manifests("rbac-one-node.yaml", "n3")
    granted = authorizer.grants
    authorizer.grants = {**granted, **grants_of([role, binding])}
    grant(apiserver, [role, binding])
    try:
        states.create(made)
        node = apiserver.states(User("netop:node:n3"))
        node.patch("n3", {"status": NEW}, "/status")
        assert node.get("n3")["status"]["generation"] == 1
        states.create(state("n4"))
        with pytest.raises(ApiError, match="cannot get"):
            node.get("n4")
        with pytest.raises(ApiError, match="cannot create"):
            node.create(state("n5"))
    finally:
        authorizer.grants = granted
