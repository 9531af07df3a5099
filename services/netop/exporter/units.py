# SPDX-License-Identifier: Apache-2.0
"""The daemons in the eyes of systemd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netop.common.units import DAEMONS, FRR, TARGET, UnitState
from netop.exporter import catalogue
from netop.exporter.metric import Sample

_UP = frozenset({"active", "reloading", "refreshing"})


def samples(units: Mapping[str, UnitState] | None) -> Iterator[Sample]:
    """Yield what systemd said; nothing but that it said nothing, where it did not."""
    yield catalogue.SYSTEMD_READABLE.at(units is not None)
    found = units or {}
    for daemon in DAEMONS:
        unit = found.get(f"netop-{daemon}.service")
        if unit is not None:
            yield from _daemon(daemon, unit)
    if TARGET in found:
        yield catalogue.TARGET_ACTIVE.at(found[TARGET].active in _UP)
    if FRR in found:
        yield catalogue.FRR_UP.at(found[FRR].active in _UP)


def _daemon(name: str, unit: UnitState) -> Iterator[Sample]:
    yield catalogue.DAEMON_UP.at(unit.active in _UP, name)
    yield catalogue.DAEMON_RESTARTS.at(unit.restarts, name)
    if unit.memory is not None:
        yield catalogue.DAEMON_MEMORY.at(unit.memory, name)
    if unit.processor is not None:
        yield catalogue.DAEMON_CPU.at(unit.processor, name)
