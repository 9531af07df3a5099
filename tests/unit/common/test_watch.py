# SPDX-License-Identifier: Apache-2.0
"""What a watch of files keeps, however often they are replaced."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from netop.common.store import replace_file
from netop.common.watch import FileWatch


def test_replaced_files_leave_no_record_behind(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    document = tmp_path / "desired.json"
    watch = FileWatch([document], told.release)
    watch.start()
    try:
        for number in range(300):
            replace_file(document, str(number))
            assert told.acquire(timeout=60)
        replace_file(document, "last")
        assert told.acquire(timeout=60)
        # What watchdog remembers of files that were renamed; the last may still be there.
        emitters: list[Any] = list(watch._observer.emitters)
        records = [emitter._inotify._inotify._moved_from_events for emitter in emitters]
        assert sum(map(len, records)) < 30
    finally:
        watch.stop()
