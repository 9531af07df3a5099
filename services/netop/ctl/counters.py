# SPDX-License-Identifier: Apache-2.0
"""`netopctl counters`: what the eBPF router has counted, read now."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netop.common.edge import Field, FieldError
from netop.common.store import STATE_ROOT

SOCKET = STATE_ROOT / "bpf-guardian" / "counters.sock"

_PATIENCE = 5.0  # seconds
_HIGHEST = (1 << 64) - 1


class CountersError(Exception):
    """The counters cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Row:
    """One counter. Packets are as the kernel handles them: a merged (GRO) one counts once."""

    name: str
    packets: int
    bytes: int
    meaning: str


@dataclass(frozen=True)
class Counted:
    """All counters of one program; `program` is 0 where none is loaded."""

    program: int
    decisions: tuple[Row, ...]
    fib_results: tuple[Row, ...]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `counters` to the commands of netopctl."""
    parser = commands.add_parser(
        "counters",
        help="packets and bytes of the eBPF router, by decision and by result of the lookup",
    )
    parser.add_argument("--all", action="store_true", help="counters that are zero, too")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the counters and return the exit status."""
    try:
        text = ask(SOCKET)
        counted = parse(text)
    except CountersError as error:
        print(f"netopctl: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(text.strip())
    elif counted.program == 0:
        print("bpf-guardian has loaded no program; see systemctl status netop-bpf-guardian")
    else:
        print(table("DECISION", counted.decisions, zeros=arguments.all))
        print()
        print(table("ROUTE LOOKUP", counted.fib_results, zeros=arguments.all))
    return 0


def ask(path: Path) -> str:
    """Return bpf-guardian's answer; raises CountersError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(path))
            with connection.makefile("r", encoding="utf-8") as answer:
                return answer.read()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        remedy = "see systemctl status netop-bpf-guardian"
        raise CountersError(f"netop-bpf-guardian is not running ({path}); {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CountersError(f"{path}: {error}") from error


def parse(text: str) -> Counted:
    """Return what an answer says; raises CountersError."""
    try:
        field = Field(json.loads(text))
        return Counted(
            program=field["program"].integer(0, _HIGHEST),
            decisions=tuple(_rows(field["decisions"])),
            fib_results=tuple(_rows(field["fib_results"])),
        )
    except (ValueError, FieldError) as error:
        raise CountersError(f"bpf-guardian's answer cannot be read: {error}") from error


def _rows(field: Field) -> Iterable[Row]:
    for name in () if field.absent else field.keys():
        counter = field[name]
        yield Row(
            name,
            counter["packets"].integer(0, _HIGHEST),
            counter["bytes"].integer(0, _HIGHEST),
            counter["meaning"].text(),
        )


def table(title: str, rows: Iterable[Row], *, zeros: bool) -> str:
    """Return the rows as text in columns; without `zeros` only those that counted something."""
    shown = [row for row in rows if zeros or row.packets]
    width = max([len(title), *(len(row.name) for row in shown)])
    lines = [f"{title:<{width}}  {'PACKETS':>14}  {'BYTES':>18}  MEANING"]
    lines += [
        f"{row.name:<{width}}  {row.packets:>14}  {row.bytes:>18}  {row.meaning}" for row in shown
    ]
    return "\n".join(lines if shown else [*lines, "nothing yet"])
