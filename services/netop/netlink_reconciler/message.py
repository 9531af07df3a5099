# SPDX-License-Identifier: Apache-2.0
"""Steps as rtnetlink messages (rtnetlink(7), include/uapi/linux/if_link.h)."""

from __future__ import annotations

from socket import AF_INET, AF_INET6
from typing import Any

from netop.common.netlink import (
    IFF_NOARP,
    IFF_UP,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    ifinfmsg,
    inetlinkmsg,
    markedaddrmsg,
    rtmsg,
)
from netop.netlink_reconciler.backstop import METRIC, PROTOCOL
from netop.netlink_reconciler.identity import PROTOCOL as ADDRESS_PROTOCOL
from netop.netlink_reconciler.link import Attributes, Kind
from netop.netlink_reconciler.step import Address, Change, Create, Delete, Route, Step, Switch

# include/uapi/linux/if_link.h: enum in6_addr_gen_mode.
ADDR_GEN_EUI64 = 0
ADDR_GEN_NONE = 1
# include/uapi/linux/if_addr.h.
IFA_F_NODAD = 0x02
# include/uapi/linux/rtnetlink.h.
RTN_UNREACHABLE = 7

_PLAIN = {
    "group": "IFLA_GROUP",
    "alias": "IFLA_IFALIAS",
    "mtu": "IFLA_MTU",
    "mac": "IFLA_ADDRESS",
}
_TUNNEL = {
    "lower": "IFLA_VXLAN_LINK",
    "local": "IFLA_VXLAN_LOCAL",
    "learning": "IFLA_VXLAN_LEARNING",
}
# "mode" is the kernel's word for hairpin (br_netlink.c).
_PORT = {"port_learning": "IFLA_BRPORT_LEARNING", "hairpin": "IFLA_BRPORT_MODE"}

_Attributes = list[tuple[str, Any]]


def message(step: Step) -> Any:
    """Return the message that carries out `step`, ready for nlm_request_batch."""
    if isinstance(step, Create):
        return _message(RTM_NEWLINK, step.index, _creation(step), NLM_F_CREATE | NLM_F_EXCL)
    if isinstance(step, Delete):
        return _message(RTM_DELLINK, step.index, [])
    if isinstance(step, Route):
        return _route(step)
    if isinstance(step, Address):
        return _address(step)
    if isinstance(step, Switch):
        return _flags(step.index, IFF_UP, on=step.up)
    if step.difference.attribute == "arp":
        return _flags(step.index, IFF_NOARP, on=not step.difference.new)
    if step.difference.attribute == "accept_local":
        return _inet(step.index, "IPV4_DEVCONF_ACCEPT_LOCAL", int(bool(step.difference.new)))
    return _message(RTM_NEWLINK, step.index, _change(step))


def _message(kind: int, index: int, attributes: _Attributes, flags: int = 0) -> Any:
    built = ifinfmsg()
    built["header"] = {"type": kind, "flags": NLM_F_REQUEST | NLM_F_ACK | flags}
    built["index"] = index
    built["attrs"] = attributes
    return built


def _inet(index: int, setting: str, value: int) -> Any:
    """Set what sysctl shows below net.ipv4.conf, without a sysctl (inet_set_link_af)."""
    built = inetlinkmsg()
    built["header"] = {"type": RTM_NEWLINK, "flags": NLM_F_REQUEST | NLM_F_ACK}
    built["index"] = index
    settings = {"attrs": [("IFLA_INET_CONF", {"attrs": [(setting, value)]})]}
    built["attrs"] = [("IFLA_AF_SPEC", {"attrs": [("AF_INET", settings)]})]
    return built


def _route(step: Route) -> Any:
    built = rtmsg()
    kind = RTM_NEWROUTE if step.present else RTM_DELROUTE
    # Replace, because somebody may have followed the kernel's advice before us.
    flags = NLM_F_CREATE | NLM_F_REPLACE if step.present else 0
    built["header"] = {"type": kind, "flags": NLM_F_REQUEST | NLM_F_ACK | flags}
    built["family"] = step.backstop.family
    built["type"] = RTN_UNREACHABLE
    built["proto"] = PROTOCOL
    built["attrs"] = [("RTA_TABLE", step.backstop.table), ("RTA_PRIORITY", METRIC)]
    return built


