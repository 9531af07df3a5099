# SPDX-License-Identifier: Apache-2.0
"""A link and its attributes, as the kernel has it or as it shall be."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter

from netop.common.edge import Field, FieldError
from netop.common.names import LinkNames, vrf_name

# RFC 7348, section 5.
VXLAN_PORT = 4789
# IPv4, UDP, VXLAN and inner Ethernet headers: what a frame grows by in the tunnel.
VXLAN_OVERHEAD = 50
# The kernel takes a group, but no alias, in the message that makes a link. So the group
# marks a link from its first moment, and the alias is what people see.
GROUP = 7237488
# Links that will go in one request are gathered in this group before.
DOOMED = GROUP + 1
_GROUPS = frozenset({GROUP, DOOMED})

_ALIAS = re.compile(r"netop vrf (\S+)")
_PREFIXES = ("vr.", "br.", "vd.", "dv.", "vx.")

Value = int | str | IPv4Address | IPv6Address | None


class Kind(StrEnum):
    """The kinds of links that netop makes; others are only seen."""

    VRF = "vrf"
    BRIDGE = "bridge"
    VETH = "veth"
    VXLAN = "vxlan"


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What a link is like. None: it has no such attribute, or nobody cares.

    `mtu` is in bytes, `mac` is lower-case text, `group` as in IFLA_GROUP. Other links are
    named: `master` (empty: none), `peer` (the other end of a veth; empty: out of sight),
    `lower` (what carries a VXLAN; empty: none). `port_learning` and `hairpin` belong to a
    bridge port, `learning` to the VXLAN itself. `link_local` says whether the link gives
    itself an IPv6 link-local address, `accept_local` whether it takes IPv4 packets whose
    source is an address of this host.

    The order is that of change: `lower` bounds `mtu`, and a port needs its `master`.
    """

    kind: str
    table: int | None = None
    peer: str | None = None
    vni: int | None = None
    port: int | None = None
    group: int | None = None
    alias: str | None = None
    lower: str | None = None
    local: IPv4Address | IPv6Address | None = None
    learning: bool | None = None
    mtu: int | None = None
    mac: str | None = None
    arp: bool | None = None
    master: str | None = None
    port_learning: bool | None = None
    hairpin: bool | None = None
    link_local: bool | None = None
    accept_local: bool | None = None

    def differences(self, wanted: Attributes) -> tuple[Difference, ...]:
        """Return where this link is not what `wanted` cares about, in order of change."""
        compared = zip(_NAMES, _VALUES(self), _VALUES(wanted), strict=True)
        return tuple(
            Difference(name, old, new)
            for name, old, new in compared
            if new is not None and old != new
        )

    def fixed_differences(self, wanted: Attributes) -> tuple[Difference, ...]:
        """Return the differences that need re-creation."""
        if _FIXED_VALUES(self) == _FIXED_VALUES(wanted):
            return ()
        return tuple(each for each in self.differences(wanted) if each.needs_re_creation)


# Everything else can be changed while the link lives: the kernel answers "Cannot change
# VNI" and "Cannot change port", and has no way at all to change the rest.
_FIXED_AT_CREATION = frozenset({"kind", "table", "peer", "vni", "port"})

# Five links of each VRF are compared in each look.
_NAMES = tuple(field.name for field in dataclasses.fields(Attributes))
_VALUES: Callable[[Attributes], tuple[Value, ...]] = attrgetter(*_NAMES)
_FIXED_VALUES: Callable[[Attributes], tuple[Value, ...]] = attrgetter(*sorted(_FIXED_AT_CREATION))

_SPOKEN = {
    "vni": "id",
    "link_local": "IPv6 link-local",
    "accept_local": "own source addresses",
    "port_learning": "learning as a port",
}


@dataclass(frozen=True)
class Difference:
    """One attribute that is `old` and shall be `new`."""

    attribute: str
    old: Value
    new: Value

    @property
    def needs_re_creation(self) -> bool:
        """True where the kernel cannot change it on a link that exists."""
        return self.attribute in _FIXED_AT_CREATION

    def __str__(self) -> str:
        spoken = _SPOKEN.get(self.attribute, self.attribute)
        return f"{spoken} {_spoken(self.old)} → {_spoken(self.new)}"


def _spoken(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if value not in {None, ""} else "none"


@dataclass(frozen=True)
class Link:
    """A link in the kernel.

    It is `running` once the kernel's protocols were told that it can carry packets; then it
    has what addresses they give it. Up alone it may wait for that, or for its other end.
    """

    index: int
    name: str
    up: bool
    attributes: Attributes
    running: bool = False

    @cached_property
    def vrf(self) -> str | None:
        """The VRF whose links have such a name, or None. It says nothing about ownership."""
        return vrf_of(self.name)

    @cached_property
    def own(self) -> bool:
        """True where netop made this link, by one of its two marks.

        Two, because a crash or an administrator may have removed one; the other lets it
        be put back.
        """
        vrf = self.vrf
        if vrf is None:
            return False
        return self.attributes.group in _GROUPS or self.attributes.alias == alias(vrf)

    @property
    def stray(self) -> str | None:
        """The VRF for which netop made this link before somebody renamed it, or None."""
        found = _ALIAS.fullmatch(self.attributes.alias or "")
        if self.vrf is not None or found is None or self.attributes.group not in _GROUPS:
            return None
        return found[1]


def alias(vrf: str) -> str:
    """Return the mark on each link of the VRF."""
    return f"netop vrf {vrf}"


def vrf_of(name: str) -> str | None:
    """Return the VRF to which a link of that name would belong, or None."""
    if not name.startswith(_PREFIXES):
        return None
    try:
        return vrf_name(Field(name[3:]))
    except FieldError:
        return None


def names_of(vrf: str) -> LinkNames:
    """Return the names of the VRF's links."""
    return LinkNames.of(vrf)
