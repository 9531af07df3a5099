# SPDX-License-Identifier: Apache-2.0
"""Steps as rtnetlink messages (rtnetlink(7), include/uapi/linux/if_link.h)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from socket import AF_INET, AF_INET6

from netop.common.netlink import (
    IFF_NOARP,
    IFF_UP,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
)
from netop.netlink_reconciler import uapi
from netop.netlink_reconciler.backstop import METRIC, PROTOCOL
from netop.netlink_reconciler.identity import PROTOCOL as ADDRESS_PROTOCOL
from netop.netlink_reconciler.link import Attributes, Kind
from netop.netlink_reconciler.linklocal import PREFIX_LENGTH, is_link_local
from netop.netlink_reconciler.step import Address, Change, Create, Delete, Route, Step, Switch
from netop.netlink_reconciler.wire import attribute, byte, nested, number, request, text

_PORT = {"port_learning": uapi.IFLA_BRPORT_LEARNING, "hairpin": uapi.IFLA_BRPORT_MODE}


def message(step: Step) -> bytes:
    """Return the message that carries out `step`, ready for `Exchange.batch`."""
    if isinstance(step, Create):
        return _link(step.index, *_creation(step), flags=NLM_F_CREATE | NLM_F_EXCL)
    if isinstance(step, Delete):
        return request(RTM_DELLINK, 0, _body(step.index))
    if isinstance(step, Route):
        return _route(step)
    if isinstance(step, Address):
        return _address(step)
    if isinstance(step, Switch):
        return _flags(step.index, IFF_UP, on=step.up)
    if step.difference.attribute == "arp":
        return _flags(step.index, IFF_NOARP, on=not step.difference.new)
    return completion([step])


def completion(steps: Sequence[Change]) -> bytes:
    """Return one message with several changes of one link, none of them of its flags."""
    return _link(steps[0].index, *_changed(steps))


def regrouping(index: int, group: int) -> bytes:
    """Return the message that puts a link into a group."""
    return _link(index, number(uapi.IFLA_GROUP, group))


def group_deletion(group: int) -> bytes:
    """Return the message that deletes all links of a group (rtnl_group_dellink)."""
    return request(RTM_DELLINK, 0, _body(0), number(uapi.IFLA_GROUP, group))


def _body(index: int, *, flags: int = 0, change: int = 0) -> bytes:
    return uapi.IFINFOMSG.pack(0, 0, index, flags, change)


def _link(index: int, *attributes: bytes, flags: int = 0) -> bytes:
    return request(RTM_NEWLINK, flags, _body(index), *attributes)


def _flags(index: int, flag: int, *, on: bool) -> bytes:
    return request(RTM_NEWLINK, 0, _body(index, flags=flag if on else 0, change=flag))


def _route(step: Route) -> bytes:
    family = step.backstop.family
    body = uapi.RTMSG.pack(family, 0, 0, 0, 0, PROTOCOL, 0, uapi.RTN_UNREACHABLE, 0)
    # Replace, because somebody may have followed the kernel's advice before us.
    flags = NLM_F_CREATE | NLM_F_REPLACE if step.present else 0
    kind = RTM_NEWROUTE if step.present else RTM_DELROUTE
    table = number(uapi.RTA_TABLE, step.backstop.table)
    return request(kind, flags, body, table, number(uapi.RTA_PRIORITY, METRIC))


def _address(step: Address) -> bytes:
    address = step.identity.address
    family = AF_INET if address.version == 4 else AF_INET6
    length = PREFIX_LENGTH if is_link_local(step.identity) else address.max_prefixlen
    body = uapi.IFADDRMSG.pack(family, length, 0, 0, step.index)
    values = [attribute(kind, address.packed) for kind in (uapi.IFA_LOCAL, uapi.IFA_ADDRESS)]
    if not step.present:
        return request(RTM_DELADDR, 0, body, *values)
    # A VRF asks nobody whether an address is taken (NODAD), and on the veth nobody else is.
    values.append(number(uapi.IFA_FLAGS, uapi.IFA_F_NODAD))
    values.append(byte(uapi.IFA_PROTO, ADDRESS_PROTOCOL))
    # Replace, because the same address may be there without the mark.
    return request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body, *values)


def _creation(step: Create) -> list[bytes]:
    wanted = step.link.attributes
    made = _common(step.link.name, wanted)
    if step.master:
        made.append(number(uapi.IFLA_MASTER, step.master))
    data: list[bytes] = []
    if step.peer is not None:
        end = _common(step.peer.name, step.peer.attributes)
        peer = _body(step.peer_index) + b"".join(end)
        data.append(attribute(uapi.VETH_INFO_PEER, peer))
    elif wanted.kind == Kind.VRF:
        data.append(number(uapi.IFLA_VRF_TABLE, wanted.table or 0))
    elif wanted.kind == Kind.VXLAN:
        data += _tunnel(wanted, step.lower)
    made.append(_link_info(wanted.kind, *data))
    return made


def _common(name: str, wanted: Attributes) -> list[bytes]:
    made = [text(uapi.IFLA_IFNAME, name), number(uapi.IFLA_GROUP, wanted.group or 0)]
    # A bridge gets its MTU later (wanted.at_creation says why).
    if wanted.mtu is not None and wanted.kind != Kind.BRIDGE:
        made.append(number(uapi.IFLA_MTU, wanted.mtu))
    if wanted.mac is not None:
        made.append(_mac(wanted.mac))
    return made


def _tunnel(wanted: Attributes, lower: int) -> list[bytes]:
    assert isinstance(wanted.local, IPv4Address)
    return [
        number(uapi.IFLA_VXLAN_ID, wanted.vni or 0),
        number(uapi.IFLA_VXLAN_LINK, lower),
        attribute(uapi.IFLA_VXLAN_LOCAL, wanted.local.packed),
        attribute(uapi.IFLA_VXLAN_PORT, (wanted.port or 0).to_bytes(2, "big")),
        byte(uapi.IFLA_VXLAN_LEARNING, bool(wanted.learning)),
    ]


def _link_info(kind: str, *data: bytes) -> bytes:
    info = [text(uapi.IFLA_INFO_KIND, kind)]
    if data:
        info.append(nested(uapi.IFLA_INFO_DATA, *data))
    return nested(uapi.IFLA_LINKINFO, *info)


def _mac(value: str) -> bytes:
    return attribute(uapi.IFLA_ADDRESS, bytes.fromhex(value.replace(":", "")))


def _changed(steps: Sequence[Change]) -> list[bytes]:
    made: list[bytes] = []
    port: list[bytes] = []
    families: list[bytes] = []
    for step in steps:
        name, new = step.difference.attribute, step.difference.new
        if name in _PORT:
            port.append(byte(_PORT[name], bool(new)))
        elif name == "accept_local":
            # What sysctl shows below net.ipv4.conf, without a sysctl (inet_set_link_af).
            setting = number(uapi.IPV4_DEVCONF_ACCEPT_LOCAL, bool(new))
            families.append(nested(AF_INET, nested(uapi.IFLA_INET_CONF, setting)))
        elif name == "link_local":
            mode = uapi.IN6_ADDR_GEN_MODE_EUI64 if new else uapi.IN6_ADDR_GEN_MODE_NONE
            families.append(nested(AF_INET6, byte(uapi.IFLA_INET6_ADDR_GEN_MODE, mode)))
        else:
            made.append(_change(step))
    if port:
        kind = text(uapi.IFLA_INFO_SLAVE_KIND, "bridge")
        made.append(nested(uapi.IFLA_LINKINFO, kind, nested(uapi.IFLA_INFO_SLAVE_DATA, *port)))
    if families:
        made.append(nested(uapi.IFLA_AF_SPEC, *families))
    return made


def _change(step: Change) -> bytes:
    name, new = step.difference.attribute, step.difference.new
    if name in {"group", "mtu"} and isinstance(new, int):
        return number(uapi.IFLA_GROUP if name == "group" else uapi.IFLA_MTU, new)
    if name == "alias":
        return text(uapi.IFLA_IFALIAS, str(new))
    if name == "mac":
        return _mac(str(new))
    if name == "master":
        return number(uapi.IFLA_MASTER, step.reference)
    if name == "local" and isinstance(new, IPv4Address):
        return _link_info(Kind.VXLAN, attribute(uapi.IFLA_VXLAN_LOCAL, new.packed))
    if name == "lower":
        return _link_info(Kind.VXLAN, number(uapi.IFLA_VXLAN_LINK, step.reference))
    if name == "learning":
        return _link_info(Kind.VXLAN, byte(uapi.IFLA_VXLAN_LEARNING, bool(new)))
    raise ValueError(f"{name} cannot be changed on a link that exists")
