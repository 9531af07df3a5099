# SPDX-License-Identifier: Apache-2.0
"""The blocks of an FRR configuration, closed by `exit` or by what follows."""

from __future__ import annotations

from netop.frr_templater.configuration import (
    address_family,
    bgp_instance,
    parse_asn,
    statements,
)

NESTED = """\
router bgp 1 vrf default
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
 neighbor a remote-as 2
exit
log syslog
"""


def paths(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(s.text, s.path) for s in statements(text) if not s.closes]


def test_blocks_nest_and_end() -> None:
    bgp = "router bgp 1 vrf default"
    assert paths(NESTED) == [
        (bgp, ()),
        ("address-family ipv4 unicast", (bgp,)),
        ("redistribute connected", (bgp, "address-family ipv4 unicast")),
        ("neighbor a remote-as 2", (bgp,)),
        ("log syslog", ()),
    ]


def test_a_block_ends_where_another_of_its_level_begins() -> None:
    text = "route-map a permit 10\n match tag 1\n!\nroute-map b deny 20\nrouter bgp 1\n"
    assert paths(text) == [
        ("route-map a permit 10", ()),
        ("match tag 1", ("route-map a permit 10",)),
        ("route-map b deny 20", ()),
        ("router bgp 1", ()),
    ]


def test_end_ends_everything_and_a_stray_exit_nothing() -> None:
    text = "exit\nbfd\n peer 192.0.2.1\n  shutdown\nend\nhostname x\n"
    assert paths(text)[-1] == ("hostname x", ())


def test_legacy_lines_that_look_like_blocks_are_none() -> None:
    text = "router ospf6\n interface eth0 area 0.0.0.0\nrouter rip\n route-map x in eth0\n"
    assert paths(text)[1] == ("interface eth0 area 0.0.0.0", ("router ospf6",))
    assert paths(text)[3] == ("route-map x in eth0", ("router rip",))


def test_a_vrf_behind_an_open_router_bgp_is_a_vrf_policy() -> None:
    text = "router bgp 1\n address-family ipv4 unicast\n!\nvrf red\n vni 5\n"
    assert paths(text)[-1] == ("vni 5", ("router bgp 1", "vrf red"))


def test_bgp_lines_tell_their_vrf() -> None:
    plain = bgp_instance("router bgp 64512")
    marked = bgp_instance("router bgp 64512 vrf default")
    tenant = bgp_instance("router bgp 1.10 vrf red as-notation dot")
    assert plain is not None
    assert (plain.vrf, plain.marked) == ("default", False)
    assert marked is not None
    assert (marked.vrf, marked.marked) == ("default", True)
    assert tenant is not None
    assert tenant.vrf == "red"
    assert bgp_instance("router bgp 1 view x") is None
    assert bgp_instance("router ospf") is None


def test_families_and_numbers() -> None:
    assert address_family("address-family ipv4") == "ipv4 unicast"
    assert address_family("address-family l2vpn evpn") == "l2vpn evpn"
    assert address_family("neighbor x") is None
    assert parse_asn("4200065169") == 4200065169
    assert parse_asn("1.10") == 65546
    assert [parse_asn(text) for text in ("0", "x", "4294967296", "1.x", "70000.1")] == [None] * 5
