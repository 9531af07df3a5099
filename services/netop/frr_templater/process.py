# SPDX-License-Identifier: Apache-2.0
"""Runs a program and waits for it, but not for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class ProcessError(Exception):
    """A program could not be started, or did not end in time."""


@dataclass(frozen=True)
class Completed:
    """How a program ended, and what it wrote."""

    code: int
    output: str
    errors: str


Run = Callable[[Sequence[str], float], Awaitable[Completed]]


async def run(command: Sequence[str], limit: float) -> Completed:
    """Run `command` for at most `limit` seconds; raises ProcessError.

    A program that hangs is killed together with what it started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        output, errors = await asyncio.wait_for(process.communicate(), limit)
    except TimeoutError as error:
        raise ProcessError(
            f"`{Path(command[0]).name} ... {command[-1]}` gave no answer in {limit:g} s"
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Completed(
        process.returncode or 0,
        output.decode(errors="replace"),
        errors.decode(errors="replace"),
    )
