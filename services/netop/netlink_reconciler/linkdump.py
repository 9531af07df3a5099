# SPDX-License-Identifier: Apache-2.0
"""A dump of all links, read no further than netop needs.

A link has some sixty attributes, a node hundreds of links, and each pass looks at all of
them. This walks the attributes and keeps those that matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6
from typing import Any

from netop.common.netlink import IFF_NOARP, IFF_UP, RTM_GETLINK, RTM_NEWLINK
from netop.netlink_reconciler import uapi
from netop.netlink_reconciler.exchange import Exchange
from netop.netlink_reconciler.link import Attributes, Kind, Link
from netop.netlink_reconciler.wire import Attributes as Found
from netop.netlink_reconciler.wire import number, number_in, request, text_in, walk

_OF_LINKS = frozenset(
    {
        uapi.IFLA_ADDRESS,
        uapi.IFLA_IFNAME,
        uapi.IFLA_MTU,
        uapi.IFLA_LINK,
        uapi.IFLA_MASTER,
        uapi.IFLA_OPERSTATE,
        uapi.IFLA_LINKINFO,
        uapi.IFLA_IFALIAS,
        uapi.IFLA_AF_SPEC,
        uapi.IFLA_GROUP,
        uapi.IFLA_LINK_NETNSID,
    }
)


@dataclass(frozen=True)
class _Reply:
    index: int
    flags: int
    attributes: Found

    @cached_property
    def name(self) -> str:
        return text_in(self.attributes, uapi.IFLA_IFNAME)


def dump_links(exchange: Exchange) -> tuple[Link, ...]:
    """Return all links of the namespace; raises what `Exchange.dump` does."""
    mask = number(uapi.IFLA_EXT_MASK, uapi.RTEXT_FILTER_SKIP_STATS)
    asked = request(RTM_GETLINK, 0, uapi.IFINFOMSG.pack(0, 0, 0, 0, 0), mask)
    return parse_links(exchange.dump(asked, RTM_NEWLINK))


def parse_links(messages: Iterable[bytes]) -> tuple[Link, ...]:
    """Return the links that RTM_NEWLINK messages tell of, all of one namespace."""
    replies = [_reply(message) for message in messages]
    names = {reply.index: reply.name for reply in replies}
    return tuple(_link(reply, names) for reply in replies)


def _reply(message: bytes) -> _Reply:
    _family, _type, index, flags, _change = uapi.IFINFOMSG.unpack_from(message, uapi.HEADER.size)
    attributes = walk(message, uapi.HEADER.size + uapi.IFINFOMSG.size, _OF_LINKS)
    return _Reply(index, flags, attributes)


def _name(names: dict[int, str], attributes: Found, kind: int) -> str:
    index = number_in(attributes, kind)
    return names.get(index, f"#{index}") if index else ""


def _link(reply: _Reply, names: dict[int, str]) -> Link:
    attributes = reply.attributes
    info = walk(attributes.get(uapi.IFLA_LINKINFO, b""))
    kind = text_in(info, uapi.IFLA_INFO_KIND)
    own: dict[str, Any] = {}
    if kind == Kind.VRF:
        data = walk(info.get(uapi.IFLA_INFO_DATA, b""))
        own = {"table": number_in(data, uapi.IFLA_VRF_TABLE)}
    elif kind == Kind.VETH:
        # With IFLA_LINK_NETNSID the number counts in another namespace.
        away = uapi.IFLA_LINK_NETNSID in attributes
        own = {"peer": "" if away else _name(names, attributes, uapi.IFLA_LINK)}
    elif kind == Kind.VXLAN:
        own = _tunnel(walk(info.get(uapi.IFLA_INFO_DATA, b"")), names)
    if text_in(info, uapi.IFLA_INFO_SLAVE_KIND) == "bridge":
        port = walk(info.get(uapi.IFLA_INFO_SLAVE_DATA, b""))
        own |= {
            "port_learning": bool(number_in(port, uapi.IFLA_BRPORT_LEARNING)),
            "hairpin": bool(number_in(port, uapi.IFLA_BRPORT_MODE)),
        }
    common = Attributes(
        kind=kind,
        group=number_in(attributes, uapi.IFLA_GROUP) or 0,
        alias=text_in(attributes, uapi.IFLA_IFALIAS),
        mtu=number_in(attributes, uapi.IFLA_MTU),
        mac=attributes.get(uapi.IFLA_ADDRESS, b"").hex(":"),
        arp=not reply.flags & IFF_NOARP,
        master=_name(names, attributes, uapi.IFLA_MASTER),
        link_local=_link_local(attributes),
        accept_local=_accept_local(attributes),
        **own,
    )
    # Set under the lock under which addresses are made; IFF_RUNNING comes before it.
    running = number_in(attributes, uapi.IFLA_OPERSTATE) == uapi.IF_OPER_UP
    return Link(reply.index, reply.name, bool(reply.flags & IFF_UP), common, running)


def _tunnel(data: Found, names: dict[int, str]) -> dict[str, Any]:
    local: IPv4Address | IPv6Address | None = None
    if len(data.get(uapi.IFLA_VXLAN_LOCAL, b"")) == 4:
        local = IPv4Address(data[uapi.IFLA_VXLAN_LOCAL])
    else:
        local6 = data.get(uapi.IFLA_VXLAN_LOCAL6) or data.get(uapi.IFLA_VXLAN_GROUP6) or b""
        local = IPv6Address(local6) if len(local6) == 16 else None
    return {
        "vni": number_in(data, uapi.IFLA_VXLAN_ID),
        "port": int.from_bytes(data.get(uapi.IFLA_VXLAN_PORT, b""), "big"),
        "lower": _name(names, data, uapi.IFLA_VXLAN_LINK),
        "local": local,
        "learning": bool(number_in(data, uapi.IFLA_VXLAN_LEARNING)),
    }


def _settings(attributes: Found, family: int) -> Found:
    return walk(walk(attributes.get(uapi.IFLA_AF_SPEC, b"")).get(family, b""))


def _link_local(attributes: Found) -> bool | None:
    mode = number_in(_settings(attributes, AF_INET6), uapi.IFLA_INET6_ADDR_GEN_MODE)
    # Without IPv6 on the link there is nothing to compare, and nothing to change.
    return None if mode is None else mode != uapi.IN6_ADDR_GEN_MODE_NONE


def _accept_local(attributes: Found) -> bool | None:
    settings = _settings(attributes, AF_INET).get(uapi.IFLA_INET_CONF, b"")
    start = 4 * (uapi.IPV4_DEVCONF_ACCEPT_LOCAL - 1)
    # Without IPv4 on the link (an MTU below 68) there is nothing to compare either.
    return any(settings[start : start + 4]) if len(settings) >= start + 4 else None
