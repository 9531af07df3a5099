# SPDX-License-Identifier: Apache-2.0
"""`netopctl explain` follows one VRF or resource down to the lines in FRR."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from pathlib import Path

import pytest

from netop.common.documents import DesiredVrf, VrfState
from netop.common.messages import Message
from netop.common.policy import Action, PrefixRule, ResourcePolicy
from netop.common.problem import Problem
from netop.ctl.explain import Sources, explain
from netop.ctl.interfaces import Packets, packets
from netop.ctl.vrfs import Documents
from netop.ctl.vtysh import Ask, VtyshError
from tests.unit.ctl.documents import linked, well_documents

#: As FRR 10.3 answers, with what explain does not read left out.
ANSWERS = {
    "show ip prefix-list detail json": {
        "zebra": {"pl_red_import_10": {"entries": [{"sequenceNumber": 1, "hitCount": 0}]}},
        "bgpd": {"pl_red_import_10": {"entries": [{"sequenceNumber": 1, "hitCount": 4}]}},
    },
    "show ipv6 prefix-list detail json": {"zebra": {}, "bgpd": {}},
    "show bgp vrf vr.red ipv4 unicast statistics json": {
        "ipv4Unicast": [{"instance": "VRF vr.red", "totalPrefixes": 3}]
    },
    "show bgp vrf default ipv4 unicast neighbors dv.red routes json": {
        "vrfName": "default", "routes": {"10.101.0.0/24": [{"valid": True}]}, "totalRoutes": 1
    },
    "show bgp vrf default ipv4 unicast neighbors dv.red advertised-routes json": {
        "advertisedRoutes": {f"10.60.{n}.0/24": {"best": True} for n in range(22)}
    },
    "show bgp vrf vr.red ipv6 unicast statistics json": {"warning": "View/Vrf is unknown"},
    "show bgp vrf default ipv6 unicast neighbors dv.red routes json": {
        "warning": "No such neighbor or address family"
    },
}  # fmt: skip


def frr(question: str) -> str:
    # Of a family that a session does not have, FRR answers what is no JSON.
    return json.dumps(ANSWERS[question]) if question in ANSWERS else '{\n{ "warning": "No" }\n}'


def silent(_: str) -> str:
    raise VtyshError("FRR answers root and the group frrvty only")


def counted(name: str) -> Packets | None:
    return Packets(12, 3456, 7, 890, 2) if name == "vx.red" else None


V4 = PrefixRule(ipaddress.ip_network("10.0.0.0/8"), 1, Action.PERMIT, None, 24)
V6 = PrefixRule(ipaddress.ip_network("2001:db8::/32"), 2, Action.DENY, 48, 64)
RED = DesiredVrf("red", 5001, (ResourcePolicy("red-a", 10, (V4, V6), ()),))


@pytest.fixture
def documents() -> Documents:
    found = well_documents()
    assert found.desired is not None
    vrfs = tuple(RED if vrf.name == "red" else vrf for vrf in found.desired.vrfs)
    rejected = (
        Problem(
            "VRFRouteConfiguration red-b (b.yaml)",
            "is wrong",
            "spec.seq",
            vrf="red",
            message=Message.RESOURCE_REJECTED,
        ),
    )
    return dataclasses.replace(
        found, desired=dataclasses.replace(found.desired, vrfs=vrfs, rejected=rejected)
    )


def told(name: str, documents: Documents, ask: Ask = frr) -> list[str]:
    return list(explain(name, documents, Sources(ask, counted)))


def test_a_vrf_is_explained_down_to_its_prefix_lists(documents: Documents) -> None:
    lines = told("red", documents)
    assert lines[:2] == [
        "VRF red, VNI 5001: NOT WELL",
        "  because: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong",
    ]
    assert "    import: route-map rm_red_import permit 10" in lines
    assert (
        "      ip prefix-list pl_red_import_10 seq 1 permit 10.0.0.0/8 le 24  (4 matches)" in lines
    )
    line = "      ipv6 prefix-list pl_red_import_10 seq 2 deny 2001:db8::/32 ge 48 le 64"
    assert f"{line}  (FRR does not have it)" in lines
    assert "  rejected: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong" in lines
    assert "links: up" in lines
    assert "  VNI 5001, routing table 50" in lines
    assert "  vx.red: attached, program 5" in lines
    assert "FRR: served" in lines


def test_routes_and_packets_are_told_where_they_may_be_asked(documents: Documents) -> None:
    lines = told("red", documents)
    assert lines[lines.index("  vx.red, ifindex 7") + 1] == (
        "    in 12 packets, 3456 bytes; out 7 packets, 890 bytes; 2 dropped"
    )
    first = lines.index("  IPv4 routes imported into the cluster: 1 of 3 that the VRF has")
    assert lines[first + 1 : first + 4] == [
        "    10.101.0.0/24",
        "  IPv4 routes exported to the VRF: 22",
        "    10.60.0.0/24",
    ]
    assert "    and 2 more" in lines
    assert lines[-1] == "  IPv6: FRR exchanges no routes of this family over dv.red"


def test_who_may_not_ask_frr_is_told_so(documents: Documents) -> None:
    lines = told("red", documents, silent)
    assert "      ip prefix-list pl_red_import_10 seq 1 permit 10.0.0.0/8 le 24" in lines
    reason = "FRR answers root and the group frrvty only"
    assert lines[-1] == f"routes and matches are not known: {reason}"
    assert told("red-a", documents, silent)[-1] == f"matches are not known: {reason}"


def test_the_kernels_counters_are_read_from_sysfs(tmp_path: Path) -> None:
    statistics = tmp_path / "vx.red" / "statistics"
    statistics.mkdir(parents=True)
    numbers = {"rx_packets": 1, "rx_bytes": 2, "tx_packets": 3, "tx_bytes": 4, "rx_dropped": 5,
               "tx_dropped": 6}  # fmt: skip
    for name, number in numbers.items():
        (statistics / name).write_text(f"{number}\n")
    assert packets("vx.red", tmp_path) == Packets(1, 2, 3, 4, 11)
    assert packets("vx.blue", tmp_path) is None


def test_the_reason_of_failed_links_is_told(documents: Documents) -> None:
    assert documents.links is not None
    failed = linked("red", 5001, VrfState.FAILED, "no free table")
    links = dataclasses.replace(documents.links, vrfs=(failed,))
    lines = told("red", dataclasses.replace(documents, links=links))
    assert "links: failed: no free table" in lines


def test_a_vrf_of_provisioning_has_no_links_of_netop(documents: Documents) -> None:
    lines = told("mgmt_vrf", documents)
    assert lines[0] == "VRF mgmt_vrf: served"
    assert "links: none of netop's; provisioning makes them" in lines


def test_a_resource_is_explained_by_its_vrf(documents: Documents) -> None:
    lines = told("red-a", documents)
    assert lines[0] == "resource red-a of VRF red: NOT WELL"
    assert "  red-a, seq 10" in lines


def test_a_rejected_resource_says_why(documents: Documents) -> None:
    assert told("red-b", documents) == [
        "resource red-b: rejected",
        "  because: VRFRouteConfiguration red-b (b.yaml): spec.seq: is wrong",
        "  causes and remedies: journalctl --dump-catalog 750548894ff7443ba3bfa1e66fcb0626",
    ]


def test_a_rejected_resource_is_not_hidden_by_a_vrf_of_its_name(documents: Documents) -> None:
    assert documents.desired is not None
    problem = Problem("VRFRouteConfiguration red (r.yaml)", "is in no vnimap", "spec.vrf", "redd")
    desired = dataclasses.replace(documents.desired, rejected=(problem,))
    lines = told("red", dataclasses.replace(documents, desired=desired))
    assert lines[0] == "VRF red, VNI 5001: served"
    assert "resource red: rejected" in lines


def test_an_unknown_name_is_nothing(documents: Documents) -> None:
    assert told("nobody", documents) == []
    assert told("nobody", Documents(None, None, None, None)) == []
