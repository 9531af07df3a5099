# SPDX-License-Identifier: Apache-2.0
"""The loop: wake-ups coalesce, none is lost, a file that is replaced wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileMovedEvent

from netop.common.backoff import Backoff
from netop.common.daemon import Daemon, Report, run_watching, status_of, watchdog_interval
from netop.common.store import replace_file
from netop.common.watch import FileWatch


class Counting:
    """Counts passes, and reads the document in each; the first lasts until it is released."""

    def __init__(self, document: Path | None = None) -> None:
        self.passes = 0
        self.seen = ""
        self.release = asyncio.Event()
        self.began = asyncio.Event()
        self._document = document

    async def reconcile(self) -> Report:
        self.passes += 1
        self.began.set()
        if self._document is not None and self._document.exists():
            self.seen = self._document.read_text()
        await self.release.wait()
        return Report(f"pass {self.passes}\nand more")


async def until(true: Callable[[], bool]) -> None:
    """Wait, as long as a busy machine may take."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # what is waited for knows no event
            await asyncio.sleep(0.01)


def test_a_status_that_systemd_would_not_take_is_cut() -> None:
    """It throws away 4096 bytes and more, READY=1 included."""
    short = status_of(Report("all is\nwell"))
    long = status_of(Report("3 VRFs in sync; " + "ü" * 5000))
    assert short == "all is well"
    assert len(f"READY=1\nSTATUS={long}".encode()) < 4096
    assert long.startswith("3 VRFs in sync; üü")
    assert long.endswith("the journal tells all)")


async def test_wake_ups_during_a_pass_make_one_more() -> None:
    told: list[str] = []
    counting = Counting()
    swept: list[int] = []
    daemon = Daemon(counting, told.append, sweep=lambda: swept.append(len(told)))
    run = asyncio.create_task(daemon.run())
    await counting.began.wait()
    for _ in range(100):
        daemon.wake()
    await asyncio.sleep(0)
    counting.release.set()
    await until(lambda: len(told) >= 2)
    daemon.stop()
    await run
    assert counting.passes == 2
    assert told[0] == "READY=1\nSTATUS=pass 1 and more"
    assert told[1] == "STATUS=pass 2 and more"
    assert told[-1] == "STOPPING=1"
    assert swept == [1, 2], "after each pass, when that was told of"


async def test_who_waits_for_long_looks_in_between() -> None:
    class Patient:
        passes = 0

        async def reconcile(self) -> Report:
            self.passes += 1
            return Report("waiting", retry=6 * 3600.0)

    patient = Patient()
    daemon = Daemon(patient, lambda _: None, resync=0.01)
    run = asyncio.create_task(daemon.run())
    await until(lambda: patient.passes >= 3)
    daemon.stop()
    await run


async def test_a_replaced_document_wakes_also_in_a_directory_that_was_made_again(
    tmp_path: Path,
) -> None:
    document = tmp_path / "writer" / "doc.json"
    counting = Counting(document)
    counting.release.set()
    daemon = Daemon(counting, lambda _: None)
    run = asyncio.create_task(run_watching(daemon, [document]))
    await counting.began.wait()
    document.parent.mkdir()
    for text in ("first", "second"):
        replace_file(document, text)
        await until(lambda text=text: counting.seen == text)  # type: ignore[misc]
    document.unlink()
    document.parent.rmdir()
    document.parent.mkdir()
    replace_file(document, "third")
    await until(lambda: counting.seen == "third")
    daemon.stop()
    await run


async def test_a_reader_wakes_nobody(tmp_path: Path) -> None:
    document = tmp_path / "doc.json"
    neighbor = tmp_path.with_name("neighbor")
    for path in (document, neighbor):
        path.write_text("1")
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(changed.set)

    watch = FileWatch([document], wake)
    watch.start()
    try:
        for _ in range(3):
            document.read_text()
            neighbor.read_text()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(changed.wait(), 0.2)
        replace_file(document, "2")
        await asyncio.wait_for(changed.wait(), 10)
    finally:
        watch.stop()


def test_temporary_files_wake_nobody(tmp_path: Path) -> None:
    document = tmp_path / "doc.json"
    changes: list[int] = []
    watch = FileWatch([document], lambda: changes.append(1))
    watch.start()  # the first look of one that was not finds directories to watch
    try:
        watch.on_any_event(FileCreatedEvent(str(tmp_path / ".doc.json.tmp")))
        watch.on_any_event(FileModifiedEvent(str(tmp_path / "another.json")))
        assert changes == []
        watch.on_any_event(FileMovedEvent(str(tmp_path / ".doc.json.tmp"), str(document)))
        assert changes == [1]
    finally:
        watch.stop()


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
