# SPDX-License-Identifier: Apache-2.0
"""One resource: what the CRD's schema would refuse is refused here, too, by name and place."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from netop.common.edge import Field
from netop.common.policy import Action, PrefixRule
from netop.crd_watcher.resource import Resource, resource_of, subject_of
from netop.crd_watcher.snapshot import Unreadable, read_object

from .objects import body, item


def read(raw: object, origin: str = "") -> Resource | Unreadable:
    return read_object(Field(raw), origin)


def test_an_object_of_the_original_is_read_as_it_stands() -> None:
    found = read(
        {
            "apiVersion": "network.schiff.telekom.de/v1alpha1",
            "kind": "VRFRouteConfiguration",
            "metadata": {
                "name": "blue-1",
                "uid": "6f1e",
                "creationTimestamp": "2024-01-31T13:00:00+01:00",
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {
                "vrf": "blue",
                "seq": 10,
                "import": [
                    {"cidr": "10.1.0.0/16", "action": "deny"},
                    {"cidr": "10.0.0.0/8", "action": "permit", "le": 24},
                ],
                "export": [{"cidr": "2001:db8:1::/48", "action": "permit", "seq": 7, "le": 128}],
            },
            "status": {"anything": True},
        }
    )
    assert found == Resource(
        name="blue-1",
        uid="6f1e",
        created="2024-01-31T12:00:00+00:00",
        origin="",
        vrf="blue",
        seq=10,
        imports=(
            PrefixRule(ipaddress.ip_network("10.1.0.0/16"), 1, Action.DENY),
            PrefixRule(ipaddress.ip_network("10.0.0.0/8"), 2, Action.PERMIT, le=24),
        ),
        exports=(PrefixRule(ipaddress.ip_network("2001:db8:1::/48"), 7, Action.PERMIT, le=128),),
    )


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (body(vrf=None), "spec.vrf: is missing"),
        (body(vrf=100), "spec.vrf: 100 is not text"),
        (body(vrf="averylongname"), "'averylongname' is longer than 12 characters"),
        (body(vrf="red\nexit"), "spec.vrf"),
        (body(vrf="../x"), "is no VRF name"),
        (body(seq=None), "spec.seq: is missing"),
        (body(seq=0), "spec.seq: 0 is not between 1 and 65534"),
        (body(seq=65535), "spec.seq: 65535 is not between 1 and 65534"),
        (body(seq="10"), "spec.seq: '10' is not a whole number"),
        (body(seq=True), "spec.seq"),
        (body(seq=1.5), "spec.seq"),
        (body(spec={"import": {"cidr": "::/0"}}), "spec.import: "),
        (body(spec={"import": ["10.0.0.0/8"]}), "spec.import[0]: '10.0.0.0/8' is not an object"),
        (body(spec={"import": [item(cidr=None)]}), "spec.import[0].cidr: is missing"),
        (body(spec={"import": [item("10.0.0.0")]}), "is not a prefix such as"),
        (body(spec={"import": [item("10.0.0.0/33")]}), "is not an IPv4 or IPv6 prefix"),
        (body(spec={"import": [item("::/129")]}), "is not an IPv4 or IPv6 prefix"),
        (body(spec={"export": [item("10.0.0.0/8\npermit any")]}), "spec.export[0].cidr"),
        (body(spec={"export": [item(le=7)]}), "le 7 is below the prefix length 8"),
        (body(spec={"export": [item(ge=24, le=16)]}), "le 16 is below ge 24"),
        (body(spec={"export": [item(ge=33)]}), "ge 33 is beyond the 32 bits"),
        (body(spec={"export": [item(action="drop")]}), "neither 'permit' nor 'deny'"),
        (body(spec={"export": [item(action=None)]}), "spec.export[0].action: is missing"),
        (body(spec={"export": [item(seq=3), item("::/0", seq=3)]}), "spec.export[1].seq"),
        (body(spec={"export": [item(seq=2), item("::/0")]}), "2 is already the number"),
        (body(spec={"export": [item(seq=1 << 32)]}), "spec.export[0].seq"),
        (body(spec={"exports": [item()]}), "spec.exports: is no field of VRFRouteConfiguration"),
        (body(spec={"import": [item(lt=24)]}), "spec.import[0].lt: is no field"),
        (body(spec={"nodeSelector": {"a": "b"}}), "spec.nodeSelector: is no field"),
        (body(creationTimestamp="yesterday"), "'yesterday' is no time such as"),
        (body(creationTimestamp="0001-01-01T00:00:00+14:00"), "is no time such as"),
        ({"metadata": {"name": "red-a"}}, "spec: is missing"),
        ({"metadata": {"name": "red-a"}, "spec": []}, "spec: [] is not an object"),
    ],
)
def test_what_the_schema_would_refuse_is_refused_by_name_and_place(
    raw: dict[str, Any], complaint: str
) -> None:
    found = read(raw)
    assert isinstance(found, Unreadable)
    assert found.name == "red-a"
    told = str(found.problem)
    assert told.startswith("VRFRouteConfiguration red-a: ")
    assert complaint in told
    assert "kubectl edit vrfrouteconfigurations red-a" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "name", [None, "", "Red", "a_b", "-a", "a.", "a" * 254, "red\nexit", 7, ["a"], "é"]
)
def test_a_name_that_the_api_would_refuse_is_refused(name: Any) -> None:
    found = read(body(name), "/etc/netop/manifests/a.yaml")
    assert isinstance(found, Unreadable)
    assert found.name == ""
    assert "metadata.name" in str(found.problem)
    assert "\n" not in str(found.problem)


@pytest.mark.parametrize("raw", [None, [], "x", 7, {}, {"metadata": None}, {"metadata": []}])
def test_what_is_no_object_at_all_is_one_complaint(raw: object) -> None:
    assert isinstance(read(raw), Unreadable)


def test_lists_that_are_left_out_are_empty() -> None:
    found = read({"metadata": {"name": "a"}, "spec": {"vrf": "red", "seq": 1, "import": None}})
    assert isinstance(found, Resource)
    assert found.imports == found.exports == ()


def test_the_file_is_part_of_the_subject_and_the_name_is_found_in_it() -> None:
    assert resource_of(subject_of("red-a", "/etc/x.yaml")) == "red-a"
    assert resource_of(subject_of("red-a", "")) == "red-a"
    assert resource_of("config.yaml") == ""
