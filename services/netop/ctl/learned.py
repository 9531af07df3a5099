# SPDX-License-Identifier: Apache-2.0
"""Which routes of one VRF pass its route-maps, and which line each met, as FRR tells.

FRR has no answer for all of it, and for a session that does not have a family its answer
is no JSON; so each thing is asked by itself, some 25 ms each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from netop.common.edge import Field, FieldError
from netop.ctl.vtysh import Ask
from netop.frr_templater.model import Vrf

T = TypeVar("T")

_MOST = (1 << 63) - 1

#: A line of a prefix-list: the command that makes it, "ip" or "ipv6", its list and its seq.
Line = tuple[str, str, int]


@dataclass(frozen=True)
class Passing:
    """Prefixes of one address family that pass; None where FRR does not tell.

    `known` is how many the VRF has, by import or learned from the fabric.
    """

    family: str
    known: int | None
    imports: tuple[str, ...] | None
    exports: tuple[str, ...] | None


@dataclass(frozen=True)
class Learned:
    """`hits` says how often a route ended at a line, each time that FRR looked; a line that
    is not there FRR does not have.
    """

    hits: Mapping[Line, int] = field(default_factory=dict)
    passing: tuple[Passing, ...] = ()


def learned(vrf: Vrf, ask: Ask) -> Learned:
    """Return what FRR tells of a VRF; raises VtyshError where it cannot be asked."""
    commands = {
        entry.match.command
        for family in vrf.families
        for route_map in family.maps
        for entry in route_map.entries
    }
    hits: dict[Line, int] = {}
    for command in sorted(commands):
        hits |= _hits(command, ask(f"show {command} prefix-list detail json"))
    if vrf.vni is None:
        return Learned(hits)
    return Learned(hits, tuple(_passing(vrf, family.name, ask) for family in vrf.families))


def _hits(command: str, text: str) -> dict[Line, int]:
    def read(answer: Field) -> dict[Line, int]:
        # Each daemon counts for itself; it is bgpd that applies our route-maps.
        lists = answer["bgpd"]
        return {
            (command, name, entry["sequenceNumber"].integer(0, _MOST)):
                entry["hitCount"].integer(0, _MOST)
            for name in lists.keys()  # noqa: SIM118  # a Field is no dictionary
            for entry in lists[name]["entries"].items()
        }  # fmt: skip

    return _read(text, read) or {}


def _passing(vrf: Vrf, family: str, ask: Ask) -> Passing:
    neighbor = f"show bgp vrf default {family} unicast neighbors {vrf.links.veth_default}"
    statistics = ask(f"show bgp vrf {vrf.links.vrf} {family} unicast statistics json")
    return Passing(
        family=family,
        known=_read(statistics, lambda answer: _count(answer, family)),
        imports=_read(ask(f"{neighbor} routes json"), lambda answer: answer["routes"].keys()),
        exports=_read(
            ask(f"{neighbor} advertised-routes json"),
            lambda answer: answer["advertisedRoutes"].keys(),
        ),
    )


def _count(answer: Field, family: str) -> int | None:
    counts = [
        each["totalPrefixes"].integer(0, _MOST) for each in answer[f"{family}Unicast"].items()
    ]
    return sum(counts) if counts else None


def _read(text: str, read: Callable[[Field], T]) -> T | None:
    try:
        return read(Field(json.loads(text)))
    except (ValueError, FieldError):
        return None
