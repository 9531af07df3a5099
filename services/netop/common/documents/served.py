# SPDX-License-Identifier: Apache-2.0
"""What FRR serves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Self

from netop.common import names
from netop.common.documents.document import Document, parse_generation, parse_problems
from netop.common.edge import Field
from netop.common.problem import Problem


@dataclass(frozen=True)
class ServedVrf:
    """One VRF that the running FRR was verified to serve; `vni` None: route-maps only."""

    name: str
    vni: int | None

    @classmethod
    def parse(cls, field: Field) -> ServedVrf:
        """Return one VRF of `served`; raises FieldError."""
        vni = field["vni"]
        return cls(names.vrf_name(field["name"]), None if vni.absent else names.vni(vni))


class ReloadResult(StrEnum):
    """How the last reload of frr.service ended."""

    NONE = "none"  # nothing had to be reloaded since the daemon started
    VERIFIED = "verified"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"  # and the last good configuration could not be put back either


@dataclass(frozen=True)
class Reload:
    """The last reload: `finished` in ISO 8601, `seconds` for all its passes together."""

    result: ReloadResult
    finished: str
    seconds: float
    passes: int
    diff: str
    errors: tuple[str, ...]

    @classmethod
    def parse(cls, field: Field) -> Reload:
        """Return the reload that `served` tells of; raises FieldError."""
        result = field["result"]
        if result.text() not in set(ReloadResult):
            raise result.fail(f"{result.text()!r} is no result of a reload")
        return cls(
            result=ReloadResult(result.text()),
            finished=field["finished"].text(),
            seconds=field["seconds"].number(0, 1e9),
            passes=field["passes"].integer(0, 1000),
            diff=field["diff"].text(longest=1 << 20),
            errors=tuple(item.text(longest=1 << 16) for item in field["errors"].items()),
        )


@dataclass(frozen=True)
class Served(Document):
    """What the running FRR serves, verified, not believed.

    A VRF leaves `vrfs` only when FRR was seen to run without it. While FRR is dead
    (not `alive`) the list stays as it was: taking links down would not make it better.

    Whoever changes FRR may not live to tell. So it is published before: `trying` names the
    VRFs that FRR may have a part of although that was not verified, and `leaving` those of
    `vrfs` that it may have lost.
    """

    WRITER: ClassVar[str] = "frr-templater"
    FILE: ClassVar[str] = "served.json"
    VERSION: ClassVar[int] = 1

    vrfs: tuple[ServedVrf, ...]
    reload: Reload
    problems: tuple[Problem, ...]
    alive: bool = True
    trying: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def serves(self, name: str, vni: int | None) -> bool:
        """Return whether FRR serves that VRF with that very VNI, and goes on doing so."""
        return ServedVrf(name, vni) in self._staying

    @cached_property
    def _staying(self) -> frozenset[ServedVrf]:
        return frozenset(vrf for vrf in self.vrfs if vrf.name not in self.leaving)

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        return cls(
            generation=parse_generation(field),
            vrfs=tuple(ServedVrf.parse(item) for item in field["vrfs"].items()),
            reload=Reload.parse(field["reload"]),
            problems=parse_problems(field["problems"]),
            alive=field["alive"].absent or field["alive"].flag(),
            trying=_names(field["trying"]),
            leaving=_names(field["leaving"]),
        )


def _names(field: Field) -> tuple[str, ...]:
    """Return names of VRFs; none where an older version has not written any."""
    return () if field.absent else tuple(names.vrf_name(item) for item in field.items())
