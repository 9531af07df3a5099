# SPDX-License-Identifier: Apache-2.0
"""Reading the kernel: dumps over rtnetlink become an Actual."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6
from typing import Any

from netop.common.netlink import (
    IFF_NOARP,
    IFF_UP,
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
    ifinfmsg,
    rtmsg,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.link import Attributes, Kind, Link
from netop.netlink_reconciler.message import ADDR_GEN_NONE

# include/uapi/linux/rtnetlink.h: RTEXT_FILTER_SKIP_STATS.
_SKIP_STATS = 1 << 3
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
    return dataclasses.replace(found, addresses=tuple(addresses), busy_tables=busy)


def _dump(ip: IPRoute, request: Any, kind: int) -> list[Any]:
    for _ in range(_DUMPS):
        try:
            return list(ip.nlm_request(request, kind, NLM_F_REQUEST | NLM_F_DUMP))
        except NetlinkDumpInterrupted:
            continue
        except (NetlinkError, OSError) as error:
            raise KernelError(f"the kernel did not answer dump {kind}: {error}") from error
    raise KernelError(f"dump {kind} was interrupted by changes {_DUMPS} times")


def _links(ip: IPRoute) -> tuple[Link, ...]:
    request = ifinfmsg()
    request["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATS)]
    replies = _dump(ip, request, RTM_GETLINK)
    names = {reply["index"]: _text(reply, "IFLA_IFNAME") for reply in replies}
    return tuple(_link(reply, names) for reply in replies)


def _link(reply: Any, names: dict[int, str]) -> Link:
    info = reply.get_attr("IFLA_LINKINFO")
    kind = _text(info, "IFLA_INFO_KIND")
    data = info.get_attr("IFLA_INFO_DATA") if info is not None else None
    attributes = Attributes(
        kind=kind,
        group=reply.get_attr("IFLA_GROUP") or 0,
        alias=_text(reply, "IFLA_IFALIAS"),
        mtu=reply.get_attr("IFLA_MTU"),
        mac=_text(reply, "IFLA_ADDRESS"),
        arp=not reply["flags"] & IFF_NOARP,
        master=_name(names, reply.get_attr("IFLA_MASTER")),
        link_local=_link_local(reply),
    )
    if kind == Kind.VRF and data is not None:
        attributes = dataclasses.replace(attributes, table=data.get_attr("IFLA_VRF_TABLE"))
    elif kind == Kind.VETH:
        attributes = dataclasses.replace(attributes, peer=_peer(reply, names))
    elif kind == Kind.VXLAN and data is not None:
        attributes = _with_tunnel(attributes, data, names)
    if info is not None and _text(info, "IFLA_INFO_SLAVE_KIND") == "bridge":
        attributes = _with_port(attributes, info.get_attr("IFLA_INFO_SLAVE_DATA"))
    up = bool(reply["flags"] & IFF_UP)
    return Link(reply["index"], names[reply["index"]], up, attributes)


def _with_tunnel(attributes: Attributes, data: Any, names: dict[int, str]) -> Attributes:
    local = data.get_attr("IFLA_VXLAN_LOCAL")
    local6 = data.get_attr("IFLA_VXLAN_LOCAL6") or data.get_attr("IFLA_VXLAN_GROUP6")
    address: IPv4Address | IPv6Address | None = None
    if local is not None:
        address = IPv4Address(local)
    elif local6 is not None:
        address = IPv6Address(local6)
    return dataclasses.replace(
        attributes,
        vni=data.get_attr("IFLA_VXLAN_ID"),
        port=data.get_attr("IFLA_VXLAN_PORT"),
        lower=_name(names, data.get_attr("IFLA_VXLAN_LINK")),
        local=address,
        learning=bool(data.get_attr("IFLA_VXLAN_LEARNING")),
    )


def _with_port(attributes: Attributes, data: Any) -> Attributes:
    if data is None:
        return attributes
    return dataclasses.replace(
        attributes,
        port_learning=bool(data.get_attr("IFLA_BRPORT_LEARNING")),
        hairpin=bool(data.get_attr("IFLA_BRPORT_MODE")),
    )


def _peer(reply: Any, names: dict[int, str]) -> str:
    # With IFLA_LINK_NETNSID the number counts in another namespace.
    if reply.get_attr("IFLA_LINK_NETNSID") is not None:
        return ""
    return _name(names, reply.get_attr("IFLA_LINK"))


def _link_local(reply: Any) -> bool | None:
    families = reply.get_attr("IFLA_AF_SPEC")
    family = families.get_attr("AF_INET6") if families is not None else None
    mode = family.get_attr("IFLA_INET6_ADDR_GEN_MODE") if family is not None else None
    # Without IPv6 on the link there is nothing to compare, and nothing to change.
    return None if mode is None else mode != ADDR_GEN_NONE


def _name(names: dict[int, str], index: int | None) -> str:
    return names.get(index, f"#{index}") if index else ""


def _text(message: Any, attribute: str) -> str:
    value = message.get_attr(attribute) if message is not None else None
    # The kernel takes any bytes for a name or an alias; ours are ASCII.
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _addresses(ip: IPRoute, index: int) -> list[IPv4Address]:
    request = ifaddrmsg()
    request["family"] = AF_INET
    request["index"] = index
    replies = [reply for reply in _dump(ip, request, RTM_GETADDR) if reply["index"] == index]
    replies.sort(key=lambda reply: bool(reply["flags"] & _SECONDARY))
    return [IPv4Address(reply.get_attr("IFA_LOCAL")) for reply in replies]


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
    # Strict checking lets the kernel filter (NETLINK_GET_STRICT_CHK).
    request["attrs"] = [("RTA_TABLE", table)]
    return any(_table(route, "RTA_TABLE") == table for route in _routes(ip, request))


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
