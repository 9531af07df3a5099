# SPDX-License-Identifier: Apache-2.0
"""The addresses that a VRF answers from when it refuses a packet.

ICMP errors need a source in the VRF: without one, IPv4 errors come from 192.0.0.8, which
says nothing, and IPv6 errors are not sent at all, so that path MTU discovery fails. The
underlay's address names this node in the fabric, and no tenant talks to it: an address of
the cluster would do as well, but as a local one of the VRF it would swallow the traffic
to the node's own services.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

# Marks the addresses that netop made (IFA_PROTO), as backstop.PROTOCOL does its routes.
PROTOCOL = 110
# RFC 8215: for translation within one network; RFC 6052, section 2.2: the last 32 bits.
_EMBEDDING = IPv6Address("64:ff9b:1::")


@dataclass(frozen=True)
class Identity:
    """An address on a link, which is named; on a VRF a host's, without a network.

    `marked` says whether netop put it there; who else did changes nothing about its use.
    """

    link: str
    address: IPv4Address | IPv6Address
    marked: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        return f"address {self.address}"


def identities_of(link: str, underlay: IPv4Address) -> tuple[Identity, Identity]:
    """Return the two addresses that the VRF `link` needs."""
    embedded = IPv6Address(int(_EMBEDDING) | int(underlay))
    return Identity(link, underlay), Identity(link, embedded)
