# SPDX-License-Identifier: Apache-2.0
"""Dumps of routes and addresses, read no further than netop needs."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6

from netop.common.netlink import (
    RTM_GETADDR,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
)
from netop.netlink_reconciler import uapi
from netop.netlink_reconciler.backstop import METRIC, PROTOCOL, Backstop
from netop.netlink_reconciler.exchange import Exchange
from netop.netlink_reconciler.identity import PROTOCOL as ADDRESS_PROTOCOL
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.wire import number, number_in, request, walk


def dump_identities(exchange: Exchange, links: Mapping[int, str]) -> frozenset[Identity]:
    """Return the addresses of these links, which are named by ifindex.

    Raises what `Exchange.dump` does.
    """
    found: set[Identity] = set()
    for family in (AF_INET, AF_INET6):
        asked = request(RTM_GETADDR, 0, uapi.IFADDRMSG.pack(family, 0, 0, 0, 0))
        for message in exchange.dump(asked, RTM_NEWADDR):
            identity = parse_identity(message, links)
            if identity is not None:
                found.add(identity)
    return frozenset(found)


def parse_identity(message: bytes, links: Mapping[int, str]) -> Identity | None:
    """Return the address that an RTM_NEWADDR message tells of, that of IPv4 where it is a host's.

    Of IPv6, the kernel has an address once on a link, and a request to replace it keeps its
    prefix length (inet6_addr_modify): one of a network is as good. It is not netop's.
    """
    family, length, _flags, _scope, index = uapi.IFADDRMSG.unpack_from(message, uapi.HEADER.size)
    host = length == (32 if family == AF_INET else 128)
    if index not in links or not (host or family == AF_INET6):
        return None
    attributes = walk(message, uapi.HEADER.size + uapi.IFADDRMSG.size)
    value = attributes.get(uapi.IFA_LOCAL) or attributes.get(uapi.IFA_ADDRESS, b"")
    address = IPv4Address(value) if family == AF_INET else IPv6Address(value)
    marked = host and attributes.get(uapi.IFA_PROTO) == bytes([ADDRESS_PROTOCOL])
    return Identity(links[index], address, marked)


def dump_backstops(exchange: Exchange) -> frozenset[Backstop]:
    """Return the routes of last resort that netop made; raises what `Exchange.dump` does."""
    found: set[Backstop] = set()
    for family in (AF_INET, AF_INET6):
        # Strict checking lets the kernel filter (NETLINK_GET_STRICT_CHK).
        asked = request(RTM_GETROUTE, 0, uapi.RTMSG.pack(family, 0, 0, 0, 0, PROTOCOL, 0, 0, 0))
        for message in exchange.dump(asked, RTM_NEWROUTE):
            backstop = parse_backstop(message)
            # Without IPv6 in the kernel the question is answered for IPv4.
            if backstop is not None and backstop.family == family:
                found.add(backstop)
    return frozenset(found)


def has_routes(exchange: Exchange, family: int, table: int) -> bool:
    """Say whether a table has routes that are not netop's; raises what `Exchange.dump` does.

    It stops at the first, so `exchange` is of no use to others afterwards.
    """
    body = uapi.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    asked = request(RTM_GETROUTE, 0, body, number(uapi.RTA_TABLE, table))
    return any(
        _route_table(message) == table and parse_backstop(message) is None
        for message in exchange.dump(asked, RTM_NEWROUTE)
    )


def parse_backstop(message: bytes) -> Backstop | None:
    """Return what an RTM_NEWROUTE message tells of, where it is a route of last resort."""
    fields = uapi.RTMSG.unpack_from(message, uapi.HEADER.size)
    family, length, protocol, kind = fields[0], fields[1], fields[5], fields[7]
    if (length, protocol, kind) != (0, PROTOCOL, uapi.RTN_UNREACHABLE):
        return None
    attributes = walk(message, uapi.HEADER.size + uapi.RTMSG.size)
    if number_in(attributes, uapi.RTA_PRIORITY) != METRIC:
        return None
    return Backstop(_route_table(message), family)


def _route_table(message: bytes) -> int:
    small: int = uapi.RTMSG.unpack_from(message, uapi.HEADER.size)[4]
    table = number_in(walk(message, uapi.HEADER.size + uapi.RTMSG.size), uapi.RTA_TABLE)
    return small if table is None else table
