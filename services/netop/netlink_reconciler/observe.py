# SPDX-License-Identifier: Apache-2.0
"""Reading the kernel: dumps over rtnetlink become an Actual."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import IPv4Address
from socket import AF_INET, AF_INET6
from typing import Any, TypeVar

from netop.common.netlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_GETRULE,
    IPRoute,
    NetlinkDumpInterrupted,
    NetlinkError,
    fibmsg,
    ifaddrmsg,
    rtmsg,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.backstop import METRIC, PROTOCOL, Backstop
from netop.netlink_reconciler.dump import dump_identities, dump_links
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Kind, Link
from netop.netlink_reconciler.message import RTN_UNREACHABLE

T = TypeVar("T")

# include/uapi/linux/if_addr.h: IFA_F_SECONDARY.
_SECONDARY = 1
# A dump that links changed under is repeated so many times at most.
_DUMPS = 20


class KernelError(Exception):
    """The kernel did not answer a dump; the message says which and why."""


def observe(ip: IPRoute, node: NodeSettings, *, tables: bool) -> Actual:
    """Return the links and addresses, and the tables of others if `tables`.

    Raises KernelError.
    """
    links = _links(ip)
    found = Actual(links)
    addresses: list[tuple[str, IPv4Address]] = []
    for name in dict.fromkeys((node.underlay, node.cluster_bridge)):
        link = found.by_name.get(name)
        if link is not None:
            addresses += ((name, address) for address in _addresses(ip, link.index))
    busy = _busy_tables(ip, found, node) if tables else frozenset()
    return dataclasses.replace(
        found,
        addresses=tuple(addresses),
        backstops=_backstops(ip),
        identities=_identities(ip, found),
        busy_tables=busy,
    )


def _dump(ip: IPRoute, request: Any, kind: int) -> tuple[Any, ...]:
    flags = NLM_F_REQUEST | NLM_F_DUMP
    return _answered(lambda: tuple(ip.nlm_request(request, kind, flags)), kind)


def _answered(ask: Callable[[], tuple[T, ...]], kind: int) -> tuple[T, ...]:
    for _ in range(_DUMPS):
        try:
            return ask()
        except NetlinkDumpInterrupted:
            continue
        except (NetlinkError, OSError) as error:
            raise KernelError(f"the kernel did not answer dump {kind}: {error}") from error
    raise KernelError(f"dump {kind} was interrupted by changes {_DUMPS} times")


def _links(ip: IPRoute) -> tuple[Link, ...]:
    return _answered(lambda: dump_links(ip), RTM_GETLINK)


def _addresses(ip: IPRoute, index: int) -> list[IPv4Address]:
    request = ifaddrmsg()
    request["family"] = AF_INET
    request["index"] = index
    replies = [reply for reply in _dump(ip, request, RTM_GETADDR) if reply["index"] == index]
    replies.sort(key=lambda reply: bool(reply["flags"] & _SECONDARY))
    return [IPv4Address(reply.get_attr("IFA_LOCAL")) for reply in replies]


def _identities(ip: IPRoute, found: Actual) -> frozenset[Identity]:
    vrfs = {link.index: link.name for link in found.own if link.attributes.kind == Kind.VRF}
    if not vrfs:
        return frozenset()
    return frozenset(_answered(lambda: tuple(dump_identities(ip, vrfs)), RTM_GETADDR))


def _backstops(ip: IPRoute) -> frozenset[Backstop]:
    found: set[Backstop] = set()
    for family in (AF_INET, AF_INET6):
        request = rtmsg()
        request["family"] = family
        # Strict checking lets the kernel filter (NETLINK_GET_STRICT_CHK).
        request["proto"] = PROTOCOL
        for route in _dump(ip, request, RTM_GETROUTE):
            # Without IPv6 in the kernel the question is answered for IPv4.
            if route["family"] == family and _is_backstop(route):
                found.add(Backstop(_table(route, "RTA_TABLE"), family))
    return frozenset(found)


def _is_backstop(route: Any) -> bool:
    return bool(
        route["type"] == RTN_UNREACHABLE
        and route["proto"] == PROTOCOL
        and route["dst_len"] == 0
        and route.get_attr("RTA_PRIORITY") == METRIC
    )


def _busy_tables(ip: IPRoute, found: Actual, node: NodeSettings) -> frozenset[int]:
    """Return which tables of the node's range routes or rules of others use.

    Tables of VRFs are left out: the VRF device says enough, and a VRF may have many
    thousand routes.
    """
    of_vrfs = {link.attributes.table for link in found.links}
    candidates = set(range(node.table_first, node.table_last + 1)) - of_vrfs
    busy: set[int] = set()
    for family in (AF_INET, AF_INET6):
        request = fibmsg()
        request["family"] = family
        rules = _dump(ip, request, RTM_GETRULE)
        busy |= candidates & {_table(rule, "FRA_TABLE") for rule in rules}
        busy |= {table for table in candidates - busy if _has_routes(ip, family, table)}
    return frozenset(busy)


def _has_routes(ip: IPRoute, family: int, table: int) -> bool:
    request = rtmsg()
    request["family"] = family
    request["attrs"] = [("RTA_TABLE", table)]
    return any(
        _table(route, "RTA_TABLE") == table and not _is_backstop(route)
        for route in _routes(ip, request)
    )


def _routes(ip: IPRoute, request: Any) -> list[Any]:
    try:
        return list(ip.nlm_request(request, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP))
    except NetlinkDumpInterrupted:
        # Somebody changes routes right now; the last look of this pass finds out.
        return []
    except NetlinkError as error:
        if error.code == 2:  # ENOENT: there is no such table
            return []
        raise KernelError(f"the kernel did not list routes: {error}") from error


def _table(reply: Any, attribute: str) -> int:
    table = reply.get_attr(attribute)
    return int(reply["table"] if table is None else table)
