# SPDX-License-Identifier: Apache-2.0
"""A dump of all links, read no further than netop needs.

pyroute2 decodes all sixty attributes of a link, which takes half a millisecond; a node
has hundreds of links, and each pass looks at all of them. This walks the attributes and
decodes ten (netlink(7), rtnetlink(7), include/uapi/linux/if_link.h).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    RTM_NEWADDR,
    RTM_NEWLINK,
    IPRoute,
    ifaddrmsg,
    ifinfmsg,
)
from netop.netlink_reconciler.identity import PROTOCOL, Identity
from netop.netlink_reconciler.link import Attributes, Kind, Link
from netop.netlink_reconciler.message import ADDR_GEN_NONE

# include/uapi/linux/rtnetlink.h: RTEXT_FILTER_SKIP_STATS.
_SKIP_STATS = 1 << 3

_HEADER = struct.Struct("=IHHII")
_IFINFOMSG = struct.Struct("=BxHiII")
_IFADDRMSG = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER = 1, 3, 4, 5, 10
_LINKINFO, _IFALIAS, _AF_SPEC, _GROUP, _LINK_NETNSID = 18, 20, 26, 27, 37
_INFO_KIND, _INFO_DATA, _SLAVE_KIND, _SLAVE_DATA = 1, 2, 4, 5
_VRF_TABLE = 1
_VXLAN_ID, _VXLAN_LINK, _VXLAN_LOCAL, _VXLAN_LEARNING = 1, 3, 4, 7
_VXLAN_PORT, _VXLAN_GROUP6, _VXLAN_LOCAL6 = 15, 16, 17
_BRPORT_MODE, _BRPORT_LEARNING = 4, 8
_INET6_ADDR_GEN_MODE = 8
# An array of 32 bits each; include/uapi/linux/ip.h numbers them from 1.
_INET_CONF, _DEVCONF_ACCEPT_LOCAL = 1, 23
# include/uapi/linux/if_addr.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11

_Attributes = dict[int, bytes]


@dataclass(frozen=True)
class _Reply:
    index: int
    flags: int
    attributes: _Attributes

    @property
    def name(self) -> str:
        return _text(self.attributes, _IFNAME)


def dump_links(ip: IPRoute) -> tuple[Link, ...]:
    """Return all links of the namespace; raises what `nlm_request` does."""
    request = ifinfmsg()
    request["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATS)]
    return parse_links(_dump(ip, request, RTM_GETLINK, RTM_NEWLINK))


def dump_identities(ip: IPRoute, vrfs: Mapping[int, str]) -> frozenset[Identity]:
    """Return the host addresses of these VRFs, which are named by ifindex.

    Raises what `nlm_request` does.
    """
    found: set[Identity] = set()
    for family in (AF_INET, AF_INET6):
        request = ifaddrmsg()
        request["family"] = family
        for message in _dump(ip, request, RTM_GETADDR, RTM_NEWADDR):
            identity = parse_identity(message, vrfs)
            if identity is not None:
                found.add(identity)
    return frozenset(found)


def parse_identity(message: bytes, vrfs: Mapping[int, str]) -> Identity | None:
    """Return the address that an RTM_NEWADDR message tells of, where it is a VRF's host's."""
    family, length, _flags, _scope, index = _IFADDRMSG.unpack_from(message, _HEADER.size)
    if index not in vrfs or length != (32 if family == AF_INET else 128):
        return None
    attributes = _walk(message, _HEADER.size + _IFADDRMSG.size)
    value = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS, b"")
    address = IPv4Address(value) if family == AF_INET else IPv6Address(value)
    return Identity(vrfs[index], address, attributes.get(_IFA_PROTO) == bytes([PROTOCOL]))


def _dump(ip: IPRoute, request: Any, asked: int, answered: int) -> Iterator[bytes]:
    """Yield the messages of a dump as they are."""

    def parse(data: bytes, offset: int, length: int) -> Any:
        kind, flags, sequence = _HEADER.unpack_from(data, offset)[1:4]
        if kind != answered:
            # The end of the dump, or an error: pyroute2 knows what to do.
            return ip.marshal.parse_one_message(kind, flags, sequence, data, offset, length)
        header = {"type": kind, "flags": flags, "sequence_number": sequence, "error": None}
        return {"header": header, "reply": bytes(data[offset : offset + length])}

    for answer in ip.nlm_request(request, asked, NLM_F_REQUEST | NLM_F_DUMP, parser=parse):
        if "reply" in answer:
            yield answer["reply"]


def parse_links(messages: Iterable[bytes]) -> tuple[Link, ...]:
    """Return the links that RTM_NEWLINK messages tell of, all of one namespace."""
    replies = [_reply(message) for message in messages]
    names = {reply.index: reply.name for reply in replies}
    return tuple(_link(reply, names) for reply in replies)


def _reply(message: bytes) -> _Reply:
    _family, _type, index, flags, _change = _IFINFOMSG.unpack_from(message, _HEADER.size)
    return _Reply(index, flags, _walk(message, _HEADER.size + _IFINFOMSG.size))


def _walk(data: bytes, offset: int = 0) -> _Attributes:
    """Return the attributes by type; of two of one type, the last."""
    found: _Attributes = {}
    end = len(data)
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE] = bytes(data[offset + _ATTRIBUTE.size : offset + length])
        offset += (length + 3) & ~3
    return found


def _link(reply: _Reply, names: dict[int, str]) -> Link:
    attributes = reply.attributes
    info = _walk(attributes.get(_LINKINFO, b""))
    kind = _text(info, _INFO_KIND)
    data = _walk(info.get(_INFO_DATA, b""))
    own: dict[str, Any] = {}
    if kind == Kind.VRF:
        own = {"table": _number(data, _VRF_TABLE)}
    elif kind == Kind.VETH:
        # With IFLA_LINK_NETNSID the number counts in another namespace.
        away = _LINK_NETNSID in attributes
        own = {"peer": "" if away else _name(names, attributes, _LINK)}
    elif kind == Kind.VXLAN:
        own = _tunnel(data, names)
    if _text(info, _SLAVE_KIND) == "bridge":
        port = _walk(info.get(_SLAVE_DATA, b""))
        own |= {
            "port_learning": bool(_number(port, _BRPORT_LEARNING)),
            "hairpin": bool(_number(port, _BRPORT_MODE)),
        }
    common = Attributes(
        kind=kind,
        group=_number(attributes, _GROUP) or 0,
        alias=_text(attributes, _IFALIAS),
        mtu=_number(attributes, _MTU),
        mac=attributes.get(_ADDRESS, b"").hex(":"),
        arp=not reply.flags & IFF_NOARP,
        master=_name(names, attributes, _MASTER),
        link_local=_link_local(attributes),
        accept_local=_accept_local(attributes),
        **own,
    )
    return Link(reply.index, reply.name, bool(reply.flags & IFF_UP), common)


def _tunnel(data: _Attributes, names: dict[int, str]) -> dict[str, Any]:
    local: IPv4Address | IPv6Address | None = None
    if len(data.get(_VXLAN_LOCAL, b"")) == 4:
        local = IPv4Address(data[_VXLAN_LOCAL])
    else:
        local6 = data.get(_VXLAN_LOCAL6) or data.get(_VXLAN_GROUP6) or b""
        local = IPv6Address(local6) if len(local6) == 16 else None
    return {
        "vni": _number(data, _VXLAN_ID),
        "port": int.from_bytes(data.get(_VXLAN_PORT, b""), "big"),
        "lower": _name(names, data, _VXLAN_LINK),
        "local": local,
        "learning": bool(_number(data, _VXLAN_LEARNING)),
    }


def _link_local(attributes: _Attributes) -> bool | None:
    mode = _number(
        _walk(_walk(attributes.get(_AF_SPEC, b"")).get(AF_INET6, b"")), _INET6_ADDR_GEN_MODE
    )
    # Without IPv6 on the link there is nothing to compare, and nothing to change.
    return None if mode is None else mode != ADDR_GEN_NONE


def _accept_local(attributes: _Attributes) -> bool | None:
    settings = _walk(_walk(attributes.get(_AF_SPEC, b"")).get(AF_INET, b"")).get(_INET_CONF, b"")
    start = 4 * (_DEVCONF_ACCEPT_LOCAL - 1)
    # Without IPv4 on the link (an MTU below 68) there is nothing to compare either.
    return any(settings[start : start + 4]) if len(settings) >= start + 4 else None


def _number(attributes: _Attributes, kind: int) -> int | None:
    value = attributes.get(kind)
    return None if value is None else int.from_bytes(value, sys.byteorder)


def _name(names: dict[int, str], attributes: _Attributes, kind: int) -> str:
    index = _number(attributes, kind)
    return names.get(index, f"#{index}") if index else ""


def _text(attributes: _Attributes, kind: int) -> str:
    # The kernel takes any bytes for a name or an alias; ours are ASCII.
    return attributes.get(kind, b"").rstrip(b"\0").decode("utf-8", "replace")
