# SPDX-License-Identifier: Apache-2.0
"""What the cluster, or the manifests, want of this node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Self

from netop.common import names
from netop.common.documents.document import Document, parse_generation, parse_problems
from netop.common.edge import Field
from netop.common.policy import ResourcePolicy
from netop.common.problem import Problem
from netop.common.settings import NodeSettings


class Source(StrEnum):
    """Where the resources came from."""

    KUBERNETES = "kubernetes"
    MANIFESTS = "manifests"
    LAST_GOOD = "last-good"


@dataclass(frozen=True)
class DesiredVrf:
    """One VRF that at least one resource wants.

    `vni` None marks a VRF of `skipVRFConfig`: route-maps and prefix-lists only.
    `policies` stand in the order of their `seq`.
    """

    name: str
    vni: int | None
    policies: tuple[ResourcePolicy, ...]

    @classmethod
    def parse(cls, field: Field) -> DesiredVrf:
        """Return one VRF of `desired`; raises FieldError."""
        vni = field["vni"]
        return cls(
            name=names.vrf_name(field["name"]),
            vni=None if vni.absent else names.vni(vni),
            policies=tuple(ResourcePolicy.parse(item) for item in field["policies"].items()),
        )


@dataclass(frozen=True)
class Desired(Document):
    """The merged, validated intent. `vrfs` stand in the order of their names.

    `note` is empty, or says why `source` is not what it should be (API server away).
    """

    WRITER: ClassVar[str] = "crd-watcher"
    FILE: ClassVar[str] = "desired.json"
    VERSION: ClassVar[int] = 1

    source: Source
    note: str
    node: NodeSettings
    vrfs: tuple[DesiredVrf, ...]
    rejected: tuple[Problem, ...]

    def vrf(self, name: str) -> DesiredVrf | None:
        """Return the VRF of that name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, DesiredVrf]:
        return {vrf.name: vrf for vrf in self.vrfs}

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        source = field["source"]
        if source.text() not in set(Source):
            raise source.fail(f"{source.text()!r} is no source of resources")
        return cls(
            generation=parse_generation(field),
            source=Source(source.text()),
            note=field["note"].text(),
            node=NodeSettings.parse(field["node"]),
            vrfs=tuple(DesiredVrf.parse(item) for item in field["vrfs"].items()),
            rejected=parse_problems(field["rejected"]),
        )
