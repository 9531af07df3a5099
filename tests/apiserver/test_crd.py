# SPDX-License-Identifier: Apache-2.0
"""The CRD as the server understands it, and objects as people write them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.conftest import MANIFESTS, manifest, manifests
from tests.lab.apiserver import ApiServer, Binaries, Collection, documents
from tests.lab.apiserver.client import CRD_PATH, TABLE
from tests.lab.apiserver.server import CRD_NAME

# As somebody wrote it for the original operator: both lists, comments in German, its annotation.
WRITTEN_FOR_THE_ORIGINAL = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata:
  name: vrfrouteconfiguration-sample
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {}
spec:
  vrf: test_vrf
  seq: 10
  import:
  - cidr: 0.0.0.0/0
    action: permit
  - cidr: 192.0.2.5/24   # ein Rechner, nicht das Netz
    seq: 4
    ge: 25
    le: 32
    action: deny
  export:
  - action: permit
    cidr: "fd00:1::/64"
    le: 128
"""


@pytest.fixture
def crd(apiserver: ApiServer) -> dict[str, Any]:
    return apiserver.client().request("GET", f"{CRD_PATH}/{CRD_NAME}")


def test_is_established_without_a_complaint(crd: dict[str, Any]) -> None:
    conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert crd["status"]["storedVersions"] == ["v1alpha1"]


def test_is_known_under_its_names(crd: dict[str, Any]) -> None:
    names = crd["status"]["acceptedNames"]
    assert (names["plural"], names["singular"]) == (CRD_NAME.split(".")[0], "vrfrouteconfiguration")
    assert names["shortNames"] == ["vrf"]
    assert crd["spec"]["scope"] == "Cluster"


def test_can_be_applied_again(apiserver: ApiServer, crd: dict[str, Any]) -> None:
    again = apiserver.apply_crd()
    assert again["spec"] == crd["spec"]
    assert again["metadata"]["generation"] == crd["metadata"]["generation"]


def test_is_taken_by_the_oldest_kubernetes_that_can_be_tried(binaries: Binaries) -> None:
    old = f"--emulated-version=kube={binaries.oldest_emulated()}"
    with ApiServer(binaries, options=(old,)) as server:
        server.apply_crd()
        assert server.routes().create(manifest())["spec"]["vrf"] == "red"


def test_says_of_every_field_what_it_is() -> None:
    (crd,) = manifests("crd.yaml")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    bare = [path for path, field in fields(schema) if not field.get("description")]
    assert bare == ["metadata"]


def test_both_lists_are_alike() -> None:
    (crd,) = manifests("crd.yaml")
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    taken, given = (spec["properties"][name] for name in ("import", "export"))
    assert {**taken, "description": ""} == {**given, "description": ""}
    assert taken["description"] != given["description"]


def test_a_missing_list_becomes_an_empty_one(routes: Collection) -> None:
    bare = manifest()
    del bare["spec"]["import"], bare["spec"]["export"]
    assert routes.create(bare)["spec"] == {"vrf": "red", "seq": 10, "import": [], "export": []}


def test_takes_objects_written_for_the_original(routes: Collection) -> None:
    made = routes.apply(WRITTEN_FOR_THE_ORIGINAL)
    assert made["spec"]["import"][1] == {
        "cidr": "192.0.2.5/24", "seq": 4, "ge": 25, "le": 32, "action": "deny",
    }  # fmt: skip
    assert made["spec"]["export"] == [{"cidr": "fd00:1::/64", "le": 128, "action": "permit"}]


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("examples/*.yaml")), ids=lambda p: p.stem)
def test_takes_the_examples(routes: Collection, path: Any) -> None:
    made = [routes.apply(text) for text in documents(path.read_text(encoding="utf-8"))]
    assert routes.names() == sorted(one["metadata"]["name"] for one in made) != []


def test_drops_fields_that_it_does_not_know(routes: Collection) -> None:
    made = routes.create(manifest(community="65000:1"))
    assert "community" not in made["spec"]


def test_lists_in_columns(routes: Collection) -> None:
    routes.create(manifest("red-a", seq=20))
    table = routes.client.request("GET", routes.path, accept=TABLE)
    columns = [column["name"] for column in table["columnDefinitions"]]
    assert columns == ["Name", "VRF", "Seq", "Age"]
    (row,) = table["rows"]
    assert row["cells"][:3] == ["red-a", "red", 20]


def test_status_is_apart_from_the_spec(routes: Collection) -> None:
    made = routes.create({**manifest(), "status": {"observedGeneration": 7}})
    assert "status" not in made
    condition = {
        "type": "Accepted", "status": "True", "reason": "Valid", "message": "",
        "lastTransitionTime": "2024-01-31T12:00:00Z",
    }  # fmt: skip
    change = {"status": {"conditions": [condition]}, "spec": {"seq": 99}}
    patched = routes.patch("red", change, "/status")
    assert patched["status"] == {"conditions": [condition]}
    assert patched["spec"]["seq"] == 10
    assert patched["metadata"]["generation"] == made["metadata"]["generation"]


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All fields and list entries below a schema, with their paths."""
    inner = dict(schema.get("properties", {}))
    if "items" in schema:
        inner["[]"] = schema["items"]
    for name, field in inner.items():
        place = f"{path}.{name}".lstrip(".")
        yield place, field
        yield from fields(field, place)
