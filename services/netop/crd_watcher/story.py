# SPDX-License-Identifier: Apache-2.0
"""Sentences about what the daemon did and waits for; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.documents import Desired, DesiredVrf, Source
from netop.common.problem import Problem


@dataclass(frozen=True)
class Situation:
    """What the status line is made of.

    `desired` is what was published last, `resources` the number it was made of.
    `rejected` are resources or files; `troubles` are lasting conditions with the first
    thing an operator should see in front. `due` is the wall-clock time of the next run,
    empty where none is due.
    """

    desired: Desired | None
    resources: int
    rejected: tuple[Problem, ...]
    troubles: tuple[str, ...]
    due: str = ""


def status(situation: Situation) -> str:
    """Return the line for `systemctl status`."""
    sentences = [_published(situation.desired, situation.resources)]
    sentences += situation.troubles
    if situation.rejected:
        sentences.append(f"rejected {len(situation.rejected)}: {situation.rejected[0]}")
    if situation.due:
        sentences.append(f"changes have arrived and are taken up at {situation.due}")
    return "; ".join(sentence for sentence in sentences if sentence)


def _published(desired: Desired | None, resources: int) -> str:
    if desired is None:
        return ""
    made = f"{_count(len(desired.vrfs), 'VRF')} from {_count(resources, 'resource')}"
    # Why it is so is among the troubles.
    kind = ", from the last good set" if desired.source is Source.LAST_GOOD else ""
    return f"{made}, generation {desired.generation}{kind}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def difference(old: Desired | None, new: Desired) -> str:
    """Return what has changed from one generation to the next, by VRF and resource."""
    before = {vrf.name: vrf for vrf in old.vrfs} if old else {}
    after = {vrf.name: vrf for vrf in new.vrfs}
    told = [f"added {_vrf_story(None, after[name])}" for name in after if name not in before]
    told += [
        f"changed {_vrf_story(before[name], after[name])}"
        for name in after
        if name in before and before[name] != after[name]
    ]
    told += [f"removed {name}" for name in before if name not in after]
    if old is not None and old.node != new.node:
        told.append("the node's own settings changed")
    if not told:
        told.append("the VRFs stay the same" if old else "no VRFs")
    return "; ".join(told)


def concerned(old: Desired | None, new: Desired) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the VRFs and of the resources that differ between two generations."""
    before = {vrf.name: vrf for vrf in old.vrfs} if old else {}
    after = {vrf.name: vrf for vrf in new.vrfs}
    vrfs = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    were = {policy for name in vrfs & before.keys() for policy in before[name].policies}
    are = {policy for name in vrfs & after.keys() for policy in after[name].policies}
    return tuple(sorted(vrfs)), tuple(sorted({policy.resource for policy in were ^ are}))


def _vrf_story(old: DesiredVrf | None, new: DesiredVrf) -> str:
    before = {policy.resource: policy for policy in old.policies} if old else {}
    after = {policy.resource: policy for policy in new.policies}
    marks = [f"+{name}" for name in sorted(after.keys() - before.keys())]
    marks += [f"-{name}" for name in sorted(before.keys() - after.keys())]
    marks += [f"~{name}" for name in sorted(after) if before.get(name, after[name]) != after[name]]
    if old is not None and old.vni != new.vni:
        marks.append(f"VNI {old.vni} to {new.vni}")
    return f"{new.name} ({_some(marks)})"


def _some(words: Iterable[str], most: int = 10) -> str:
    listed = list(words)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")
