# SPDX-License-Identifier: Apache-2.0
"""What all documents share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from netop.common.edge import Field
from netop.common.problem import Problem

_COUNT_HIGHEST = (1 << 63) - 1


@dataclass(frozen=True)
class Document(ABC):
    """What all documents share: one writer, a schema version, and the generation of
    `desired` that they reflect (0: none yet).
    """

    WRITER: ClassVar[str]
    FILE: ClassVar[str]
    VERSION: ClassVar[int]

    generation: int

    @classmethod
    @abstractmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""


def parse_generation(field: Field) -> int:
    """Return the generation of `desired` that a document reflects; 0 is none yet."""
    return field["generation"].integer(0, _COUNT_HIGHEST)


def parse_problems(field: Field) -> tuple[Problem, ...]:
    """Return a list of problems; raises FieldError."""
    return tuple(Problem.parse(item) for item in field.items())
