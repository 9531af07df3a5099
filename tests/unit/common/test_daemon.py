# SPDX-License-Identifier: Apache-2.0
"""The loop: wake-ups coalesce, none is lost, a file that is replaced wakes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from netop.common.backoff import Backoff
from netop.common.daemon import Daemon, Report, run_watching, watchdog_interval
from netop.common.store import replace_file


class Counting:
    """Counts passes; the first lasts until it is released."""

    def __init__(self) -> None:
        self.passes = 0
        self.release = asyncio.Event()
        self.began = asyncio.Event()

    async def reconcile(self) -> Report:
        self.passes += 1
        self.began.set()
        await self.release.wait()
        return Report(f"pass {self.passes}\nand more")


async def settle() -> None:
    await asyncio.sleep(0.1)


async def test_wake_ups_during_a_pass_make_one_more() -> None:
    told: list[str] = []
    counting = Counting()
    daemon = Daemon(counting, told.append)
    run = asyncio.create_task(daemon.run())
    await counting.began.wait()
    for _ in range(100):
        daemon.wake()
    await asyncio.sleep(0)
    counting.release.set()
    await settle()
    daemon.stop()
    await run
    assert counting.passes == 2
    assert told[0] == "READY=1\nSTATUS=pass 1 and more"
    assert told[1] == "STATUS=pass 2 and more"
    assert told[-1] == "STOPPING=1"


async def test_a_replaced_document_wakes_and_a_temporary_file_does_not(tmp_path: Path) -> None:
    counting = Counting()
    counting.release.set()
    daemon = Daemon(counting, lambda _: None)
    document = tmp_path / "writer" / "doc.json"
    run = asyncio.create_task(run_watching(daemon, [document]))
    await settle()
    assert counting.passes == 1
    (tmp_path / "writer").mkdir()
    await settle()
    (tmp_path / "writer" / ".doc.json.tmp").write_text("x")
    await settle()
    before = counting.passes
    replace_file(document, "{}")
    await settle()
    assert counting.passes == before + 1
    document.read_text()
    await settle()
    assert counting.passes == before + 1, "reading wakes nobody"
    document.unlink()
    (tmp_path / "writer" / ".doc.json.tmp").unlink()
    (tmp_path / "writer").rmdir()
    await settle()
    (tmp_path / "writer").mkdir()
    await settle()
    before = counting.passes
    replace_file(document, "{}")
    await settle()
    assert counting.passes == before + 1, "a directory made again is found again"
    daemon.stop()
    await run


def test_the_ping_follows_systemds_interval() -> None:
    assert watchdog_interval({}) is None
    assert watchdog_interval({"WATCHDOG_USEC": "30000000"}) == 10
    assert watchdog_interval({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None


def test_backoff_grows_to_its_bound_and_starts_anew() -> None:
    backoff = Backoff(first=1, longest=8)
    delays = [backoff.next() for _ in range(40)]
    assert 0.5 <= delays[0] <= 1
    assert all(4 <= delay <= 8 for delay in delays[3:])
    backoff.reset()
    assert backoff.next() <= 1
