# SPDX-License-Identifier: Apache-2.0
"""The IPv6 link-local addresses of the veth's ends, over which FRR peers.

The kernel gives a link one in the moment in which it begins to run, and never again: not
after a flush, and not when rtnetlink turns address generation on for a link that runs.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Link

NETWORK = IPv6Network("fe80::/10")
# Of an address, as the kernel makes it.
PREFIX_LENGTH = 64


def is_link_local(identity: Identity) -> bool:
    """Say whether it is an IPv6 link-local address."""
    return identity.address in NETWORK


def link_local_of(link: Link) -> Identity:
    """Return the address that the kernel would make of the link's MAC (RFC 4291, appendix A)."""
    mac = bytes.fromhex((link.attributes.mac or "").replace(":", ""))
    interface = bytes((mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:]))
    return Identity(link.name, IPv6Address(b"\xfe\x80" + bytes(6) + interface))
