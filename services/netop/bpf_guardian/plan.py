# SPDX-License-Identifier: Apache-2.0
"""What is to be done, from what is wanted and what there is. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from netop.bpf_guardian.filters import Place
from netop.bpf_guardian.links import KernelLink, LinkTable, router_of
from netop.bpf_guardian.program import RoutedBy
from netop.common.documents import Links
from netop.common.names import LinkNames


class Cause(StrEnum):
    """Why a program is put on an interface; the text follows "because"."""

    NEW = "the interface is new to it"
    CHANGED = "the program has changed"
    GONE = "the filter was gone"
    REPLACED = "another filter stood in its place"

    @property
    def repair(self) -> bool:
        """True where somebody else undid what was done."""
        return self in {Cause.GONE, Cause.REPLACED}

    @property
    def label(self) -> str:
        """The name as metrics show it."""
        return self.name.lower()


@dataclass(frozen=True)
class Attach:
    """Put the program on `link`."""

    link: KernelLink
    cause: Cause


@dataclass(frozen=True)
class Observed:
    """What there is.

    `places` says what stands at our place of each looked-at interface, `held` which
    program this daemon last put there, both by ifindex. `ports` is the map of the program.
    """

    links: LinkTable
    places: Mapping[int, Place]
    ports: Mapping[int, RoutedBy]
    held: Mapping[int, int]


@dataclass(frozen=True)
class Plan:
    """The steps, in the order in which they are safe: ports first, then filters."""

    set_ports: tuple[tuple[int, RoutedBy], ...] = ()
    attach: tuple[Attach, ...] = ()
    detach: tuple[KernelLink, ...] = ()
    clear_ports: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()


def wanted_names(links: Links | None, configured: Iterable[str]) -> tuple[str, ...]:
    """Return the interfaces that shall have the program, in a lasting order.

    Those of each VRF that receive its packets: the VXLAN port, the bridge, and the end
    of the veth pair that is in the VRF.
    """
    names: dict[str, None] = dict.fromkeys(configured)
    for vrf in links.vrfs if links is not None else ():
        own = LinkNames.of(vrf.name)
        names |= dict.fromkeys((own.vxlan, own.bridge, own.veth_vrf))
    return tuple(names)


def plan(
    wanted: Iterable[str],
    observed: Observed,
    program: int,
    looked_at: Iterable[int],
    *,
    detach: bool,
) -> Plan:
    """Return the steps towards `program` (its id) on each wanted interface that exists.

    `looked_at` are the interfaces whose place was observed; the others are believed to be
    as they were. With `detach` our filters leave interfaces that are not wanted.
    """
    wanted = tuple(wanted)
    by_name = {link.name: link for link in observed.links.values()}
    present = [by_name[name] for name in wanted if name in by_name]
    ports = _ports(present, observed.links)
    seen = frozenset(looked_at)
    kept = frozenset(link.index for link in present)
    return Plan(
        set_ports=tuple(
            (index, by) for index, by in sorted(ports.items()) if observed.ports.get(index) != by
        ),
        attach=tuple(
            Attach(link, cause)
            for link in present
            if link.index in seen and (cause := _cause(link.index, observed, program)) is not None
        ),
        detach=tuple(
            link
            for index in sorted(seen - kept if detach else ())
            if (link := observed.links.get(index)) is not None and _is_ours(index, observed)
        ),
        clear_ports=tuple(sorted(observed.ports.keys() - ports.keys())),
        waiting=tuple(name for name in wanted if name not in by_name),
    )


def _ports(present: Iterable[KernelLink], links: LinkTable) -> dict[int, RoutedBy]:
    routers = ((link.index, router_of(link, links)) for link in present)
    return {
        index: RoutedBy(router.index, router.mac) for index, router in routers if router is not None
    }


def _cause(index: int, observed: Observed, program: int) -> Cause | None:
    place = observed.places.get(index)
    held = observed.held.get(index)
    if place is not None and place.program == program:
        return None
    if place is not None and place.program == held:
        return Cause.CHANGED
    if held is not None:
        return Cause.GONE if place is None else Cause.REPLACED
    if place is None:
        return Cause.NEW
    # After a restart without stored descriptors, an earlier program of ours is still there.
    return Cause.CHANGED if place.ours else Cause.REPLACED


def _is_ours(index: int, observed: Observed) -> bool:
    place = observed.places.get(index)
    return place is not None and place.ours
