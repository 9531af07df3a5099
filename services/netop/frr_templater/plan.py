# SPDX-License-Identifier: Apache-2.0
"""The decisions, without any I/O: what to serve, in which steps, and who is to blame."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netop.common.documents import Desired, DesiredVrf, Links, Served, VrfState
from netop.common.masking import masked
from netop.common.messages import Message
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.frr_templater.found import operators
from netop.frr_templater.hints import HOMES, Section, written
from netop.frr_templater.model import has_ipv6, route_maps, vrf_model

# frr-reload.py runs one vtysh for each line that it deletes, some 10 ms natively and ten
# times that on an emulated machine; frr.service allows it two minutes. What is added goes
# in one file: 6,900 lines in 8 s.
DELETED_AT_ONCE = 600
ADDED_AT_ONCE = 20_000
# Lines of one VRF beside its prefix-list rules.
_VRF_LINES = 25

DIFF_LONGEST = 64_000

_READY = frozenset({VrfState.PREPARED, VrfState.UP})


def waiting_for(desired: Desired | None, links: Links | None) -> str:
    """Return whom a new configuration has to wait for; empty where all is there."""
    if desired is None:
        return "waiting for desired.json from netop-crd-watcher"
    if links is None:
        return "waiting for links.json from netop-netlink-reconciler"
    if links.generation < desired.generation:
        return (
            f"waiting for links.json of generation {desired.generation} "
            f"(is {links.generation}) from netop-netlink-reconciler"
        )
    if links.generation > desired.generation:
        return (
            f"waiting for desired.json of generation {links.generation} "
            f"(is {desired.generation}) from netop-crd-watcher"
        )
    return ""


@dataclass(frozen=True)
class Choice:
    """The VRFs to render, and the names of those whose links have to come first."""

    vrfs: tuple[DesiredVrf, ...]
    waiting: tuple[str, ...]


def choose(desired: Desired, links: Links, served: Served | None) -> Choice:
    """Return which VRFs go into frr.conf.

    Those whose links exist with the very VNI that is desired, and those without a VNI. One
    that FRR serves already stays, with the VNI that it has, although its links fail just
    now: taking its routes away would not mend them. It leaves for a moment where its links
    wait for that to be made anew.
    """
    chosen: list[DesiredVrf] = []
    waiting: list[str] = []
    known = {vrf.name: vrf for vrf in links.vrfs}
    kept = {} if served is None else {vrf.name: vrf.vni for vrf in served.vrfs}
    for vrf in desired.vrfs:
        link = known.get(vrf.name)
        if vrf.vni is None or (link and link.state in _READY and link.vni == vrf.vni):
            chosen.append(vrf)
        elif kept.get(vrf.name) is not None and not (link and link.state == VrfState.RENEWING):
            chosen.append(dataclasses.replace(vrf, vni=kept[vrf.name]))
        else:
            waiting.append(vrf.name)
    return Choice(tuple(sorted(chosen, key=lambda vrf: vrf.name)), tuple(waiting))


def ipv6_problems(vrfs: Iterable[DesiredVrf], origin: str) -> tuple[Problem, ...]:
    """Return a problem for each VRF whose IPv6 rules the template has no place for."""
    section = Section.NEIGHBORS_V6
    return tuple(
        Problem(
            f"VRF {vrf.name}",
            f"its IPv6 rules have no effect: the hint {written(section)} is missing in {origin}",
            remedy=f"it belongs {HOMES[section].position}; IPv4 is served meanwhile",
            vrf=vrf.name,
            message=Message.TEMPLATE_LACKS_IPV6,
        )
        for vrf in vrfs
        if vrf.vni is not None and has_ipv6(vrf)
    )


@dataclass(frozen=True)
class Expected:
    """What FRR must have beside the absence of differences.

    `bindings` are the VNI of each kernel VRF, `unbound` kernel VRFs that must have none.
    From those that are `gone`, sessions have to leave before the reload.
    """

    bindings: dict[str, int]
    gone: frozenset[str]
    maps: frozenset[str]
    unbound: frozenset[str] = frozenset()


def expected(
    vrfs: Iterable[DesiredVrf], before: Iterable[str], *, ipv6: bool, text: str = ""
) -> Expected:
    """Return what FRR must have when it serves `vrfs` as `text` says.

    `before` names what it had. What the operator himself has in a kernel VRF of such a
    name stays: that of a VRF of `skipVRFConfig` may be called as netop would call it.
    """
    now = tuple(vrfs)
    bindings = {LinkNames.of(vrf.name).vrf: vrf.vni for vrf in now if vrf.vni is not None}
    left = frozenset(LinkNames.of(name).vrf for name in before) - bindings.keys()
    his = operators(text, left)
    return Expected(
        bindings=bindings,
        gone=left - his.instances,
        maps=route_maps(vrf_model(vrf, ipv6=ipv6) for vrf in now),
        unbound=left - his.numbered,
    )


def missing(
    wanted: Expected, bindings: dict[str, int], maps: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Return what FRR lacks, or has too much, as pairs of a VRF's name and a sentence."""
    found: list[tuple[str, str]] = []
    for link, vni in wanted.bindings.items():
        has = bindings.get(link, 0)
        if has != vni:
            found.append((link[3:], f"VNI {vni} is not bound to {link} (FRR says {has})"))
    found += [
        (link[3:], f"{link} still has VNI {bindings[link]}")
        for link in sorted(wanted.unbound)
        if bindings.get(link, 0)
    ]
    for name in sorted(wanted.maps - maps):
        owner = name.removeprefix("rm_").removesuffix("_v6").rpartition("_")[0]
        found.append((owner, f"bgpd has no route-map {name}"))
    return tuple(found)


