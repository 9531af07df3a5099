# SPDX-License-Identifier: Apache-2.0
"""What a new program is tried on: ports, and destinations that their VRFs have routes to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from socket import AF_INET, AF_INET6
from typing import Any

from netop.bpf_guardian.links import KernelLink, LinkTable, router_of, vrf_of
from netop.bpf_guardian.program import RoutedBy
from netop.bpf_guardian.proof import Port
from netop.bpf_guardian.rtnetlink import sample
from netop.common.netlink import NLM_F_REQUEST, RTM_GETROUTE, rtmsg

# Enough to meet every kind of route that there is, few enough to take milliseconds.
PORTS_TRIED = 12
ROUTES_TRIED = 12


def live_ports(names: Iterable[str], links: LinkTable) -> tuple[Port, ...]:
    """Return some of the named interfaces with destinations; raises RtnetlinkError."""
    by_name = {link.name: link for link in links.values()}
    routed = [
        (link, router)
        for name in names
        if (link := by_name.get(name)) and (router := router_of(link, links))
    ][:PORTS_TRIED]
    known: dict[int, tuple[str, ...]] = {}
    ports = []
    for link, router in routed:
        vrf = vrf_of(router, links)
        table = vrf.table if vrf is not None else 0
        if table not in known:
            known[table] = destinations(table)
        ports.append(_port(link, router, known[table]))
    return tuple(ports)


def destinations(table: int) -> tuple[str, ...]:
    """Return an address of each of the first routes of a table; raises RtnetlinkError."""
    found: list[str] = []
    for family in (AF_INET, AF_INET6):
        request: Any = rtmsg()
        request["header"] = {"type": RTM_GETROUTE, "flags": NLM_F_REQUEST}
        request["family"] = family
        request["attrs"] = [("RTA_TABLE", table)]
        routes = sample(request, RTM_GETROUTE, ROUTES_TRIED)
        found += (_inside(route, family) for route in routes)
    return tuple(dict.fromkeys(found))


def _inside(route: Any, family: int) -> str:
    """Return an address that the route leads to: the last of its network but one."""
    anywhere = "0.0.0.0" if family == AF_INET else "::"  # noqa: S104 - the default route
    prefix = f"{route.get_attr('RTA_DST') or anywhere}/{route['dst_len']}"
    network = ipaddress.ip_network(prefix, strict=False)
    # A default route's is taken from its middle: 255.255.255.254 is nobody's unicast.
    offset = network.num_addresses // 3 if network.prefixlen < 8 else network.num_addresses - 2
    return str(network.network_address + max(0, offset))


def _port(link: KernelLink, router: KernelLink, found: tuple[str, ...]) -> Port:
    return Port(link.name, link.index, RoutedBy(router.index, router.mac), found)
