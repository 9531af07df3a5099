# SPDX-License-Identifier: Apache-2.0
"""The output of `frr-reload.py --test`, as FRR 10.3 prints it."""

from __future__ import annotations

from netop.frr_templater.differences import (
    Difference,
    concerned,
    is_noise,
    judge,
    parse_differences,
)

OUTPUT = """
Lines To Delete
===============
no hostname node
no router bgp 64512 vrf vr.red
router bgp 64512
 address-family ipv4 unicast
  no neighbor dv.red route-map rm_red_import in
 exit
exit

Lines To Add
============
vrf vr.blue
exit
vrf vr.blue
 vni 100
exit
router bgp 64512
 address-family ipv6 unicast
 exit
exit
ip prefix-list pl_blue_import_10 seq 1 deny 10.1.0.0/16
ip route 203.0.113.0/24 Null0
line vty
exit
"""


def test_each_command_comes_with_its_blocks() -> None:
    bgp = "router bgp 64512"
    assert parse_differences(OUTPUT) == (
        Difference(False, (), "no hostname node"),
        Difference(False, (), "no router bgp 64512 vrf vr.red"),
        Difference(
            False,
            (bgp, "address-family ipv4 unicast"),
            "no neighbor dv.red route-map rm_red_import in",
        ),
        Difference(True, (), "vrf vr.blue"),
        Difference(True, ("vrf vr.blue",), "vni 100"),
        Difference(True, (bgp,), "address-family ipv6 unicast"),
        Difference(True, (), "ip prefix-list pl_blue_import_10 seq 1 deny 10.1.0.0/16"),
        Difference(True, (), "ip route 203.0.113.0/24 Null0"),
        Difference(True, (), "line vty"),
    )
    assert parse_differences("") == ()


def test_differences_are_ours_or_the_operators() -> None:
    verdict = judge(parse_differences(OUTPUT), ["red", "blue"])
    assert [str(item) for item in verdict.foreign] == ["ip route 203.0.113.0/24 Null0"]
    assert verdict.vrfs(["red", "blue"]) == {"red", "blue"}
    assert len(verdict.ours) == 5
    unknown = judge(parse_differences(OUTPUT), ["blue"])
    assert "no router bgp 64512 vrf vr.red" in [str(item) for item in unknown.foreign]


def test_names_of_ours_are_read_back() -> None:
    def names(text: str, *known: str) -> frozenset[str]:
        return concerned(Difference(True, (), text), known)

    assert names("neighbor dv.a.b interface remote-as internal", "a.b") == {"a.b"}
    assert names("route-map rm_a_import_import_v6 deny 65535", "a_import", "a") == {"a_import"}
    assert names("ipv6 prefix-list pl_x_export_export_7 seq 1 permit ::/0", "x_export") == {
        "x_export"
    }
    assert names("neighbor dv.red route-map rm_import_cluster_to_oam in", "blue") == frozenset()


def test_an_interface_stanza_is_never_ours() -> None:
    # FRR 10.3 refuses `no interface` for an interface that exists, for ever.
    left = Difference(False, (), "no interface vd.red")
    inside = Difference(True, ("interface vd.red",), "ipv6 nd suppress-ra")
    assert concerned(left, ["red"]) == concerned(inside, ["red"]) == frozenset()


def test_noise_is_what_frr_shows_for_ever() -> None:
    def noise(text: str, *path: str) -> bool:
        return is_noise(Difference(True, path, text))

    assert noise("hostname node")
    assert noise("line vty")
    assert noise("bgp suppress-duplicates", "router bgp 1")
    assert noise("neighbor a allowas-in 3", "router bgp 1", "address-family ipv4 unicast")
    assert noise("neighbor a bfd profile quick", "router bgp 1")
    assert noise("address-family ipv6 unicast", "router bgp 1")
    assert not noise("no bgp suppress-duplicates", "router bgp 1")
    assert not noise("neighbor dv.red allowas-in origin", "router bgp 1")
    assert not noise("vni 100", "vrf vr.red")
    assert not noise("router bgp 1 vrf vr.red")