def batches(
    before: Sequence[DesiredVrf],
    after: Sequence[DesiredVrf],
    *,
    new_template: bool = False,
    alone: Mapping[str, int] | None = None,
) -> tuple[tuple[DesiredVrf, ...], ...]:
    """Return the sets of VRFs to go through, the last being `after`.

    With a new template the first step changes no VRF, so that it is plain which of the two
    FRR refuses. (frr-reload.py 10.3 also ends with an error when a neighbor goes and a
    `router bgp` comes that stands in front of the others.) Each step deletes and adds no
    more lines than one reload has the time for; one resource alone is never split. What is
    to be changed `alone` comes last, that with the higher number later.
    """
    last = alone or {}
    now = {vrf.name: vrf for vrf in before}
    goal = {vrf.name: vrf for vrf in after}
    steps = [tuple(before)] if new_template and tuple(before) != tuple(after) else []
    deleted = added = 0
    for name in sorted(now.keys() | goal.keys(), key=lambda name: (last.get(name, 0), name)):
        for number, version in enumerate(_versions(now.get(name), goal.get(name))):
            less, more = _change(now.get(name), version)
            begins = number == 0 and name in last
            full = begins or deleted + less > DELETED_AT_ONCE or added + more > ADDED_AT_ONCE
            if full and (deleted or added):
                steps.append(tuple(now[key] for key in sorted(now)))
                deleted = added = 0
            deleted, added = deleted + less, added + more
            now.pop(name, None)
            if version is not None:
                now[name] = version
    return (*steps, tuple(after))


def _versions(before: DesiredVrf | None, after: DesiredVrf | None) -> tuple[DesiredVrf | None, ...]:
    """Return what a VRF goes through: one resource after the other where it is large."""
    less, more = _change(before, after)
    if before is None or (less <= DELETED_AT_ONCE and more <= ADDED_AT_ONCE):
        return (after,)
    new = {policy.seq: policy for policy in after.policies} if after is not None else {}
    current = {policy.seq: policy for policy in before.policies}
    versions: list[DesiredVrf | None] = []
    for seq in sorted(current.keys() | new.keys()):
        if current.get(seq) == new.get(seq):
            continue
        current.pop(seq, None)
        if seq in new:
            current[seq] = new[seq]
        policies = tuple(current[key] for key in sorted(current))
        versions.append(dataclasses.replace(before, policies=policies))
    return (*versions[:-1], after)


def _change(before: DesiredVrf | None, after: DesiredVrf | None) -> tuple[int, int]:
    """Return how many lines a VRF loses and gains, about."""
    if before == after:
        return 0, 0
    old, new = _rules(before), _rules(after)
    base_old, base_new = (_VRF_LINES if vrf is not None else 0 for vrf in (before, after))
    if before is not None and after is not None:
        base_old = base_new = 0 if before.vni == after.vni else _VRF_LINES
    return len(old - new) + base_old, len(new - old) + base_new


def _rules(vrf: DesiredVrf | None) -> set[object]:
    if vrf is None:
        return set()
    return {
        (policy.seq, direction, rule)
        for policy in vrf.policies
        for direction, rules in (("import", policy.imports), ("export", policy.exports))
        for rule in rules
    }


def changed_names(
    before: Iterable[DesiredVrf], after: Iterable[DesiredVrf]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of VRFs that are new or changed, and of those that go."""
    old = {vrf.name: vrf for vrf in before}
    new = {vrf.name: vrf for vrf in after}
    changed = frozenset(name for name, vrf in new.items() if old.get(name) != vrf)
    return changed, frozenset(old.keys() - new.keys())


@dataclass(frozen=True)
class FileDiff:
    """A unified diff of bounded size, without secrets, and how many lines really come and go."""

    text: str
    more: int = 0
    less: int = 0


def file_diff(before: str, after: str) -> FileDiff:
    """Return the difference of two files."""
    old, new = before.splitlines(), after.splitlines()
    lines = list(difflib.unified_diff(old, new, "frr.conf", "frr.conf", lineterm="", n=2))
    text = masked("\n".join(lines))
    if len(text) > DIFF_LONGEST:
        text = text[:DIFF_LONGEST].rpartition("\n")[0] + "\n... and more"
    begins = [line[:1] for line in lines[2:]]
    return FileDiff(text, begins.count("+"), begins.count("-"))
