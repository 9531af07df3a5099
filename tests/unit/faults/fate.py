# SPDX-License-Identifier: Apache-2.0
"""Decides which operation goes wrong, and how; a disk that listens to it."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import pytest

from netop.common import store

T = TypeVar("T")


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing is cleaned up."""


class FailedError(Exception):
    """The operation did not work; whoever offers it says so in its own words."""


class Manner(Enum):
    """How an operation goes wrong."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    FAILED = "failed"  # once, without effect
    LOST = "answer lost"  # it was done, but looks as if it had failed
    BROKEN = "broken from then on"  # and all others of its kind, until it is mended


@dataclass
class Fate:
    """Lets operation `at` go wrong, and then each `every`-th one behind it; 0 is none."""

    manner: Manner
    at: int = 0
    every: int = 0
    count: int = 0
    struck: list[str] = field(default_factory=list)
    broken: str = ""
    _dead: bool = False

    def act(self, kind: str, what: str, operation: Callable[[], T]) -> T:
        """Carry out an operation, or not; raises Killed or FailedError."""
        strikes = self._begin(kind, what)
        done = operation()
        self._end(what, strikes=strikes)
        return done

    async def wait(self, kind: str, what: str, operation: Callable[[], Awaitable[T]]) -> T:
        """As `act`, for one that has to be waited for."""
        strikes = self._begin(kind, what)
        done = await operation()
        self._end(what, strikes=strikes)
        return done

    def _begin(self, kind: str, what: str) -> bool:
        if self._dead:
            raise Killed
        self.count += 1
        strikes = self.count == self.at
        if strikes:
            self.at = self.count + self.every if self.every else 0
            self.struck.append(f"{what} ({self.count}) {self.manner.value}")
            if self.manner == Manner.BROKEN:
                self.broken = kind
            if self.manner == Manner.KILLED_BEFORE:
                self._die()
        if self.broken == kind or (strikes and self.manner == Manner.FAILED):
            raise FailedError(what)
        return strikes

    def _end(self, what: str, *, strikes: bool) -> None:
        if strikes and self.manner == Manner.KILLED_AFTER:
            self._die()
        if strikes and self.manner == Manner.LOST:
            raise FailedError(what)

    def _die(self) -> None:
        self._dead = True
        raise Killed

    def new_life(self) -> None:
        """A process has been started anew."""
        self._dead = False

    def mend(self) -> None:
        """What was broken works again."""
        self.broken = ""


class _Os:
    """`os` for the one module that changes files."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _act(self, what: str, operation: Callable[[], T]) -> T:
        try:
            return self._fate.act("disk", what, operation)
        except FailedError as error:
            raise OSError(errno.ENOSPC, "No space left on device", what) from error

    def fchmod(self, handle: int, mode: int) -> None:
        self._act("fchmod", lambda: os.fchmod(handle, mode))

    def fsync(self, handle: int) -> None:
        def synced() -> None:
            """The tests' own disk need not hear of it."""

        try:
            self._act("fsync", synced)
        except (Killed, OSError):
            # As where the disk was full: half of it arrived.
            if os.fstat(handle).st_mode & 0o100000:
                with contextlib.suppress(OSError):
                    os.ftruncate(handle, os.fstat(handle).st_size // 2)
            raise

    def replace(self, source: str, target: Path) -> None:
        self._act(f"rename to {target.name}", lambda: os.replace(source, target))

    def unlink(self, path: str) -> None:
        # A process that was killed removes nothing; on a full disk removing works.
        if self._fate._dead:
            raise Killed
        os.unlink(path)

    def open(self, path: Any, flags: int) -> int:
        return self._act("open", lambda: os.open(path, flags))


class _Tempfile:
    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def mkstemp(self, **options: Any) -> tuple[int, str]:
        made: list[tuple[int, str]] = []

        def make() -> tuple[int, str]:
            made.append(tempfile.mkstemp(**options))
            return made[0]

        try:
            return self._fate.act("disk", "mkstemp", make)
        except FailedError as error:
            # No kernel makes a file and says that it did not.
            for handle, name in made:
                os.close(handle)
                os.unlink(name)
            raise OSError(errno.ENOSPC, "No space left on device", options["dir"]) from error


@contextlib.contextmanager
def disk(fate: Fate) -> Iterator[None]:
    """Put every change of a file that netop makes into the hands of `fate`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "os", _Os(fate))
        patch.setattr(store, "tempfile", _Tempfile(fate))
        yield
