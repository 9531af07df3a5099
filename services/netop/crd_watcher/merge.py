# SPDX-License-Identifier: Apache-2.0
"""From resources and settings to VRFs; pure, and the same for any order of the input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.common.messages import Message
from netop.common.policy import SEQ_HIGHEST
from netop.common.problem import Problem
from netop.common.settings import Settings
from netop.crd_watcher.resource import Resource


@dataclass(frozen=True)
class Merged:
    """`vrfs` in the order of their names; `rejected` in the order of the resources'."""

    vrfs: tuple[DesiredVrf, ...]
    rejected: tuple[Problem, ...]


def merge(resources: Iterable[Resource], settings: Settings) -> Merged:
    """Return the VRFs that `resources` want, and why some of them cannot be had.

    A VRF must be known to config.yaml: `skipVRFConfig` (route-maps and prefix-lists
    only) counts before `vnimap`. Of two resources with the same VRF and `seq`, the older
    keeps its place (`Resource.age_order`). One rejection changes nothing for the others.
    """
    places: dict[str, dict[int, Resource]] = {}
    rejected: dict[str, Problem] = {}
    vnis = dict(settings.vni_map)
    for resource in sorted(resources, key=lambda each: each.age_order):
        if resource.vrf not in vnis and resource.vrf not in settings.skip_vrfs:
            rejected[resource.name] = _unknown(resource, settings)
            continue
        policies = places.setdefault(resource.vrf, {})
        holder = policies.setdefault(resource.seq, resource)
        if holder is not resource:
            rejected[resource.name] = _conflict(resource, holder)
    vrfs = (
        DesiredVrf(
            name=name,
            vni=None if name in settings.skip_vrfs else vnis[name],
            policies=tuple(places[name][seq].policy for seq in sorted(places[name])),
        )
        for name in sorted(places)
    )
    return Merged(tuple(vrfs), tuple(rejected[name] for name in sorted(rejected)))


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


def _conflict(resource: Resource, holder: Resource) -> Problem:
    return Problem(
        resource.subject,
        f"{resource.seq} of VRF {resource.vrf} already belongs to {holder.subject}, "
        f"which is {_why_first(resource, holder)}",
        field="spec.seq",
        value=str(resource.seq),
        remedy=f"choose a free number from 1 to {SEQ_HIGHEST}",
        vrf=resource.vrf,
        message=Message.RESOURCE_REJECTED,
    )


def _why_first(resource: Resource, holder: Resource) -> str:
    if holder.created == resource.created:
        return "first by name"
    if not resource.created:
        return "the one with a creationTimestamp"
    return f"older ({holder.created})"