def _address(step: Address) -> Any:
    built = markedaddrmsg()
    address = step.identity.address
    # Replace, because the same address may be there without the mark.
    flags = NLM_F_CREATE | NLM_F_REPLACE if step.present else 0
    kind = RTM_NEWADDR if step.present else RTM_DELADDR
    built["header"] = {"type": kind, "flags": NLM_F_REQUEST | NLM_F_ACK | flags}
    built["family"] = AF_INET if address.version == 4 else AF_INET6
    built["index"] = step.index
    built["prefixlen"] = address.max_prefixlen
    built["attrs"] = [("IFA_LOCAL", str(address)), ("IFA_ADDRESS", str(address))]
    if step.present:
        # A VRF asks nobody whether an address is taken (NODAD).
        built["attrs"] += [("IFA_FLAGS", IFA_F_NODAD), ("IFA_PROTO", ADDRESS_PROTOCOL)]
    return built


def _flags(index: int, flag: int, *, on: bool) -> Any:
    built = _message(RTM_NEWLINK, index, [])
    built["change"] = flag
    built["flags"] = flag if on else 0
    return built


def _creation(step: Create) -> _Attributes:
    wanted = step.link.attributes
    attributes = _common(step.link.name, wanted)
    if step.master:
        attributes.append(("IFLA_MASTER", step.master))
    if step.peer is not None:
        end = {
            "index": step.peer_index,
            "attrs": _common(step.peer.name, step.peer.attributes),
        }
        attributes.append(_link_info(Kind.VETH, [("VETH_INFO_PEER", end)]))
    elif wanted.kind == Kind.VRF:
        attributes.append(_link_info(Kind.VRF, [("IFLA_VRF_TABLE", wanted.table)]))
    elif wanted.kind == Kind.VXLAN:
        attributes.append(_link_info(Kind.VXLAN, _tunnel(wanted, step.lower)))
    else:
        attributes.append(("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", wanted.kind)]}))
    return attributes


def _common(name: str, wanted: Attributes) -> _Attributes:
    attributes: _Attributes = [("IFLA_IFNAME", name), ("IFLA_GROUP", wanted.group)]
    # A bridge gets its MTU later (wanted.at_creation says why).
    if wanted.mtu is not None and wanted.kind != Kind.BRIDGE:
        attributes.append(("IFLA_MTU", wanted.mtu))
    if wanted.mac is not None:
        attributes.append(("IFLA_ADDRESS", wanted.mac))
    return attributes


def _tunnel(wanted: Attributes, lower: int) -> _Attributes:
    return [
        ("IFLA_VXLAN_ID", wanted.vni),
        ("IFLA_VXLAN_LINK", lower),
        ("IFLA_VXLAN_LOCAL", str(wanted.local)),
        ("IFLA_VXLAN_PORT", wanted.port),
        ("IFLA_VXLAN_LEARNING", int(bool(wanted.learning))),
    ]


def _link_info(kind: Kind, data: _Attributes) -> tuple[str, Any]:
    info: _Attributes = [("IFLA_INFO_KIND", kind.value), ("IFLA_INFO_DATA", {"attrs": data})]
    return ("IFLA_LINKINFO", {"attrs": info})


def _change(step: Change) -> _Attributes:
    attribute, new = step.difference.attribute, step.difference.new
    if attribute in _PLAIN:
        return [(_PLAIN[attribute], new)]
    if attribute in _TUNNEL:
        value = str(new) if attribute == "local" else step.reference or int(bool(new))
        return [_link_info(Kind.VXLAN, [(_TUNNEL[attribute], value)])]
    if attribute in _PORT:
        return [_port(_PORT[attribute], int(bool(new)))]
    if attribute == "master":
        return [("IFLA_MASTER", step.reference)]
    if attribute == "link_local":
        mode = ADDR_GEN_EUI64 if new else ADDR_GEN_NONE
        family = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", mode)]}
        return [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", family)]})]
    raise ValueError(f"{attribute} cannot be changed on a link that exists")


def _port(attribute: str, value: int) -> tuple[str, Any]:
    info: _Attributes = [
        ("IFLA_INFO_SLAVE_KIND", "bridge"),
        ("IFLA_INFO_SLAVE_DATA", {"attrs": [(attribute, value)]}),
    ]
    return ("IFLA_LINKINFO", {"attrs": info})
