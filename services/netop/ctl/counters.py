# SPDX-License-Identifier: Apache-2.0
"""`netopctl counters`: what the eBPF router has counted, read now."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from netop.common.counters import SOCKET, CountersError, Row, ask, parse
from netop.common.store import STATE_ROOT


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
        text = ask(STATE_ROOT / SOCKET)
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


def table(title: str, rows: Iterable[Row], *, zeros: bool) -> str:
    """Return the rows as text in columns; without `zeros` only those that counted something."""
    shown = [row for row in rows if zeros or row.packets]
    width = max([len(title), *(len(row.name) for row in shown)])
    lines = [f"{title:<{width}}  {'PACKETS':>14}  {'BYTES':>18}  MEANING"]
    lines += [
        f"{row.name:<{width}}  {row.packets:>14}  {row.bytes:>18}  {row.meaning}" for row in shown
    ]
    return "\n".join(lines if shown else [*lines, "nothing yet"])
