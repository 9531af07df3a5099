# SPDX-License-Identifier: Apache-2.0
"""From (Desired, Served, Actual) to ordered steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address

from netop.common.documents import Desired, Served
from netop.common.problem import Problem
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.backstop import backstops_of
from netop.netlink_reconciler.claim import Claims, claims, doomed
from netop.netlink_reconciler.goal import Goal, goals, peered_vrfs
from netop.netlink_reconciler.identity import identities_of
from netop.netlink_reconciler.link import Difference, Kind, Link, names_of
from netop.netlink_reconciler.linklocal import is_link_local, link_local_of
from netop.netlink_reconciler.refusal import Refusal
from netop.netlink_reconciler.spare import Spare, without
from netop.netlink_reconciler.step import Address, Change, Create, Delete, Route, Step, Switch
from netop.netlink_reconciler.wanted import WantedLink, at_creation

# netop chooses the ifindexes of its links, so that one batch can make a bridge and put a
# port into it. The kernel's own choice counts up from 1 and is not moved by ours.
INDEX_FIRST = 1_000_000


@dataclass(frozen=True)
class Plan:
    """The steps that are possible now, in order; more may follow once they are done.

    `goals` name every VRF of concern; `refused` say why nothing is done about one, and
    `asking` what waits until FRR has let go of one. `warnings` refuse nothing.
    """

    steps: tuple[Step, ...]
    goals: Mapping[str, Goal]
    refused: Mapping[str, Refusal]
    asking: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    @cached_property
    def by_vrf(self) -> Mapping[str, tuple[Step, ...]]:
        """The steps for each VRF that has some."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.vrf, []).append(step)
        return {vrf: tuple(steps) for vrf, steps in found.items()}

    def steps_of(self, vrf: str) -> tuple[Step, ...]:
        """Return the steps for one VRF."""
        return self.by_vrf.get(vrf, ())


def make_plan(
    desired: Desired,
    served: Served | None,
    actual: Actual,
    *,
    held: Mapping[str, Refusal] | None = None,
    lacking: Mapping[Spare, Refusal] | None = None,
    frr_gone: bool = False,
    index_first: int = INDEX_FIRST,
) -> Plan:
    """Return what to do next.

    `held` are VRFs to leave alone for the moment, with the reason, and `lacking` the parts
    of others to go without. With `frr_gone` nobody
    is asked before a link goes. New links get ifindexes from `index_first` on. Links go up
    in a plan of their own, after everything else about their VRF was seen to be right.
    """
    aims = goals(desired, served, actual)
    peered = frozenset[str]() if frr_gone else peered_vrfs(served, actual)
    claimed = claims(desired, aims, actual, held or {}, peered)
    deletions = doomed(claimed, aims, actual)
    left = actual.without(deletions)
    numbers = _Numbers.of_links(actual, left, index_first)
    downs: list[Step] = []
    structure: list[Step] = []
    ups: list[Step] = []
    warnings = list(claimed.warnings)
    for vrf, wanted in sorted(claimed.wanted.items()):
        whole: tuple[Step, ...] = (
            *_structure(vrf, wanted, left, numbers),
            *_missing_routes(vrf, wanted, left),
            *_addresses(vrf, wanted, left, numbers),
        )
        made, lacks = without(whole, lacking or {})
        warnings += lacks
        structure += made
        if aims[vrf] == Goal.PREPARED:
            downs += _switches(vrf, reversed(wanted), left, up=False)
        elif not made and not any(link.name in deletions for link in wanted):
            ups += _switches(vrf, wanted, left, up=True)
            ups += _lost_link_locals(vrf, wanted, left)
    removals: tuple[Step, ...] = (
        *_deletes(deletions, actual),
        *_stale_routes(claimed, actual, left),
    )
    steps = (*downs, *removals, *structure, *ups)
    return Plan(steps, aims, claimed.refused, claimed.asking, tuple(warnings))


@dataclass
class _Numbers:
    """The ifindexes of links by name: those that are left, and those that this plan makes."""

    left: Actual
    taken: frozenset[int]
    following: int
    made: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_links(cls, actual: Actual, left: Actual, index_first: int) -> _Numbers:
        # Behind our highest: who follows links by index shall not take a new one for an old.
        highest = max((link.index for link in actual.own), default=0)
        taken = frozenset(link.index for link in actual.links)
        return cls(left, taken, max(index_first, highest + 1))

    def of(self, name: str) -> int:
        """Return the ifindex of a link; 0 where there is none of that name."""
        link = self.left.by_name.get(name)
        return self.made.get(name, 0) if link is None else link.index

    def new(self, name: str) -> int:
        """Return a free ifindex for a link that will be made."""
        while self.following in self.taken:
            self.following += 1
        self.made[name] = self.following
        self.following += 1
        return self.made[name]


def _switches(
    vrf: str, wanted: Iterable[WantedLink], actual: Actual, *, up: bool
) -> Iterator[Switch]:
    for name in (link.name for link in wanted):
        link = actual.by_name.get(name)
        if link is not None and link.up != up:
            yield Switch(vrf, name, link.index, up)


