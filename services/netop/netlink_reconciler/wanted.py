# SPDX-License-Identifier: Apache-2.0
"""What the links of a VRF shall be like (facts of the original, design.md)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from netop.netlink_reconciler.link import GROUP, VXLAN_PORT, Attributes, Kind, alias, names_of


@dataclass(frozen=True)
class WantedLink:
    """One link that shall exist."""

    name: str
    attributes: Attributes


@dataclass(frozen=True)
class Underlay:
    """What carries the tunnels: a link and its only IPv4 address; `mtu` in bytes."""

    name: str
    address: IPv4Address
    mtu: int


@dataclass(frozen=True)
class Mtu:
    """What the links of a VRF carry, in bytes: `tunnel` for VXLAN and bridge, `veth`.

    The bridge has that of its VXLAN, so that the node answers "too big" to what would not
    fit: a bridge drops silently what is too large for its port.
    """

    tunnel: int
    veth: int


def router_mac(address: IPv4Address) -> str:
    """Return the MAC that every VXLAN of the node has: 02:54 and the underlay's address.

    Unicast, locally administered, and the same after each re-creation, so that the
    fabric's router-MAC routes stay valid.
    """
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x54, *address.packed))


def wanted_links(
    vrf: str, vni: int, table: int, mtu: Mtu, underlay: Underlay
) -> tuple[WantedLink, ...]:
    """Return the five links of a VRF in the order of creation and of going up."""
    names = names_of(vrf)
    mark = alias(vrf)
    mac = router_mac(underlay.address)
    return (
        WantedLink(
            names.vrf,
            Attributes(kind=Kind.VRF, table=table, group=GROUP, alias=mark, master=""),
        ),
        WantedLink(
            names.bridge,
            # A bridge takes its port's MAC anyway; set, it stays while the port is re-created.
            Attributes(
                kind=Kind.BRIDGE,
                group=GROUP,
                alias=mark,
                mtu=mtu.tunnel,
                mac=mac,
                arp=True,
                master=names.vrf,
            ),
        ),
        WantedLink(
            names.vxlan,
            Attributes(
                kind=Kind.VXLAN,
                vni=vni,
                port=VXLAN_PORT,
                group=GROUP,
                alias=mark,
                lower=underlay.name,
                local=underlay.address,
                learning=False,
                mtu=mtu.tunnel,
                mac=mac,
                arp=True,
                master=names.bridge,
                port_learning=False,
                hairpin=True,
                link_local=False,
            ),
        ),
        WantedLink(
            names.veth_vrf,
            Attributes(
                kind=Kind.VETH,
                peer=names.veth_default,
                group=GROUP,
                alias=mark,
                mtu=mtu.veth,
                arp=True,
                master=names.vrf,
                link_local=True,
            ),
        ),
        WantedLink(
            names.veth_default,
            # FRR peers over the veth's IPv6 link-local addresses. ICMP errors of the VRF come
            # from the underlay's address (identity.py), which is this host's own.
            Attributes(
                kind=Kind.VETH,
                peer=names.veth_vrf,
                group=GROUP,
                alias=mark,
                mtu=mtu.veth,
                arp=True,
                master="",
                link_local=True,
                accept_local=True,
            ),
        ),
    )


def at_creation(link: WantedLink) -> Attributes:
    """Return what a link of this kind is like right after the message that makes it.

    What this leaves different from `link.attributes` takes messages of its own:
    rtnl_create_link knows no alias, no port attributes and no address generation, and a
    bridge keeps its MTU against its ports' only when it was changed on a live one.
    """
    wanted = link.attributes
    mtu = 1500 if wanted.kind == Kind.BRIDGE else wanted.mtu
    is_port = wanted.kind == Kind.VXLAN
    return Attributes(
        kind=wanted.kind,
        table=wanted.table,
        peer=wanted.peer,
        vni=wanted.vni,
        port=wanted.port,
        group=wanted.group,
        alias="",
        lower=wanted.lower,
        local=wanted.local,
        learning=wanted.learning,
        mtu=mtu,
        mac=wanted.mac,
        arp=wanted.arp,
        master=wanted.master,
        port_learning=True if is_port else None,
        hairpin=False if is_port else None,
        link_local=True,
        accept_local=False,
    )
