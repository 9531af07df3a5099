# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from pathlib import Path

from netop.frr_templater.lives import Lives


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_end_of_a_process_is_told_once_and_at_once() -> None:
    told = asyncio.Event()
    lives = Lives(told.set)
    before = handles()
    process = await asyncio.create_subprocess_exec("sleep", "60")
    assert lives.alive(process.pid)
    assert lives.alive(process.pid)
    await asyncio.sleep(0)
    assert not told.is_set()
    process.kill()
    await asyncio.wait_for(told.wait(), 30)
    await process.wait()
    assert not lives.alive(process.pid)
    assert handles() == before
