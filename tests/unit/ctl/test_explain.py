# SPDX-License-Identifier: Apache-2.0
"""`netopctl explain` follows one VRF or resource down to the lines in FRR."""

from __future__ import annotations

import dataclasses
import ipaddress

import pytest

from netop.common.documents import DesiredVrf, VrfState
from netop.common.policy import Action, PrefixRule, ResourcePolicy
from netop.common.problem import Problem
from netop.ctl.explain import explain
from netop.ctl.vrfs import Documents
from tests.unit.ctl.documents import linked, well_documents

V4 = PrefixRule(ipaddress.ip_network("10.0.0.0/8"), 1, Action.PERMIT, None, 24)
V6 = PrefixRule(ipaddress.ip_network("2001:db8::/32"), 2, Action.DENY, 48, 64)
RED = DesiredVrf("red", 5001, (ResourcePolicy("red-a", 10, (V4, V6), ()),))


@pytest.fixture
def documents() -> Documents:
    found = well_documents()
    assert found.desired is not None
    vrfs = tuple(RED if vrf.name == "red" else vrf for vrf in found.desired.vrfs)
    rejected = (Problem("VRFRouteConfiguration red-b (b.yaml)", "is wrong", "spec.seq", vrf="red"),)
    return dataclasses.replace(
        found, desired=dataclasses.replace(found.desired, vrfs=vrfs, rejected=rejected)
    )


def test_a_vrf_is_explained_down_to_its_prefix_lists(documents: Documents) -> None:
    lines = list(explain("red", documents))
    assert lines[:2] == [
        "VRF red, VNI 5001: NOT WELL",
        "  because: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong",
    ]
    assert "    import: route-map rm_red_import permit 10" in lines
    assert "      ip prefix-list pl_red_import_10 seq 1 permit 10.0.0.0/8 le 24" in lines
    assert "      ipv6 prefix-list pl_red_import_10 seq 2 deny 2001:db8::/32 ge 48 le 64" in lines
    assert "  rejected: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong" in lines
    assert "links: up" in lines
    assert "  VNI 5001, routing table 50" in lines
    assert "  vx.red: attached, program 5" in lines
    assert "FRR: served" in lines


def test_the_reason_of_failed_links_is_told(documents: Documents) -> None:
    assert documents.links is not None
    failed = linked("red", 5001, VrfState.FAILED, "no free table")
    links = dataclasses.replace(documents.links, vrfs=(failed,))
    assert "links: failed: no free table" in explain(
        "red", dataclasses.replace(documents, links=links)
    )


def test_a_vrf_of_provisioning_has_no_links_of_netop(documents: Documents) -> None:
    lines = list(explain("mgmt_vrf", documents))
    assert lines[0] == "VRF mgmt_vrf: served"
    assert "links: none of netop's; provisioning makes them" in lines


def test_a_resource_is_explained_by_its_vrf(documents: Documents) -> None:
    lines = list(explain("red-a", documents))
    assert lines[0] == "resource red-a of VRF red: NOT WELL"
    assert "  red-a, seq 10" in lines


def test_a_rejected_resource_says_why(documents: Documents) -> None:
    assert list(explain("red-b", documents)) == [
        "resource red-b: rejected",
        "  because: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong",
    ]


def test_an_unknown_name_is_nothing(documents: Documents) -> None:
    assert list(explain("nobody", documents)) == []
    assert list(explain("nobody", Documents(None, None, None, None))) == []
