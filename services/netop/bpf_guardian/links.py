# SPDX-License-Identifier: Apache-2.0
"""The links of the kernel, as far as the guardian cares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from netop.bpf_guardian.rtnetlink import Rtnetlink
from netop.common.netlink import (
    NLM_F_ACK,
    NLM_F_REQUEST,
    RTM_GETLINK,
    RTM_NEWLINK,
    ifinfmsg,
)

_SKIP_STATS = 1 << 3  # RTEXT_FILTER_SKIP_STATS
_NO_MAC = bytes(6)


@dataclass(frozen=True)
class KernelLink:
    """One link: `master` is an ifindex or 0, `table` a VRF's own or 0."""

    index: int
    name: str
    kind: str = ""
    master: int = 0
    mac: bytes = _NO_MAC
    table: int = 0


LinkTable = Mapping[int, KernelLink]


def all_links(rtnetlink: Rtnetlink) -> dict[int, KernelLink]:
    """Return every link by its ifindex; raises RtnetlinkError."""
    replies = rtnetlink.dump(_request(0, NLM_F_REQUEST), RTM_GETLINK)
    return {link.index: link for link in map(_link, replies)}


def refreshed(rtnetlink: Rtnetlink, links: LinkTable, indexes: Iterable[int]) -> LinkTable:
    """Return `links` with those of `indexes` looked at again; raises RtnetlinkError."""
    asked = sorted(indexes)
    replies = rtnetlink.batch([_request(index, NLM_F_REQUEST | NLM_F_ACK) for index in asked])
    result = {index: link for index, link in links.items() if index not in indexes}
    for index, reply in zip(asked, replies, strict=True):
        if reply["header"]["type"] == RTM_NEWLINK:
            result[index] = _link(reply)
    return result


def vrf_of(link: KernelLink, links: LinkTable) -> KernelLink | None:
    """Return the VRF that a link itself is in, or None for the default one."""
    master = links.get(link.master)
    return master if master is not None and master.kind == "vrf" else None


def router_of(link: KernelLink, links: LinkTable) -> KernelLink | None:
    """Return the link whose VRF routes what `link` receives: a bridge for its ports.

    None in the default VRF, where the stack routes (bpf/router.c says why).
    """
    master = links.get(link.master)
    routes = master if master is not None and master.kind == "bridge" else link
    return routes if vrf_of(routes, links) is not None else None


def _request(index: int, flags: int) -> Any:
    request = ifinfmsg()
    request["header"] = {"type": RTM_GETLINK, "flags": flags}
    request["index"] = index
    request["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATS)]
    return request


def _link(reply: Any) -> KernelLink:
    info = reply.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") if info is not None else None) or ""
    data = info.get_attr("IFLA_INFO_DATA") if kind == "vrf" else None
    mac = (reply.get_attr("IFLA_ADDRESS") or "").replace(":", "")
    return KernelLink(
        index=reply["index"],
        name=reply.get_attr("IFLA_IFNAME") or "",
        kind=kind,
        master=reply.get_attr("IFLA_MASTER") or 0,
        mac=bytes.fromhex(mac) if len(mac) == 12 else _NO_MAC,
        table=(data.get_attr("IFLA_VRF_TABLE") or 0) if data is not None else 0,
    )