def _deletes(deletions: Mapping[str, str], actual: Actual) -> Iterator[Delete]:
    """Yield the deletions in an order that FRR follows best: VXLAN, bridge, veth, VRF.

    All of one kind stand together, so that they can go together.
    """
    gone: set[str] = set()
    for name in sorted(deletions, key=_removal_order):
        link = actual.by_name[name]
        if link.attributes.peer not in gone:
            yield Delete(link.vrf or link.stray or "", name, link.index, deletions[name])
        gone.add(name)


def _removal_order(name: str) -> tuple[int, str]:
    prefixes = ("vx.", "br.", "vd.", "dv.", "vr.")
    return prefixes.index(name[:3]) if name[:3] in prefixes else -1, name


def _missing_routes(vrf: str, wanted: tuple[WantedLink, ...], left: Actual) -> Iterator[Route]:
    vrf_link = wanted[0]
    for backstop in backstops_of(vrf_link.attributes.table or 0):
        if backstop not in left.backstops:
            yield Route(vrf, backstop, present=True, told=vrf_link.name in left.by_name)


def _addresses(
    vrf: str, wanted: tuple[WantedLink, ...], left: Actual, numbers: _Numbers
) -> Iterator[Address]:
    """Yield what makes the VRF's own addresses those of today's underlay."""
    name = wanted[0].name
    index = numbers.of(name)
    underlay = next(filter(None, (link.attributes.local for link in wanted)))
    assert isinstance(underlay, IPv4Address)
    right = identities_of(name, underlay)
    # What the kernel had on a link that is made anew went with the old one.
    there = left.identities_of(name) if name in left.by_name else ()
    for identity in there:
        if identity.marked and identity not in right:
            yield Address(vrf, identity, index, present=False)
    for identity in right:
        if identity not in there:
            yield Address(vrf, identity, index, present=True, told=name in left.by_name)


def _lost_link_locals(vrf: str, wanted: Iterable[WantedLink], left: Actual) -> Iterator[Address]:
    """Yield the link-local addresses that the kernel gave, and that are gone.

    Only where a link has none at all: one that has some other may have a session over it.
    """
    for link in (left.by_name[each.name] for each in wanted if each.attributes.link_local):
        there = map(is_link_local, left.identities_of(link.name))
        if link.running and not any(there):
            yield Address(vrf, link_local_of(link), link.index, present=True)


def _stale_routes(claimed: Claims, actual: Actual, left: Actual) -> Iterator[Route]:
    """Yield the removal of routes in tables that no VRF has any more.

    One that lost our marks, or our name, may still be a tenant's and run.
    """
    wanted = {link.attributes.table for links in claimed.wanted.values() for link in links}
    kept = wanted | {link.attributes.table for link in left.links}
    owners = {link.attributes.table: link.vrf for link in actual.own}
    for backstop in sorted(actual.backstops):
        vrf = owners.get(backstop.table) or ""
        left_alone = vrf in claimed.refused or vrf in claimed.asking
        if backstop.table not in kept and not left_alone:
            yield Route(vrf, backstop, present=False, told=False)


def _structure(
    vrf: str, wanted: tuple[WantedLink, ...], left: Actual, numbers: _Numbers
) -> Iterator[Create | Change]:
    pair = names_of(vrf)
    peer = next(link for link in wanted if link.name == pair.veth_default)
    for link in wanted:
        existing = left.by_name.get(link.name)
        if existing is not None:
            yield from _changes(vrf, link, existing, numbers)
        elif link.name == pair.veth_vrf:
            yield from _create_pair(vrf, link, peer, numbers)
        elif link.name != pair.veth_default:
            yield _create(vrf, link, numbers)
            yield from _completion(vrf, link, numbers)


def _create(vrf: str, link: WantedLink, numbers: _Numbers) -> Create:
    attributes = link.attributes
    return Create(
        vrf,
        link,
        numbers.new(link.name),
        master=numbers.of(attributes.master or ""),
        lower=numbers.of(attributes.lower or ""),
    )


def _create_pair(
    vrf: str, link: WantedLink, peer: WantedLink, numbers: _Numbers
) -> Iterator[Create | Change]:
    yield Create(
        vrf,
        link,
        numbers.new(link.name),
        master=numbers.of(link.attributes.master or ""),
        peer=peer,
        peer_index=numbers.new(peer.name),
    )
    yield from _completion(vrf, link, numbers)
    yield from _completion(vrf, peer, numbers)


def _completion(vrf: str, link: WantedLink, numbers: _Numbers) -> Iterator[Change]:
    """Yield the changes that the message which makes a link cannot carry."""
    for difference in at_creation(link).differences(link.attributes):
        yield _change(vrf, link, difference, numbers, told=False)


def _changes(vrf: str, link: WantedLink, existing: Link, numbers: _Numbers) -> Iterator[Change]:
    for difference in existing.attributes.differences(link.attributes):
        yield _change(vrf, link, difference, numbers, told=True)


def _change(
    vrf: str, link: WantedLink, difference: Difference, numbers: _Numbers, *, told: bool
) -> Change:
    names_a_link = difference.attribute in {"master", "lower"}
    reference = numbers.of(str(difference.new)) if names_a_link else 0
    kind = Kind(link.attributes.kind)
    return Change(vrf, link.name, numbers.of(link.name), kind, difference, reference, told)
