# SPDX-License-Identifier: Apache-2.0
"""A small model of the kernel's rules for links, driven by the very messages we send.

Each rule was seen on Linux 6.12 or read in its source; `tests/vm/inside/links/` holds the
reconciler against the real one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice
from typing import Any

from netop.common.netlink import (
    IFF_NOARP,
    IFF_UP,
    NLM_F_CREATE,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.backstop import Backstop
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Attributes, Link
from netop.netlink_reconciler.message import message
from netop.netlink_reconciler.observe import Tables
from netop.netlink_reconciler.step import Failure, Step
from netop.netlink_reconciler.uapi import IN6_ADDR_GEN_MODE_NONE
from tests.unit.netlink_reconciler.decoding import decoded

UNDERLAY = "dum.underlay"
ADDRESS = IPv4Address("10.0.0.7")
MAC = "02:54:0a:00:00:07"
LINK_LOCAL = IPv6Address("fe80::1")


class RefusedError(Exception):
    """An answer with an error."""


Nested = list[tuple[str, Any]]


def every_table(_: Actual) -> int:
    """Ask for all tables that are free."""
    return 1 << 32


def _get(attributes: Nested, name: str) -> Any:
    return next((value for key, value in attributes if key == name), None)


def _nested(attributes: Nested, *names: str) -> Nested:
    found: Any = {"attrs": attributes}
    for name in names:
        found = _get(found["attrs"], name)
        if found is None:
            return []
    return list(found["attrs"])


class FakeKernel:
    """Links in memory. `before` is called with each step before it is carried out."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.addresses: dict[str, tuple[IPv4Address, ...]] = {}
        self.busy_tables: frozenset[int] = frozenset()
        self.backstops: set[Backstop] = set()
        self.identities: set[Identity] = set()
        # By ifindex: ends of veths that run, and those that have a link-local address.
        self.running: set[int] = set()
        self.link_locals: set[int] = set()
        self.before: Callable[[Step], None] = lambda _: None
        self.refuse: Callable[[Step], str] = lambda _: ""
        self.observations = 0
        self.applied: list[Step] = []
        self._following = 1

    # What the reconciler needs.

    def observe(self, node: NodeSettings, tables: Tables = every_table) -> Actual:
        self.observations += 1
        addresses = tuple(
            (name, address)
            for name in dict.fromkeys((node.underlay, node.cluster_bridge))
            if name in self.names()
            for address in self.addresses.get(name, ())
        )
        backstops = frozenset(self.backstops)
        here = {link.name for link in self.links.values()}
        identities = frozenset(one for one in self.identities if one.link in here)
        ends = (link.name for link in self.links.values() if link.index in self.link_locals)
        identities |= {Identity(name, LINK_LOCAL, marked=False) for name in ends}
        links = (
            dataclasses.replace(link, running=link.index in self.running)
            for link in self.links.values()
        )
        found = Actual(tuple(links), addresses, backstops, identities)
        taken = self.busy_tables | {link.attributes.table for link in found.links}
        free = (one for one in range(node.table_first, node.table_last + 1) if one not in taken)
        return dataclasses.replace(found, free_tables=tuple(islice(free, tables(found))))

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        failures = []
        for step in steps:
            self.before(step)
            try:
                reason = self.refuse(step)
                if reason:
                    raise RefusedError(reason)
                self.handle(decoded(message(step)))
            except RefusedError as refusal:
                failures.append(Failure(step, str(refusal)))
            else:
                self.applied.append(step)
        return tuple(failures)

    # What tests need.

    def names(self) -> dict[str, Link]:
        return {link.name: link for link in self.links.values()}

    def add(self, name: str, attributes: Attributes, *, up: bool = False) -> Link:
        """Put a link there as an administrator would have."""
        while self._following in self.links:
            self._following += 1
        link = Link(self._following, name, up, attributes)
        self.links[link.index] = link
        return link

    def add_underlay(self, mtu: int = 9100) -> None:
        self.add(UNDERLAY, Attributes(kind="dummy", mtu=mtu, group=0, alias=""), up=True)
        self.addresses[UNDERLAY] = (ADDRESS,)

    def alter(self, name: str, *, up: bool | None = None, **changes: Any) -> None:
        """Change a link behind the reconciler's back."""
        link = self.names()[name]
        attributes = dataclasses.replace(link.attributes, **changes)
        self.links[link.index] = dataclasses.replace(
            link, attributes=attributes, up=link.up if up is None else up
        )
        self._linkwatch()

    def delete(self, name: str) -> None:
        actual = Actual(tuple(self.links.values())).without({name})
        self.links = {link.index: link for link in actual.links}
        self.identities = {one for one in self.identities if one.link in self.names()}
        self._linkwatch()

    # The rules.

    def handle(self, request: Any) -> None:
        if request["header"]["type"] in {RTM_NEWROUTE, RTM_DELROUTE}:
            self._route(request)
            return
        if request["header"]["type"] in {RTM_NEWADDR, RTM_DELADDR}:
            self._address(request)
            return
        index = request["index"]
        attributes: Nested = list(request["attrs"])
        if request["header"]["type"] == RTM_DELLINK:
            self._existing(index)
            self.delete(self.links[index].name)
        elif request["header"]["flags"] & NLM_F_CREATE:
            self._create(index, attributes)
        else:
            self._existing(index)
            self._set(index, attributes)
            self._flags(index, request)
        self._linkwatch()

    def _linkwatch(self) -> None:
        """An end that begins to run gets an address, and loses it when it goes down."""
        up = {link.name for link in self.links.values() if link.up}
        running = {
            link.index
            for link in self.links.values()
            if link.up and link.attributes.kind == "veth" and link.attributes.peer in up
        }
        begin = running - self.running
        self.link_locals |= {one for one in begin if self.links[one].attributes.link_local}
        self.link_locals = {one for one in self.link_locals if self._is_up(one)}
        self.running = running

    def _is_up(self, index: int) -> bool:
        return index in self.links and self.links[index].up

    def _route(self, request: Any) -> None:
        assert (request["type"], request["proto"]) == (7, 110)
        attributes = dict(request["attrs"])
        assert attributes["RTA_PRIORITY"] == 4278198272
        route = Backstop(attributes["RTA_TABLE"], request["family"])
        if request["header"]["type"] == RTM_NEWROUTE:
            self.backstops.add(route)
        elif route in self.backstops:
            self.backstops.remove(route)
        else:
            raise RefusedError("No such process")

    def _address(self, request: Any) -> None:
        link = self._existing(request["index"])
        attributes = dict(request["attrs"])
        address = ip_address(attributes["IFA_LOCAL"])
        assert attributes["IFA_ADDRESS"] == str(address)
        if address.version == 6 and address.is_link_local:
            assert (request["header"]["type"], request["prefixlen"]) == (RTM_NEWADDR, 64)
            self.link_locals.add(link.index)
            return
        assert request["prefixlen"] == address.max_prefixlen
        identity = Identity(link.name, address, attributes.get("IFA_PROTO") == 110)
        self.identities.discard(identity)
        if request["header"]["type"] == RTM_NEWADDR:
            self.identities.add(identity)

    def _existing(self, index: int) -> Link:
        if index not in self.links:
            raise RefusedError("No such device")
        return self.links[index]

    def _vacant(self, index: int, name: str) -> None:
        if index in self.links or name in self.names():
            raise RefusedError("File exists")

    def _create(self, index: int, request: Nested) -> None:
        name = _get(request, "IFLA_IFNAME")
        info = _nested(request, "IFLA_LINKINFO")
        kind = _get(info, "IFLA_INFO_KIND")
        data = _nested(info, "IFLA_INFO_DATA")
        self._vacant(index, name)
        made = [Link(index, name, up=False, attributes=self._fresh(kind, request))]
        if kind == "veth":
            made.append(self._other_end(made[0], _get(data, "VETH_INFO_PEER")))
            made[0] = _with(made[0], peer=made[1].name)
        elif kind == "vrf":
            made[0] = _with(made[0], table=_get(data, "IFLA_VRF_TABLE"))
        elif kind == "vxlan":
            made[0] = self._tunnel(made[0], data)
        master = _get(request, "IFLA_MASTER")
        if master is not None:
            made[0] = self._enslaved(made[0], master)
        for link in made:
            self.links[link.index] = link

    def _fresh(self, kind: str, request: Nested) -> Attributes:
        group, mtu = _get(request, "IFLA_GROUP"), _get(request, "IFLA_MTU")
        return Attributes(
            kind=kind,
            group=group or 0,
            alias="",  # IFLA_IFALIAS is ignored here
            mtu=mtu or {"vrf": 65575}.get(kind, 1500),
            mac=_get(request, "IFLA_ADDRESS") or "0a:00:00:00:00:01",
            arp=kind != "vrf",
            master="",
            link_local=True,
            accept_local=False,
        )

    def _other_end(self, link: Link, peer: Any) -> Link:
        name = _get(peer["attrs"], "IFLA_IFNAME")
        self._vacant(peer["index"], name)
        attributes = self._fresh("veth", peer["attrs"])
        return _with(Link(peer["index"], name, up=False, attributes=attributes), peer=link.name)

    def _tunnel(self, link: Link, data: Nested) -> Link:
        lower = self._existing(_get(data, "IFLA_VXLAN_LINK"))
        vni, port = _get(data, "IFLA_VXLAN_ID"), _get(data, "IFLA_VXLAN_PORT")
        for other in self.links.values():
            if (other.attributes.vni, other.attributes.port) == (vni, port):
                raise RefusedError("A VXLAN device with the specified VNI already exists")
        return _with(
            link,
            vni=vni,
            port=port,
            lower=lower.name,
            local=IPv4Address(_get(data, "IFLA_VXLAN_LOCAL")),
            learning=bool(_get(data, "IFLA_VXLAN_LEARNING")),
            mtu=min(link.attributes.mtu or 0, (lower.attributes.mtu or 0) - 50),
        )

    def _enslaved(self, link: Link, master: int) -> Link:
        link = _with(link, master="", port_learning=None, hairpin=None)
        if master == 0:
            return link
        above = self._existing(master)
        if above.attributes.kind == "bridge":
            if link.attributes.kind == "bridge":
                raise RefusedError("Can not enslave a bridge to a bridge")
            return _with(link, master=above.name, port_learning=True, hairpin=False)
        if above.attributes.kind != "vrf" or link.attributes.kind == "vrf":
            raise RefusedError("Operation not supported")
        return _with(link, master=above.name)

    def _set(self, index: int, request: Nested) -> None:
        link = self.links[index]
        link = self._reconfigured(link, _nested(request, "IFLA_LINKINFO"))
        for name, value in request:
            if name == "IFLA_MTU":
                link = self._resized(link, value)
            elif name == "IFLA_MASTER":
                link = self._enslaved(link, value)
            elif name == "IFLA_AF_SPEC":
                link = self._by_family(link, _nested(request, name))
            elif name in {"IFLA_ADDRESS", "IFLA_IFALIAS", "IFLA_GROUP"}:
                key = {"IFLA_ADDRESS": "mac", "IFLA_IFALIAS": "alias"}.get(name, "group")
                link = _with(link, **{key: value})
        self.links[index] = link

    def _by_family(self, link: Link, families: Nested) -> Link:
        for name, value in _nested(families, "AF_INET", "IFLA_INET_CONF"):
            assert name == "IPV4_DEVCONF_ACCEPT_LOCAL"
            link = _with(link, accept_local=bool(value))
        for name, value in _nested(families, "AF_INET6"):
            assert name == "IFLA_INET6_ADDR_GEN_MODE"
            link = _with(link, link_local=value != IN6_ADDR_GEN_MODE_NONE)
        return link

    def _reconfigured(self, link: Link, info: Nested) -> Link:
        for name, value in _nested(info, "IFLA_INFO_DATA"):
            if _get(info, "IFLA_INFO_KIND") != link.attributes.kind:
                raise RefusedError("Operation not supported")
            if name == "IFLA_VXLAN_LINK":
                lower = self._existing(value)
                mtu = min(link.attributes.mtu or 0, (lower.attributes.mtu or 0) - 50)
                link = _with(link, lower=lower.name, mtu=mtu)
            elif name == "IFLA_VXLAN_LOCAL":
                link = _with(link, local=IPv4Address(value))
            elif name == "IFLA_VXLAN_LEARNING":
                link = _with(link, learning=bool(value))
            else:
                raise RefusedError("Operation not supported")
        for name, value in _nested(info, "IFLA_INFO_SLAVE_DATA"):
            if link.attributes.hairpin is None:
                raise RefusedError("Operation not supported")
            key = {"IFLA_BRPORT_MODE": "hairpin", "IFLA_BRPORT_LEARNING": "port_learning"}[name]
            link = _with(link, **{key: bool(value)})
        return link

    def _resized(self, link: Link, mtu: int) -> Link:
        lower = self.names().get(link.attributes.lower or "")
        if lower is not None and mtu > (lower.attributes.mtu or 0) - 50:
            raise RefusedError("Invalid argument")
        return _with(link, mtu=mtu)

    def _flags(self, index: int, request: Any) -> None:
        link = self.links[index]
        if request["change"] & IFF_UP:
            link = dataclasses.replace(link, up=bool(request["flags"] & IFF_UP))
        if request["change"] & IFF_NOARP:
            link = _with(link, arp=not request["flags"] & IFF_NOARP)
        self.links[index] = link


def _with(link: Link, **changes: Any) -> Link:
    return dataclasses.replace(link, attributes=dataclasses.replace(link.attributes, **changes))
