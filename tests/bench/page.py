# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md: prose by hand, and between marks the tables that `make bench` writes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.figures import Finding, Line, median

HEAD = ("what", "netop", "yardstick", "its value", "netop ÷ yardstick", "aim", "")


def begin(key: str) -> str:
    return f"<!-- bench {key}: written by make bench -->"


def end(key: str) -> str:
    return f"<!-- end of {key} -->"


def replaced(page: str, key: str, text: str) -> str:
    """The page with what stands between the marks of `key` replaced.

    Raises ValueError where the page has no such place.
    """
    start, stop = page.find(begin(key)), page.find(end(key))
    if start < 0 or stop < start:
        raise ValueError(f"the page has no place {begin(key)!r} … {end(key)!r}")
    return f"{page[:start]}{begin(key)}\n{text.rstrip()}\n\n{page[stop:]}"


def section(finding: Finding, conditions: str) -> str:
    """The table of one row, and under which conditions it came about."""
    lines = [table_row(HEAD), "|".join(["", *["---"] * len(HEAD), ""])]
    lines += [table_row(cells(line)) for line in finding.lines]
    lines += ["", *(f"- {note}" for note in finding.notes), f"- {conditions}"]
    return "\n".join(lines)


def table_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cells(line: Line) -> tuple[str, ...]:
    reached = {None: "", True: "reached", False: "**missed**"}[line.reached()]
    return (
        line.what,
        spread(line.values, line.unit),
        line.yardstick,
        spread(line.beside, line.unit) if line.beside else "",
        spread(line.ratios(), "") if line.beside else "",
        line.aim.text if line.aim else "",
        reached,
    )


def spread(values: Sequence[float], unit: str) -> str:
    """The median, and of several values the least and the greatest."""
    if not values:
        return ""
    middle = f"{figure(median(values))} {unit}".strip()
    if len(values) == 1 or figure(min(values)) == figure(max(values)):
        return middle
    return f"{middle} ({figure(min(values))}…{figure(max(values))})"


def figure(value: float) -> str:
    """Three digits that count: 0.0123, 1.23, 12.3, 1,230."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        digits = 10 ** max(0, len(str(int(abs(value)))) - 3)
        return f"{round(value / digits) * digits:,}"
    decimals = 1 if abs(value) >= 10 else 2
    while abs(value) * 10 ** (decimals - 2) < 1 and decimals < 8:
        decimals += 1
    return f"{value:.{decimals}f}"
