# SPDX-License-Identifier: Apache-2.0
"""From resources and settings to VRFs; pure, and the same for any order of the input."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.common.messages import Message
from netop.common.policy import SEQ_HIGHEST
from netop.common.problem import Problem
from netop.common.settings import Settings
from netop.crd_watcher.resource import Resource


@dataclass(frozen=True)
class Merged:
    """`vrfs` in the order of their names; `rejected` in the order of the resources'.

    `resources` are all that were given, in the order of their names; those that stay as they
    last were are so.
    """

    vrfs: tuple[DesiredVrf, ...]
    rejected: tuple[Problem, ...]
    resources: tuple[Resource, ...]


def merge(
    resources: Collection[Resource], settings: Settings, accepted: Iterable[Resource] = ()
) -> Merged:
    """Return the VRFs that `resources` want, and why some of them cannot be had.

    A VRF must be known to config.yaml: `skipVRFConfig` (route-maps and prefix-lists
    only) counts before `vnimap`. Of two resources with the same VRF and `seq`, the older
    keeps its place (`Resource.age_order`). The other stays as it is among `accepted`, those
    of the run before, where that place is free. One rejection changes nothing for the others.
    """
    places: dict[str, dict[int, Resource]] = {}
    rejected: dict[str, Problem] = {}
    clashes: list[tuple[Resource, Resource]] = []
    known = {*dict(settings.vni_map), *settings.skip_vrfs}
    for resource in sorted(resources, key=lambda each: each.age_order):
        if resource.vrf not in known:
            rejected[resource.name] = _unknown(resource, settings)
            continue
        policies = places.setdefault(resource.vrf, {})
        holder = policies.setdefault(resource.seq, resource)
        if holder is not resource:
            clashes.append((resource, holder))
    kept: dict[str, Resource] = {}
    before = {each.name: each for each in accepted if each.vrf in known}
    # What is wanted comes first, so that nothing which stays stands in its way.
    for resource, holder in clashes:
        old = before.get(resource.name)
        if old is not None and places.setdefault(old.vrf, {}).setdefault(old.seq, old) is old:
            kept[resource.name] = old
        rejected[resource.name] = _conflict(resource, holder, stays=resource.name in kept)
    return Merged(
        tuple(_vrf(name, places[name], settings) for name in sorted(places)),
        tuple(rejected[name] for name in sorted(rejected)),
        tuple(kept.get(each.name, each) for each in sorted(resources, key=lambda each: each.name)),
    )


def _vrf(name: str, policies: dict[int, Resource], settings: Settings) -> DesiredVrf:
    return DesiredVrf(
        name=name,
        vni=None if name in settings.skip_vrfs else settings.vni_of(name),
        policies=tuple(policies[seq].policy for seq in sorted(policies)),
    )


def _unknown(resource: Resource, settings: Settings) -> Problem:
    entry = next((each for each in settings.problems if each.vrf == resource.vrf), None)
    reason = f"the VRF {resource.vrf!r} is in neither vnimap nor skipVRFConfig of config.yaml"
    if entry is not None:
        reason = f"config.yaml has no usable entry for the VRF: {entry.field}: {entry.reason}"
    return Problem(
        resource.subject,
        reason,
        field="spec.vrf",
        value=resource.vrf,
        remedy="add it there, or mend the name",
        vrf=resource.vrf,
        message=Message.RESOURCE_REJECTED,
    )


def _conflict(resource: Resource, holder: Resource, *, stays: bool) -> Problem:
    consequence = "; until then its last accepted version stays in force" if stays else ""
    return Problem(
        resource.subject,
        f"{resource.seq} of VRF {resource.vrf} already belongs to {holder.subject}, "
        f"which is {_why_first(resource, holder)}",
        field="spec.seq",
        value=str(resource.seq),
        remedy=f"choose a free number from 1 to {SEQ_HIGHEST}{consequence}",
        vrf=resource.vrf,
        message=Message.RESOURCE_REJECTED,
    )


def _why_first(resource: Resource, holder: Resource) -> str:
    if holder.created == resource.created:
        return "first by name"
    if not resource.created:
        return "the one with a creationTimestamp"
    return f"older ({holder.created})"
