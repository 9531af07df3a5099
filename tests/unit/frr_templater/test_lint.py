# SPDX-License-Identifier: Apache-2.0
"""What `vtysh -C` accepts and FRR does not serve; each was seen on FRR 10.3."""

from __future__ import annotations

from netop.frr_templater.lint import lint


def found(text: str, *ours: str, asn: int | None = None, harmless: bool = False) -> list[str]:
    return [str(i) for i in lint(text, frozenset(ours), asn) if i.harmless == harmless]


def test_a_vni_belongs_to_one_vrf() -> None:
    text = "vrf mgmt\n vni 5\nexit-vrf\nvrf vr.red\n vni 5\nexit-vrf\n"
    assert found(text) == ["line 5: VNI 5 of `vrf vr.red` already belongs to `vrf mgmt`, line 2"]
    assert found("vrf a\n vni 5\nexit-vrf\nvrf a\n vni 5\nexit-vrf\n") == []
    assert "already belongs to `the default VRF`" in found("vni 5\nvrf a\n vni 5\n")[0]


def test_a_vrf_behind_an_open_router_bgp() -> None:
    [issue] = found("router bgp 1\n neighbor a remote-as 2\nvrf vr.red\n vni 5\nexit-vrf\n")
    assert issue.startswith("line 3: `vrf vr.red` stands inside `router bgp 1`")
    assert found("router bgp 1\nexit\nvrf vr.red\n vni 5\nexit-vrf\n") == []


def test_what_we_refer_to_must_exist() -> None:
    text = "router bgp 1\n neighbor dv.a remote-as 1\n neighbor dv.a route-map rm_a_import in\n"
    [issue] = found(text, "rm_a_import")
    assert "refers to route-map rm_a_import, which is nowhere defined" in issue
    assert found(text) == [], "what only the operator uses is told, and stops nothing"
    assert len(found(text, harmless=True)) == 1
    assert found(text + "exit\nroute-map rm_a_import deny 65535\n", "rm_a_import") == []


def test_an_undefined_list_of_ours() -> None:
    text = "route-map rm_a_import permit 10\n match ip address prefix-list pl_a\nexit\n"
    [issue] = found(text, "rm_a_import")
    assert "refers to ip prefix-list pl_a" in issue
    assert found("ipv6 prefix-list pl_a seq 1 permit ::/0\n" + text, "rm_a_import") == [
        issue.replace("line 2", "line 3")
    ]
    assert found("ip prefix-list pl_a seq 1 permit 10.0.0.0/8\n" + text, "rm_a_import") == []


def test_an_advertised_map_and_a_called_one() -> None:
    text = "router bgp 1 vrf vr.a\n address-family l2vpn evpn\n"
    text += "  advertise ipv4 unicast route-map rm_a_export\n"
    assert len(found(text, "rm_a_export")) == 1
    assert len(found("route-map x permit 1\n call rm_m_export\n", "rm_m_export")) == 1


def test_one_entry_for_each_number_of_a_list() -> None:
    text = "ip prefix-list p seq 1 permit 10.0.0.0/8\nip prefix-list p seq 1 deny 10.0.0.0/8\n"
    assert found(text) == [
        "line 2: prefix-list p has seq 1 here and in line 1; FRR keeps only the last"
    ]
    assert found(text.splitlines()[0] + "\n" + text.splitlines()[0]) == []


def test_neighbors_without_remote_as_are_told() -> None:
    text = "router bgp 1\n neighbor 192.0.2.1 allowas-in origin\n"
    [issue] = found(text, harmless=True)
    assert "neighbor 192.0.2.1 of `router bgp 1` has no remote-as" in issue
    group = "router bgp 1\n neighbor G peer-group\n neighbor 192.0.2.1 peer-group G\n"
    group += " neighbor G timers 1 3\n neighbor 192.0.2.1 description x\n"
    group += " neighbor eth0 interface peer-group G\n neighbor eth0 description y\n"
    assert found(group, harmless=True) == []


def test_the_as_number_is_that_of_config_yaml() -> None:
    assert found("router bgp 64512 vrf default\n", asn=64512) == []
    assert found("router bgp 1.10 vrf default\n", asn=65546) == []
    [issue] = found("router bgp 64512 vrf default\n", asn=64513)
    assert issue == "line 1: the default VRF has AS 64512, config.yaml says 64513"


def test_a_hint_that_was_left_behind() -> None:
    assert "was not replaced" in found("{{.VRFs}}\n! {{.BGP}}\n")[0]
    assert len(found("{{.VRFs}}\n! {{.BGP}}\n")) == 1


def test_a_stale_version_line_is_told() -> None:
    assert lint("frr version 10.3\n", frozenset(), running="10.4.1") == ()
    [issue] = lint("frr version 8.4\n", frozenset(), running="10.3")
    assert issue.harmless
    assert "it then takes the defaults of 8.4" in str(issue)
