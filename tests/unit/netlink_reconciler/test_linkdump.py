# SPDX-License-Identifier: Apache-2.0
"""The dump's own decoder agrees with pyroute2's encoder, and survives any bytes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.netlink import ifinfmsg
from netop.netlink_reconciler.link import Attributes, Link
from netop.netlink_reconciler.linkdump import parse_links
from netop.netlink_reconciler.wire import byte


def encoded(index: int, flags: int, attributes: list[tuple[str, Any]]) -> bytes:
    message = ifinfmsg()
    message["header"] = {"type": 16, "flags": 0, "sequence_number": 0, "pid": 0}
    message["index"] = index
    message["flags"] = flags
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data)


def info(kind: str, data: list[tuple[str, Any]], port: list[tuple[str, Any]]) -> tuple[str, Any]:
    attributes: list[tuple[str, Any]] = [("IFLA_INFO_KIND", kind)]
    if data:
        attributes.append(("IFLA_INFO_DATA", {"attrs": data}))
    if port:
        attributes.append(("IFLA_INFO_SLAVE_KIND", "bridge"))
        attributes.append(("IFLA_INFO_SLAVE_DATA", {"attrs": port}))
    return ("IFLA_LINKINFO", {"attrs": attributes})


def generation(mode: int) -> tuple[str, Any]:
    family = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", mode)]}
    return ("IFLA_AF_SPEC", {"attrs": [("AF_INET6", family)]})


def own_sources(on: int) -> tuple[str, Any]:
    # pyroute2 reads the kernel's array with its attribute's header as its first number.
    settings = {"dummy": 33 * 4 | 1 << 16, "accept_local": on}
    return ("IFLA_AF_SPEC", {"attrs": [("AF_INET", settings)]})


@pytest.mark.parametrize("on", [0, 1])
def test_whether_own_sources_are_accepted_is_read(on: int) -> None:
    [link] = parse_links([encoded(5, 1, [("IFLA_IFNAME", "dv.red"), own_sources(on)])])
    assert link.attributes.accept_local is bool(on)


@pytest.mark.parametrize(("state", "running"), [(0, False), (3, False), (6, True)])
def test_whether_it_runs_is_its_operational_state(state: int, running: bool) -> None:
    """Which is unknown where the carrier, or the other end, was not told of yet."""
    data = encoded(5, 0x41, [("IFLA_IFNAME", "dv.red")]) + byte(16, state)
    [link] = parse_links([data])
    assert (link.up, link.running) == (True, running)


def test_each_kind_is_read_as_it_was_written() -> None:
    tunnel = [
        ("IFLA_VXLAN_ID", 5001),
        ("IFLA_VXLAN_LINK", 2),
        ("IFLA_VXLAN_LOCAL", "10.0.0.7"),
        ("IFLA_VXLAN_PORT", 4789),
        ("IFLA_VXLAN_LEARNING", 0),
    ]
    tunnel6 = [("IFLA_VXLAN_ID", 7), ("IFLA_VXLAN_LOCAL6", "fd00::1"), ("IFLA_VXLAN_PORT", 4789)]
    port = [("IFLA_BRPORT_MODE", 1), ("IFLA_BRPORT_LEARNING", 0)]
    found = parse_links(
        [
            encoded(2, 1, [("IFLA_IFNAME", "dum.underlay"), ("IFLA_MTU", 9100)]),
            encoded(
                3,
                0x80,
                [("IFLA_IFNAME", "vr.red"), info("vrf", [("IFLA_VRF_TABLE", 50)], [])],
            ),
            encoded(
                4,
                1,
                [
                    ("IFLA_IFNAME", "vx.red"),
                    ("IFLA_IFALIAS", "netop vrf red"),
                    ("IFLA_GROUP", 7237488),
                    ("IFLA_ADDRESS", "02:54:0a:00:00:07"),
                    ("IFLA_MASTER", 9),
                    info("vxlan", tunnel, port),
                    generation(1),
                ],
            ),
            encoded(
                5, 1, [("IFLA_IFNAME", "a"), ("IFLA_LINK", 6), info("veth", [], []), generation(0)]
            ),
            encoded(
                6,
                1,
                [
                    ("IFLA_IFNAME", "b"),
                    ("IFLA_LINK", 5),
                    ("IFLA_LINK_NETNSID", 0),
                    info("veth", [], []),
                ],
            ),
            encoded(7, 1, [("IFLA_IFNAME", "c"), info("vxlan", tunnel6, [])]),
        ]
    )
    plain: dict[str, Any] = {"group": 0, "alias": "", "mac": "", "master": "", "arp": True}
    assert found == (
        Link(2, "dum.underlay", up=True, attributes=Attributes(kind="", mtu=9100, **plain)),
        Link(
            3,
            "vr.red",
            up=False,
            attributes=Attributes(kind="vrf", table=50, **{**plain, "arp": False}),
        ),
        Link(
            4,
            "vx.red",
            up=True,
            attributes=Attributes(
                kind="vxlan",
                vni=5001,
                port=4789,
                group=7237488,
                alias="netop vrf red",
                lower="dum.underlay",
                local=IPv4Address("10.0.0.7"),
                learning=False,
                mac="02:54:0a:00:00:07",
                arp=True,
                master="#9",
                port_learning=False,
                hairpin=True,
                link_local=False,
            ),
        ),
        Link(
            5, "a", up=True, attributes=Attributes(kind="veth", peer="b", link_local=True, **plain)
        ),
        Link(6, "b", up=True, attributes=Attributes(kind="veth", peer="", **plain)),
        Link(
            7,
            "c",
            up=True,
            attributes=Attributes(
                kind="vxlan",
                vni=7,
                port=4789,
                lower="",
                local=IPv6Address("fd00::1"),
                learning=False,
                **plain,
            ),
        ),
    )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_attributes_are_survived(rest: bytes) -> None:
    message = encoded(4, 1, [("IFLA_IFNAME", "x")]) + rest
    assert len(parse_links([message])) == 1
