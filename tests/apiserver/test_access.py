# SPDX-License-Identifier: Apache-2.0
"""What the nodes' role permits, asked with a node's certificate; the daemon needs no more.

A server for custom resources asks the lab's stand-in for RBAC; a kube-apiserver decides itself.
"""

from collections.abc import Callable

import pytest

from netop.crd_watcher.cluster import Cluster, Timing
from netop.crd_watcher.kubeconfig import load_access
from tests.apiserver.conftest import NODE, STRANGER, manifest
from tests.lab.apiserver import ApiError, ApiServer, Authorizer, Collection, Question

DENIED: dict[str, Callable[[Collection], object]] = {
    "create": lambda routes: routes.create(manifest("new")),
    "update": lambda routes: routes.replace(manifest("red", seq=11)),
    "patch": lambda routes: routes.patch("red", {"spec": {"seq": 11}}),
    "delete": lambda routes: routes.delete("red"),
    "deletecollection": lambda routes: routes.delete_all(),
    "patch status": lambda routes: routes.patch("red", {"status": {}}, "/status"),
}


@pytest.fixture
def node(apiserver: ApiServer, routes: Collection) -> Collection:
    routes.create(manifest("red"))
    return apiserver.routes(NODE)


def test_a_node_gets_lists_and_watches(node: Collection, routes: Collection) -> None:
    assert node.get("red")["spec"]["seq"] == 10
    assert node.names() == ["red"]
    since = node.listing()["metadata"]["resourceVersion"]
    routes.delete("red")
    assert next(node.watch(since, seconds=5))["type"] == "DELETED"


@pytest.mark.parametrize("verb", DENIED)
def test_a_node_writes_nothing(node: Collection, routes: Collection, verb: str) -> None:
    before = routes.get("red")
    with pytest.raises(ApiError) as refusal:
        DENIED[verb](node)
    assert refusal.value.code == 403
    assert f'User "{NODE.name}" cannot {verb.split()[0]}' in refusal.value.message
    assert routes.get("red") == before


def test_a_stranger_sees_nothing(apiserver: ApiServer) -> None:
    with pytest.raises(ApiError) as refusal:
        apiserver.routes(STRANGER).names()
    assert refusal.value.code == 403


def test_the_role_is_all_that_the_daemon_needs(
    apiserver: ApiServer, authorizer: Authorizer, node: Collection
) -> None:
    authorizer.questions.clear()
    cluster = Cluster(load_access(apiserver.kubeconfig(user=NODE)), Timing())
    page = cluster.page("")
    assert [item["metadata"]["name"].text() for item in page["items"].items()] == ["red"]
    with cluster.watch(page["metadata"]["resourceVersion"].text(), seconds=1) as lines:
        assert all(b'"BOOKMARK"' in line for line in lines)
    cluster.close()
    if not apiserver.complete:
        resource = node.path.rpartition("/")[2]
        asked = {Question(NODE.name, verb, resource, allowed=True) for verb in ("list", "watch")}
        # Answers are remembered for some seconds, so that not each request is a question.
        assert set(authorizer.questions) <= asked
