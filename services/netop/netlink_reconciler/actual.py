# SPDX-License-Identifier: Apache-2.0
"""What was observed: the links, and what else bears on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from netop.netlink_reconciler.backstop import Backstop
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Kind, Link


@dataclass(frozen=True)
class Actual:
    """One look at the kernel.

    `addresses` are the IPv4 addresses of the underlay link and of the cluster bridge,
    the primary ones first. `backstops` are the routes that netop made, `identities` the
    addresses of its VRFs and veths. `free_tables` are routing tables of the node's range
    that nobody uses, as many as were asked for or as there are.
    """

    links: tuple[Link, ...]
    addresses: tuple[tuple[str, IPv4Address], ...] = ()
    backstops: frozenset[Backstop] = frozenset()
    identities: frozenset[Identity] = frozenset()
    free_tables: tuple[int, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Link]:
        """The links by their names, which are unique."""
        return {link.name: link for link in self.links}

    def addresses_of(self, name: str) -> tuple[IPv4Address, ...]:
        """Return the IPv4 addresses of the underlay or the cluster bridge."""
        return tuple(address for link, address in self.addresses if link == name)

    @cached_property
    def own(self) -> tuple[Link, ...]:
        """The links that netop made and that still have their names."""
        return tuple(link for link in self.links if link.own)

    @cached_property
    def _identities_by_link(self) -> dict[str, list[Identity]]:
        found: dict[str, list[Identity]] = {}
        for identity in sorted(self.identities, key=lambda each: each.address.packed):
            found.setdefault(identity.link, []).append(identity)
        return found

    def identities_of(self, link: str) -> tuple[Identity, ...]:
        """Return the addresses of a VRF or a veth, in the order of their numbers."""
        return tuple(self._identities_by_link.get(link, ()))

    def without(self, names: Iterable[str]) -> Actual:
        """Return what is left once these links are deleted.

        The other end of a veth goes too, and so does a VXLAN whose carrier goes
        (vxlan_handle_lowerdev_unregister); what was enslaved to one of them is free.
        """
        gone = set(names)
        before = -1
        while before != len(gone):
            before = len(gone)
            gone |= {link.name for link in self.links if _falls_with(link, gone)}
        left = (link for link in self.links if link.name not in gone)
        return dataclasses.replace(self, links=tuple(_freed(link, gone) for link in left))

    def changed(self, name: str, change: Callable[[Link], Link]) -> Actual:
        """Return the same with one link changed."""
        links = tuple(change(link) if link.name == name else link for link in self.links)
        return dataclasses.replace(self, links=links)


def _falls_with(link: Link, gone: set[str]) -> bool:
    attributes = link.attributes
    if attributes.kind == Kind.VETH:
        return attributes.peer in gone
    return attributes.kind == Kind.VXLAN and attributes.lower in gone


def _freed(link: Link, gone: set[str]) -> Link:
    if link.attributes.master not in gone:
        return link
    attributes = dataclasses.replace(link.attributes, master="", port_learning=None, hairpin=None)
    return dataclasses.replace(link, attributes=attributes)
