# SPDX-License-Identifier: Apache-2.0
"""Where the eBPF router is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from netop.common import names
from netop.common.documents.document import Document, parse_generation, parse_problems
from netop.common.edge import Field
from netop.common.problem import Problem


@dataclass(frozen=True)
class Attachment:
    """One interface: `program` is the id of the program at our place, 0 where there is none."""

    interface: str
    ifindex: int
    program: int
    error: str

    @classmethod
    def parse(cls, field: Field) -> Attachment:
        """Return one interface of `attached`; raises FieldError."""
        return cls(
            interface=names.interface_name(field["interface"]),
            ifindex=field["ifindex"].integer(0, (1 << 31) - 1),
            program=field["program"].integer(0, (1 << 32) - 1),
            error=field["error"].text(),
        )


@dataclass(frozen=True)
class Counters:
    """Ids of the maps that hold the counters, for `netopctl counters`."""

    name: str
    map_id: int

    @classmethod
    def parse(cls, field: Field) -> Counters:
        """Return one map of `attached`; raises FieldError."""
        return cls(field["name"].text(longest=32), field["map_id"].integer(1, (1 << 32) - 1))


@dataclass(frozen=True)
class Attached(Document):
    """Where the eBPF router is attached; `tag` is the kernel's hash of its instructions."""

    WRITER: ClassVar[str] = "bpf-guardian"
    FILE: ClassVar[str] = "attached.json"
    VERSION: ClassVar[int] = 1

    program: int
    tag: str
    source: str
    interfaces: tuple[Attachment, ...]
    counters: tuple[Counters, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        return cls(
            generation=parse_generation(field),
            program=field["program"].integer(0, (1 << 32) - 1),
            tag=field["tag"].text(longest=64),
            source=field["source"].text(longest=64),
            interfaces=tuple(Attachment.parse(item) for item in field["interfaces"].items()),
            counters=tuple(Counters.parse(item) for item in field["counters"].items()),
            problems=parse_problems(field["problems"]),
        )
