# SPDX-License-Identifier: Apache-2.0
"""What the cluster sees of a node: a real API server takes it, shows it, refuses it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.conftest import NODE, grant, manifest, manifests
from tests.apiserver.node import ReportingNode, conditions_of, named, status_of
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
from tests.lab.apiserver.client import CRD_PATH, TABLE
from tests.lab.apiserver.server import NODE_STATE_NAME

#: Has the common name of a node, and may only read at first.
READER = User("netop:node:n1", ("netop:readers",))
WELL = dict.fromkeys(
    ("Ready", "ResourcesAccepted", "LinksReady", "RoutesServed", "ProgramsAttached"), "True"
)


@pytest.fixture
def states(apiserver: ApiServer, routes: Collection) -> Iterator[Collection]:
    """The VRFNodeStates, none at the beginning."""
    routes.create(manifest())
    found = apiserver.states()
    found.delete_all()
    yield found
    found.delete_all()


@pytest.fixture
def node(apiserver: ApiServer, states: Collection, tmp_path: Path) -> Iterator[ReportingNode]:
    """The node n1 with its own credential, called by its configuration."""
    root = tmp_path
    with named(ReportingNode(root, apiserver.kubeconfig(LOOPBACK, NODE)), "n1") as running:
        running.has("red")
        wait(lambda: status_of(states) != {}, "it has told of itself")
        yield running


def test_a_node_tells_of_itself_in_columns(
    routes: Collection, states: Collection, node: ReportingNode
) -> None:
    routes.create(manifest("green", vrf="green"))
    node.wait(lambda: "rejected 1" in node.status, "green is refused")
    node.serve()
    wait(lambda: conditions_of(states).get("RoutesServed") == "True", "its routes are served")
    table = states.client.request("GET", states.path, accept=TABLE)
    shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    assert shown == [
        "Name", "Ready", "VRFs", "Resources", "Rejected", "Generation", "Trouble", "Age",
    ]  # fmt: skip
    (row,) = table["rows"]
    wide = dict(
        zip([column["name"] for column in table["columnDefinitions"]], row["cells"], strict=True)
    )
    wanted = node.desired()
    assert wanted is not None
    assert row["cells"][:6] == ["n1", "False", "1/1", "1/2", 1, wanted.generation]
    assert "the VRF 'green' is in neither vnimap nor skipVRFConfig" in wide["Trouble"]
    assert wide["Reason"] == "Rejected"
    routes.delete("green")
    node.wait(lambda: "rejected" not in node.status, "green is gone")
    node.serve()
    wait(lambda: conditions_of(states) == WELL, "all is well")
    (row,) = states.client.request("GET", states.path, accept=TABLE)["rows"]
    assert row["cells"][1:5] == ["True", "1/1", "1/1", 0]


def test_each_resource_is_told_with_the_generation_that_is_meant(
    routes: Collection, states: Collection, node: ReportingNode
) -> None:
    node.serve()
    wait(lambda: conditions_of(states) == WELL, "all is well")
    generation = routes.patch("red", {"spec": {"seq": 11}})["metadata"]["generation"]
    node.wait(lambda: node.generation() == 2, "the change has arrived")
    node.serve()

    def red() -> dict[str, Any]:
        return next(each for each in status_of(states)["resources"] if each["name"] == "red")

    wait(lambda: red()["observedGeneration"] == generation and red()["served"], "it is served")
    assert red() == {
        "name": "red", "vrf": "red", "served": True, "reason": "Served",
        "observedGeneration": generation,
    }  # fmt: skip
    first = states.get("n1")
    assert {each["observedGeneration"] for each in first["status"]["conditions"]} == {
        first["metadata"]["generation"]
    }


def test_a_change_is_one_write_and_a_restart_none(
    routes: Collection, states: Collection, node: ReportingNode
) -> None:
    node.serve()
    wait(lambda: conditions_of(states) == WELL, "all is well")
    node.__exit__(None, None, None)
    before = states.get("n1")
    # A change is waited for until all daemons have had it.
    node.pace = replace(node.pace, patience=600)
    with node:
        node.has("red")
        routes.create(manifest("green", vrf="green"))
        node.wait(lambda: node.generation() == 2, "the change has arrived")
        node.serve()
        wait(lambda: conditions_of(states)["ResourcesAccepted"] == "False", "it is told")
    after = states.get("n1")
    version = before["metadata"]["resourceVersion"]
    changes = [
        each["object"] for each in states.watch(version, seconds=1) if each["type"] != "BOOKMARK"
    ]
    assert [each["status"] for each in changes] == [after["status"]]
    moved = {kind for kind, time in times(after).items() if time != times(before)[kind]}
    # Times are in whole seconds: what changed within one second of the start shows none.
    assert moved <= {"Ready", "ResourcesAccepted"}


def times(state: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["lastTransitionTime"] for each in state["status"]["conditions"]}


def readers(*, writing: bool) -> list[dict[str, Any]]:
    """The roles of rbac.yaml under another name, for another group; all of them, or reading."""
    found = copy.deepcopy(manifests("rbac.yaml"))
    for one in found:
        one["metadata"]["name"] = "readers"
        if "rules" in one and not writing:
            one["rules"] = [rule for rule in one["rules"] if "list" in rule["verbs"]]
        for subject in one.get("subjects", ()):
            subject["name"] = READER.groups[0]
        if "roleRef" in one:
            one["roleRef"]["name"] = "readers"
    return found


def test_a_refusal_is_told_and_stops_nothing(
    authorizer: Authorizer, apiserver: ApiServer, routes: Collection, states: Collection,
    tmp_path: Path,
) -> None:  # fmt: skip
    granted = authorizer.grants
    authorizer.grants = {**granted, **grants_of(readers(writing=False))}
    node = named(ReportingNode(tmp_path, apiserver.kubeconfig(LOOPBACK, READER)), "n1")
    with node:
        node.has("red")
        node.says("the cluster does not learn of this node")
        assert "needs get on vrfnodestates" in node.status
        routes.create(manifest("red-b", seq=11))
        node.has("red", "red-b")
        assert "no watch" not in node.status
        authorizer.grants = {**granted, **grants_of(readers(writing=True))}
        grant(apiserver, readers(writing=True))
        # The server remembers for some seconds what it has denied.
        wait(lambda: status_of(states) != {}, "it has told of itself")
        node.wait(lambda: "does not learn" not in node.status, "it is well again")
    assert len([line for line in node.told if "needs get on vrfnodestates" in line]) == 1
    assert any("state in the cluster: is well again" in line for line in node.told)


def test_without_its_kind_the_node_goes_on(
    apiserver: ApiServer, routes: Collection, states: Collection, node: ReportingNode
) -> None:
    crd = f"{CRD_PATH}/{NODE_STATE_NAME}"
    try:
        apiserver.client().request("DELETE", crd)
        wait(lambda: status_of(states) == {}, "the object is gone with its kind")
        routes.create(manifest("red-b", seq=11))
        node.says("does not know vrfnodestates")
        node.has("red", "red-b")
    finally:
        apiserver.apply_crd()
    wait(lambda: len(status_of(states).get("resources", ())) == 2, "it is told again")


def test_what_does_not_fit_is_refused(states: Collection, node: ReportingNode) -> None:
    assert node.desired() is not None
    spoilt = {"status": {**status_of(states), "generation": -1}}
    with pytest.raises(ApiError) as refusal:
        states.patch("n1", spoilt, "/status")
    assert refusal.value.details["causes"][0]["field"] == "status.generation"
    unknown = states.patch("n1", {"status": {"mood": "good"}}, "/status")
    assert "mood" not in unknown["status"]


def test_many_nodes_that_refuse_a_resource_make_one_event(
    apiserver: ApiServer, routes: Collection, states: Collection, events: Collection,
    tmp_path: Path,
) -> None:  # fmt: skip
    bad = routes.create(manifest("green", vrf="green"))
    nodes = []
    for number in range(3):
        user = User(f"netop:node:n{number}", ("netop:nodes",))
        root = tmp_path / f"n{number}"
        root.mkdir()
        kubeconfig = apiserver.kubeconfig(LOOPBACK, user)
        nodes.append(named(ReportingNode(root, kubeconfig), f"n{number}"))
    with nodes[0], nodes[1], nodes[2]:
        for number in range(3):
            nodes[number].wait(
                lambda name=f"n{number}": status_of(states, name) != {},  # type: ignore[misc]
                "it has told of itself",
            )
        for node in nodes:
            node.wait(lambda node=node: "does not learn" not in node.status, "nothing is refused")  # type: ignore[misc]
        (event,) = events.listing()["items"]
        assert event["regarding"]["uid"] == bad["metadata"]["uid"]
        assert (event["reason"], event["type"]) == ("UnknownVRF", "Warning")
        assert "the VRF 'green' is in neither" in event["note"]
        routes.patch("green", {"spec": {"seq": 12}})
        wait(lambda: len(events.names()) == 2, "its next generation is refused by an event")
        states_told = [status_of(states, f"n{number}") for number in range(3)]
        assert all(each["summary"]["rejected"] == 1 for each in states_told)
