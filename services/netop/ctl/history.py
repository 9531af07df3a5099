# SPDX-License-Identifier: Apache-2.0
"""`netopctl history`: what changed when, generation by generation, from the journal."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from netop.common.edge import Field, FieldError
from netop.common.masking import masked
from netop.common.units import DAEMONS

# What is older than this many entries is for journalctl itself.
_ENTRIES = 5000
_PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Event:
    """One entry of the journal. `generation` 0: it belongs to none; `diff` is frr.conf's."""

    time: datetime
    daemon: str
    sentence: str
    generation: int = 0
    vrfs: tuple[str, ...] = ()
    diff: str = ""


Read = Callable[[], str]


class HistoryError(Exception):
    """The journal cannot be read; the message says why, and the way out."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `history` to the commands of netopctl."""
    parser = commands.add_parser("history", help="what changed when, and how frr.conf with it")
    parser.add_argument(
        "-n", "--number", type=int, default=10, help="of generations, the latest (10)"
    )
    parser.add_argument("--vrf", help="only what names this VRF")
    parser.add_argument("--diff", action="store_true", help="what changed in frr.conf, too")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the history and return the exit status."""
    try:
        events = of_these_numbers(parse(read_journal()))
    except HistoryError as error:
        print(f"netopctl: {error}", file=sys.stderr)
        return 1
    local = datetime.now().astimezone().tzinfo or UTC
    chosen = latest(concerning(events, arguments.vrf), arguments.number)
    for line in told(chosen, local, diff=arguments.diff):
        print(line)
    if not chosen:
        print("nothing yet; who may not read the journal sees nothing: adm, systemd-journal, root")
    return 0


def read_journal() -> str:
    """Return the daemons' latest entries, one JSON object a line; raises HistoryError."""
    units = [f"_SYSTEMD_UNIT=netop-{daemon}.service" for daemon in DAEMONS]
    command = [
        "journalctl", "--output=json", "--all", "--no-pager", f"--lines={_ENTRIES}", *units
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HistoryError(f"the journal cannot be read: {error}") from error
    if done.returncode != 0:
        raise HistoryError(f"the journal cannot be read: {' '.join(done.stderr.split())}")
    return done.stdout


def parse(text: str) -> Iterator[Event]:
    """Yield the events; entries that are not ours, or not text, are left out."""
    for line in text.splitlines():
        try:
            yield _event(Field(json.loads(line)))
        except (ValueError, FieldError):
            continue


def _event(field: Field) -> Event:
    generation = field["NETOP_GENERATION"].optional_text() or "0"
    micros = int(field["__REALTIME_TIMESTAMP"].text())
    return Event(
        time=datetime.fromtimestamp(micros / 1e6, UTC),
        daemon=field["SYSLOG_IDENTIFIER"].text().removeprefix("netop-"),
        sentence=field["MESSAGE"].text(longest=1 << 16),
        generation=int(generation),
        vrfs=_texts(field["NETOP_VRF"]),
        diff=masked(field["NETOP_DIFF"].optional_text(longest=1 << 20) or ""),
    )


def _texts(field: Field) -> tuple[str, ...]:
    """Return a field that an entry may have once, several times or not at all."""
    if isinstance(field.value, list):
        return tuple(item.text() for item in field.items())
    return () if field.absent else (field.text(),)


def of_these_numbers(events: Iterable[Event]) -> list[Event]:
    """Return the events, in the journal's order, since generations were last numbered anew.

    They are where the state directory was lost, by a purge for one. crd-watcher numbers them.
    """
    kept: list[Event] = []
    highest = 0
    for event in events:
        if event.daemon == "crd-watcher" and event.generation:
            if event.generation < highest:
                kept.clear()
            highest = event.generation
        kept.append(event)
    return kept


def concerning(events: Iterable[Event], vrf: str | None) -> list[Event]:
    """Return the events that name a VRF; without one, all."""
    if vrf is None:
        return list(events)
    return [
        event for event in events if vrf in event.vrfs or vrf in _words(event.sentence + event.diff)
    ]


def _words(text: str) -> set[str]:
    """Return names in a text: of VRFs, and VRFs out of those of their links and maps."""
    for mark in "(),;:+-~'\"[]":
        text = text.replace(mark, " ")
    words = set(text.split())
    for word in tuple(words):
        words.add(word.partition(".")[2])
        words.add(word.removeprefix("rm_").removesuffix("_v6").rpartition("_")[0])
    return words


def latest(events: Iterable[Event], number: int) -> list[Event]:
    """Return the events of the latest generations, in the order of generations and time."""
    numbered = [event for event in events if event.generation]
    kept = sorted({event.generation for event in numbered})[-number:] if number > 0 else []
    ordered = (event for event in numbered if event.generation in kept)
    return sorted(ordered, key=lambda event: (event.generation, event.time))


def told(events: Iterable[Event], zone: tzinfo, *, diff: bool) -> Iterator[str]:
    """Yield the lines of a history."""
    shown = 0
    for event in events:
        time = event.time.astimezone(zone)
        if event.generation != shown:
            shown = event.generation
            yield f"generation {shown}, {time:%Y-%m-%d}"
        yield f"  {time:%H:%M:%S}  {event.daemon:<18}  {event.sentence}"
        if diff:
            lines = event.diff.splitlines()
            yield from (f"      {line}" for line in lines if line[:1] in "+-" and line[:3] not in
                        {"+++", "---"})  # fmt: skip
