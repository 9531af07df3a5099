# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found: values of several runs, each beside its yardstick of the same run."""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Aim:
    """What was to be reached: at most `factor` times the yardstick plus `plus`, or at least."""

    text: str
    factor: float = 0.0
    plus: float = 0.0
    at_least: bool = False

    def bound(self, yardstick: float) -> float:
        """The limit beside a yardstick of that size, in its unit."""
        return self.factor * yardstick + self.plus


@dataclass(frozen=True)
class Line:
    """One line of a table: `values` of netop, and `beside` them the yardstick's, run by run.

    Both are in `unit`. Without an aim, or without a yardstick, the line tells and judges not.
    """

    what: str
    unit: str
    values: tuple[float, ...]
    yardstick: str = ""
    beside: tuple[float, ...] = ()
    aim: Aim | None = None

    def ratios(self) -> tuple[float, ...]:
        """Run by run, netop's value divided by its yardstick's."""
        return tuple(
            value / other for value, other in zip(self.values, self.beside, strict=False) if other
        )

    def reached(self) -> bool | None:
        """Whether more than half of the runs kept within the aim; None without one."""
        if self.aim is None:
            return None
        pairs = zip(self.values, self.beside or [0.0] * len(self.values), strict=True)
        bounds = [(value, self.aim.bound(other)) for value, other in pairs]
        kept = [value >= bound if self.aim.at_least else value <= bound for value, bound in bounds]
        return 2 * sum(kept) > len(kept)


@dataclass(frozen=True)
class Finding:
    """What one row came to, with sentences on how it was measured or what it shows."""

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """This finding as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def parse(cls, text: str) -> Finding:
        """The finding that `text()` wrote."""
        found = json.loads(text)
        return cls(tuple(_line(line) for line in found["lines"]), tuple(found["notes"]))

    def and_with(self, other: Finding) -> Finding:
        """Both as one."""
        return Finding(self.lines + other.lines, self.notes + other.notes)


def _line(found: dict[str, Any]) -> Line:
    aim = Aim(**found.pop("aim")) if found["aim"] else None
    return Line(**{
        **found, "values": tuple(found["values"]), "beside": tuple(found["beside"]), "aim": aim,
    })  # fmt: skip


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def tell(finding: Finding) -> None:
    """Hand a finding to the program that started this one."""
    print(finding.text(), flush=True)


def say(sentence: str) -> None:
    """Tell whoever watches."""
    print(sentence, file=sys.stderr, flush=True)
