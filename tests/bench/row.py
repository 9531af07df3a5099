# SPDX-License-Identifier: Apache-2.0
"""Which rows there are, and where each is measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Place(Enum):
    """What a row needs around it."""

    CONTAINER = "a container, natively"
    PACKAGED = "a container with the package installed, natively"
    CLUSTER = "a container with the package and an API server, natively"
    MACHINE = "a virtual machine with a kernel that has VRFs"


@dataclass(frozen=True)
class Row:
    """A module in tests/bench/rows of that name; `limit` in seconds."""

    key: str
    place: Place
    limit: float
    arguments: tuple[str, ...] = ()


ROWS = (
    Row("render", Place.CONTAINER, 120),
    Row("packet", Place.CONTAINER, 180),
    Row("forwarding", Place.CONTAINER, 180),
    Row("repair", Place.PACKAGED, 120),
    Row("change", Place.PACKAGED, 900),
    Row("start", Place.PACKAGED, 300),
    Row("idle", Place.PACKAGED, 400),
    Row("memory", Place.PACKAGED, 4000),
    Row("apiserver", Place.CLUSTER, 600),
    Row("links", Place.MACHINE, 1200),
)


def chosen(names: str) -> tuple[Row, ...]:
    """The rows of a list such as `render,packet`, all for an empty one; raises ValueError."""
    wanted = [name for name in names.split(",") if name]
    unknown = set(wanted) - {row.key for row in ROWS}
    if unknown:
        known = ", ".join(row.key for row in ROWS)
        raise ValueError(f"no row {', '.join(sorted(unknown))}; there are {known}")
    return tuple(row for row in ROWS if not wanted or row.key in wanted)
