# SPDX-License-Identifier: Apache-2.0
"""The status of this node's VRFNodeState, from its dataclasses to the JSON of the API and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from netop.common.edge import Field, FieldError

KIND = "VRFNodeState"
PLURAL = "vrfnodestates"

# The CRD has the same bounds: nobody reads more, and etcd takes 1.5 MiB an object.
ENTRIES_MOST = 1000
_MESSAGE_LONGEST = 1024
_ENTRY_MESSAGE_LONGEST = 256
_COLUMN_LONGEST = 120


class ConditionType(StrEnum):
    """The conditions: the first depends on all others, which stand in the order of work."""

    READY = "Ready"
    RESOURCES_ACCEPTED = "ResourcesAccepted"
    LINKS_READY = "LinksReady"
    ROUTES_SERVED = "RoutesServed"
    PROGRAMS_ATTACHED = "ProgramsAttached"


class Status(StrEnum):
    """metav1.ConditionStatus."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Condition:
    """One condition (metav1.Condition). `since` is its lastTransitionTime, empty where the
    state has not been compared with the one before yet.
    """

    type: ConditionType
    status: Status
    reason: str
    message: str
    since: str = ""


@dataclass(frozen=True)
class Entry:
    """A resource or a VRF: whether this node serves it, or why not.

    `number` is the metadata.generation of a resource, or the VNI of a VRF, 0 for none.
    `vrf` is that of a resource, empty for a VRF itself.
    """

    name: str
    served: bool
    reason: str
    message: str = ""
    number: int = 0
    vrf: str = ""


@dataclass(frozen=True)
class NodeState:
    """All that the node tells of itself.

    `generation` is that of `desired`. `settled` is False while a change is on its way
    through the daemons, and is not told.
    """

    generation: int
    version: str
    conditions: tuple[Condition, ...]
    vrfs: tuple[Entry, ...]
    resources: tuple[Entry, ...]
    rejected: int
    settled: bool = True

    @property
    def trouble(self) -> str:
        """The first thing that is wrong, short enough for a column, empty where nothing is."""
        ready = self.conditions[0]
        return "" if ready.status is Status.TRUE else _cut(ready.message, _COLUMN_LONGEST)

    def since(self, before: Iterable[Condition], now: str) -> NodeState:
        """Return the state with the times of its conditions.

        A time changes only when the status does (Kubernetes API conventions); `before` are
        the conditions as they were last told, `now` is in RFC 3339.
        """
        known = {condition.type: condition for condition in before}
        return replace(
            self,
            conditions=tuple(_since(each, known.get(each.type), now) for each in self.conditions),
        )

    def body(self, observed: int) -> dict[str, Any]:
        """Return the status as JSON; `observed` is the metadata.generation of the object.

        All members are always there, since a merge patch leaves alone what it does not name.
        """
        served = sum(vrf.served for vrf in self.vrfs)
        return {
            "generation": self.generation,
            "version": self.version,
            "summary": {
                "vrfs": f"{served}/{len(self.vrfs)}",
                "resources": f"{sum(each.served for each in self.resources)}/{len(self.resources)}",
                "rejected": self.rejected,
                "trouble": self.trouble,
            },
            "conditions": [_condition_body(each, observed) for each in self.conditions],
            "vrfs": [_entry_body(each, "vni") for each in _fitting(self.vrfs)],
            "resources": [
                _entry_body(each, "observedGeneration") for each in _fitting(self.resources)
            ],
        }


def read_conditions(status: Field) -> tuple[Condition, ...]:
    """Return the conditions of a status as the API server has it.

    What somebody else's hand has made of them is left out: they are written anew.
    """
    found = []
    try:
        items = () if status.absent else tuple(status["conditions"].items())
    except FieldError:
        return ()
    for item in items:
        try:
            found.append(_read_condition(item))
        except (FieldError, ValueError):
            continue
    return tuple(found)


def _read_condition(item: Field) -> Condition:
    return Condition(
        type=ConditionType(item["type"].text()),
        status=Status(item["status"].text()),
        reason=item["reason"].text(),
        message=item["message"].text(1 << 16),
        since=item["lastTransitionTime"].text(),
    )


def _since(condition: Condition, before: Condition | None, now: str) -> Condition:
    same = before is not None and before.status is condition.status and before.since
    return replace(condition, since=before.since if before and same else now)


def _condition_body(condition: Condition, observed: int) -> dict[str, Any]:
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "observedGeneration": observed,
        "lastTransitionTime": condition.since,
        "reason": condition.reason,
        "message": _cut(condition.message, _MESSAGE_LONGEST),
    }


def _entry_body(entry: Entry, number: str) -> dict[str, Any]:
    optional = {
        "vrf": entry.vrf,
        number: entry.number,
        "message": _cut(entry.message, _ENTRY_MESSAGE_LONGEST),
    }
    told = {key: value for key, value in optional.items() if value}
    return {"name": entry.name, "served": entry.served, "reason": entry.reason, **told}


def _fitting(entries: tuple[Entry, ...]) -> list[Entry]:
    """Return as many entries as there is room for; those that are not served go first."""
    if len(entries) <= ENTRIES_MOST:
        return list(entries)
    kept = sorted(entries, key=lambda entry: (entry.served, entry.name))[:ENTRIES_MOST]
    return sorted(kept, key=lambda entry: entry.name)


def _cut(text: str, longest: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"
