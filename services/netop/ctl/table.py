# SPDX-License-Identifier: Apache-2.0
"""Tables of findings: plain for a pipe, with colours for a person."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from netop.ctl.health import Finding, Health

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = {Health.WELL: "green", Health.WAITING: "yellow", Health.BROKEN: "bold red"}

Cell = str | Finding


@dataclass(frozen=True)
class Table:
    """Rows of cells; a finding's cell has the colour of its health."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Page:
    """What a command prints: one line above all, and tables."""

    headline: Finding
    tables: tuple[Table, ...]


def print_page(page: Page, stream: TextIO = sys.stdout) -> None:
    """Print a page in colours on a terminal, in plain text elsewhere."""
    if stream.isatty():
        _print_rich(page, stream)
    else:
        stream.writelines(f"{line}\n" for line in plain(page))


def plain(page: Page) -> list[str]:
    """Return the page as lines; columns are two spaces apart, the last one is as long as it is."""
    lines = [page.headline.text]
    for table in page.tables:
        lines += ["", *_aligned([table.columns, *(_texts(row) for row in table.rows)])]
    return lines


def _texts(row: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(cell.text if isinstance(cell, Finding) else cell for cell in row)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _print_rich(page: Page, stream: TextIO) -> None:
    # Imported here: it takes longer than all the rest, and a pipe does without.
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(file=stream, highlight=False)
    console.print(_coloured(page.headline))
    for table in page.tables:
        shown = RichTable(*table.columns, box=None, header_style="bold", pad_edge=False)
        for row in table.rows:
            shown.add_row(*(_coloured(cell) for cell in row))
        console.print()
        console.print(shown)


def _coloured(cell: Cell) -> Text:
    # Text, not markup: a status line may hold square brackets.
    from rich.text import Text

    if isinstance(cell, Finding):
        return Text(cell.text, style=_COLOURS[cell.health])
    return Text(cell)
