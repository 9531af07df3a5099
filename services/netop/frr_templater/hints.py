# SPDX-License-Identifier: Apache-2.0
"""The hints an operator puts into frr.conf: their names, and where each belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from netop.frr_templater.configuration import Path, address_family, bgp_instance


class Value(StrEnum):
    """Hints that stand for one word, anywhere in a line."""

    HOSTNAME = "Hostname"
    UNDERLAY_ROUTER_ID = "UnderlayRouterID"
    HOST_ROUTER_ID = "HostRouterID"


class Section(StrEnum):
    """Hints that stand alone on a line, for a section of ours."""

    VRFS = "VRFs"
    NEIGHBORS = "Neighbors"
    NEIGHBORS_V4 = "NeighborsV4"
    NEIGHBORS_V6 = "NeighborsV6"
    BGP = "BGP"
    PREFIX_LISTS = "PrefixLists"
    ROUTE_MAPS = "RouteMaps"


@dataclass(frozen=True)
class Home:
    """Where a section belongs: `position` tells a person.

    `in_bgp` sections stand in the default VRF's `router bgp`, in `family` where that is
    not empty; the others stand in no block at all.
    """

    position: str
    in_bgp: bool = False
    family: str = ""
    needed: bool = True


HOMES: dict[Section, Home] = {
    Section.VRFS: Home("near the beginning, behind the configuration of other VRFs"),
    Section.NEIGHBORS: Home(
        "inside `router bgp <ASN> vrf default`, in front of its address families", in_bgp=True
    ),
    Section.NEIGHBORS_V4: Home(
        "inside `address-family ipv4 unicast` of `router bgp <ASN> vrf default`",
        in_bgp=True,
        family="ipv4 unicast",
    ),
    Section.NEIGHBORS_V6: Home(
        "inside `address-family ipv6 unicast` of `router bgp <ASN> vrf default`",
        in_bgp=True,
        family="ipv6 unicast",
        needed=False,
    ),
    Section.BGP: Home("behind the last `router bgp` block, outside of any block"),
    Section.PREFIX_LISTS: Home("near the end, outside of any block"),
    Section.ROUTE_MAPS: Home("near the end, outside of any block"),
}

KNOWN = ", ".join([*Section, *Value])

# `#++` is the seed's spelling of a hint in frr.conf, nothing in front that of a template.
HINT = re.compile(r"\{\{-?\s*\.(\w+)\s*-?\}\}")
MARK = "#++"


def written(name: str, *, marked: bool = True) -> str:
    """Return how a person writes the hint."""
    return f"{MARK if marked else ''}{{{{.{name}}}}}"


def at_home(section: Section, path: Path) -> bool:
    """Return whether `path` leads to where the section belongs."""
    home = HOMES[section]
    if not home.in_bgp:
        return not path
    instance = bgp_instance(path[0]) if path else None
    if instance is None or instance.vrf != "default":
        return False
    families = [address_family(first_line) for first_line in path[1:]]
    return families == ([home.family] if home.family else [])
