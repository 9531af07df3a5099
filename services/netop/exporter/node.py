# SPDX-License-Identifier: Apache-2.0
"""One look at everything that is known of this node, when somebody scrapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from netop.common import counters, tally
from netop.common.counters import Counted, CountersError
from netop.common.documents import Attached, Desired, Document, Links, Served
from netop.common.store import DocumentError, Store
from netop.common.units import DAEMONS, FRR, TARGET, Ask, UnitState, ask_systemctl, parse_units

D = TypeVar("D", bound=Document)

# Both together stay below the ten seconds that Prometheus waits for a scrape.
COUNTERS_PATIENCE = 2.0


@dataclass(frozen=True)
class Reading(Generic[D]):
    """A document as it was found: `document` is None where it is damaged or absent.

    `changed` is the time of its last change, in seconds since the epoch, None where it is
    absent.
    """

    document: D | None
    changed: float | None


@dataclass(frozen=True)
class Numbers:
    """metrics.json of one daemon: `known` by name and label, None where it is damaged or absent."""

    known: tally.Numbers | None
    changed: float | None

    def labelled(self, name: str) -> Mapping[str, float]:
        """Return the numbers of that name by label; none where nobody has counted."""
        return (self.known or {}).get(name, {})


@dataclass(frozen=True)
class Node:
    """What was found. `counted` and `units` are None where nobody answered."""

    desired: Reading[Desired]
    links: Reading[Links]
    served: Reading[Served]
    attached: Reading[Attached]
    numbers: Mapping[str, Numbers]
    counted: Counted | None
    units: Mapping[str, UnitState] | None

    def labelled(self, name: str) -> Mapping[str, float]:
        """Return the numbers of that name by label, whichever daemon counts them."""
        return {
            label: value
            for numbers in self.numbers.values()
            for label, value in numbers.labelled(name).items()
        }


def observe(
    store: Store,
    ask_units: Ask = ask_systemctl,
    ask_counters: Callable[[Path, float], str] = counters.ask,
) -> Node:
    """Look at everything; what cannot be had is None, and stops nothing else."""
    return Node(
        desired=_read(store, Desired),
        links=_read(store, Links),
        served=_read(store, Served),
        attached=_read(store, Attached),
        numbers={daemon: _numbers(store.root / daemon / tally.FILE) for daemon in DAEMONS},
        counted=_counted(store.root / counters.SOCKET, ask_counters),
        units=_units(ask_units),
    )


def _read(store: Store, kind: type[D]) -> Reading[D]:
    changed = _changed(store.path(kind))
    try:
        return Reading(store.read(kind), changed)
    except DocumentError:
        return Reading(None, changed)


def _numbers(path: Path) -> Numbers:
    changed = _changed(path)
    try:
        return Numbers(tally.read_numbers(path), changed)
    except DocumentError:
        return Numbers(None, changed)


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _counted(path: Path, ask: Callable[[Path, float], str]) -> Counted | None:
    try:
        return counters.parse(ask(path, COUNTERS_PATIENCE))
    except CountersError:
        return None


def _units(ask: Ask) -> Mapping[str, UnitState] | None:
    services = [f"netop-{daemon}.service" for daemon in DAEMONS]
    try:
        return {unit.name: unit for unit in parse_units(ask([*services, TARGET, FRR]))}
    except OSError:
        return None
