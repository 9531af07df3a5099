# SPDX-License-Identifier: Apache-2.0
"""Directories of what runs, removed by the next run where their owner was killed."""

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import Cache, remove_tree

LOCK = "lock"
SOCKETS = "sockets"


@dataclass(frozen=True)
class RunDirectory:
    """`path` for files and `sockets` for sockets, in use while `lock` is open somewhere.

    Paths of sockets are limited to 108 characters, those of a cache are not.
    """

    path: Path
    sockets: Path
    lock: int

    @classmethod
    def make(cls, cache: Cache, name: str) -> "RunDirectory":
        # The name without a lock is no directory that a sweep looks at.
        new = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache.scratch("run")))
        lock = os.open(new / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_SH)
        sockets = Path(tempfile.mkdtemp(prefix="netop-lab-"))
        (new / SOCKETS).symlink_to(sockets)
        return cls(new.rename(new.with_name(new.name[1:])), sockets, lock)

    def remove(self) -> None:
        remove_run(self.path)
        os.close(self.lock)


def remove_run(path: Path) -> None:
    """Remove a run directory and its sockets."""
    if (path / SOCKETS).is_symlink():
        remove_tree((path / SOCKETS).readlink())
    remove_tree(path)


def sweep(cache: Cache) -> None:
    """Remove the directories of runs that were killed."""
    for path in cache.scratch("run").glob("[!.]*/"):
        try:
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_run(path)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
