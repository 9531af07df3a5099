# SPDX-License-Identifier: Apache-2.0
"""A clock that jumps, by NTP or by hand, changes what is told and nothing that is done."""

from __future__ import annotations

import ast
import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.faults.fate import Fate, Manner, disk
from tests.unit.faults.test_every_operation import story
from tests.unit.faults.world import World

SERVICES = Path(__file__).parents[3] / "services" / "netop"

#: Who asks for the time of day, and what becomes of it.
TOLD = {
    "common/tally.py": "when something was counted, for Prometheus",
    "crd_watcher/__main__.py": "the same, and the times of events in the cluster",
    "crd_watcher/mirror.py": "the same",
    "crd_watcher/reconciler.py": "the status line, and since when the resources are so",
    "crd_watcher/report/reporter.py": "the times of events in the cluster",
    "frr_templater/__main__.py": "since when to read FRR's words in the journal",
    "frr_templater/reloads.py": "when the last reload ended",
}


def asking(path: Path) -> Iterator[int]:
    """Yield the lines that ask for the time of day."""
    for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(found, ast.Attribute):
            continue
        whole = ast.unparse(found)
        if whole.endswith(("time.time", "time.time_ns", "datetime.now", "datetime.utcnow")):
            yield found.lineno


def test_nobody_waits_by_the_time_of_day() -> None:
    """Delays, backoffs and debounce are of time.monotonic or of the event loop, which is so too."""
    daemons = ("common", "crd_watcher", "netlink_reconciler", "frr_templater", "bpf_guardian")
    found = {
        str(path.relative_to(SERVICES)): [*asking(path)]
        for daemon in daemons
        for path in sorted((SERVICES / daemon).rglob("*.py"))
    }
    strangers = {path: lines for path, lines in found.items() if lines and path not in TOLD}
    assert strangers == {}, "the time of day is for telling; name here what it is for"


def test_the_story_beside_a_clock_that_jumps(tmp_path: Path) -> None:
    chance = random.Random(4)

    class Jumping(World):
        """Years forth and back, at each look."""

        def wall(self) -> datetime:
            return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=chance.uniform(-9e3, 9e3))

    fates = []
    for number, kind in enumerate((World, Jumping)):
        fate = Fate(Manner.FAILED)
        root = tmp_path / str(number)
        root.mkdir()
        with disk(fate):
            world = kind(root, fate)
            asyncio.run(story(world))
        fates.append((fate.count, world.time))
    assert fates[0] == fates[1], "as many operations, in the same time"
