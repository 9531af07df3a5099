# SPDX-License-Identifier: Apache-2.0
"""What a watch of files keeps, however often they are replaced."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from netop.common.store import replace_file
from netop.common.watch import FileWatch


def _records(watch: FileWatch) -> int:
    """How many renamed files watchdog remembers."""
    emitters: list[Any] = list(watch._observer.emitters)
    return sum(len(emitter._inotify._inotify._moved_from_events) for emitter in emitters)


def test_replaced_files_leave_no_record_behind(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    document = tmp_path / "desired.json"
    watch = FileWatch([document], told.release)
    watch.start()
    try:
        for number in range(300):
            replace_file(document, str(number))
            assert told.acquire(timeout=60)
        # Each replacement is told more than once, so the threads may be some way behind.
        deadline = time.monotonic() + 60
        while (kept := _records(watch)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not kept
    finally:
        watch.stop()
