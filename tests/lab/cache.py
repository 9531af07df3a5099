# SPDX-License-Identifier: Apache-2.0
"""Slow artefacts, built once per set of inputs and kept outside the tree."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.lab.process import run
from tests.lab.progress import Progress

#: Keys of one artefact that are kept: two, so that two checkouts do not drive each other out.
KEPT = 2


class Recipe(Protocol):
    """How to make an artefact: a directory that depends on nothing but `inputs`."""

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> Sequence[str]: ...

    def build(self, target: Path) -> None:
        """Fill the new directory `target`."""


@dataclass(frozen=True)
class Held:
    """An artefact in use. As long as the lock is open here or in a child, nobody prunes it."""

    path: Path
    key: str
    lock: int

    def release(self) -> None:
        os.close(self.lock)


class Cache:
    """The directory `$NETOP_CACHE`, else `$XDG_CACHE_HOME/netop`, else `~/.cache/netop`."""

    def __init__(self, progress: Progress, path: Path | None = None) -> None:
        self._progress = progress
        self.path = path or default_path()
        self._locks = self.path / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)

    def obtain(self, recipe: Recipe) -> Held:
        """The artefact of this recipe, built now if it is not there, and held against pruning."""
        key = key_of(recipe)
        while True:
            lock = self._open_lock(recipe.name, key)
            target = self.path / f"{recipe.name}-{key}"
            self._lock_shared(lock, recipe.name)
            if target.is_dir():
                os.utime(target)
                self._prune(recipe.name, target)
                return Held(target, key, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                if not target.is_dir():
                    self._build(recipe, target)
            finally:
                os.close(lock)

    def scratch(self, kind: str) -> Path:
        """A directory for things of one kind that are no artefacts, such as run-time state."""
        path = self.path / kind
        path.mkdir(exist_ok=True)
        return path

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name` against other runs."""
        lock = self._open_lock(name, "exclusive")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def discard(self, held: Held) -> None:
        """Remove an artefact that turned out to be of no use."""
        remove_tree(held.path)

    def _open_lock(self, name: str, key: str) -> int:
        return os.open(self._locks / f"{name}-{key}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _lock_shared(self, lock: int, name: str) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            self._progress.say(f"waiting for another run that builds the {name}")
            fcntl.flock(lock, fcntl.LOCK_SH)

    def _build(self, recipe: Recipe, target: Path) -> None:
        partial = target.with_name(target.name + ".tmp")
        remove_tree(partial)
        partial.mkdir()
        with self._progress.step(f"building the {recipe.name} (once; cached in {self.path})"):
            recipe.build(partial)
            partial.rename(target)

    def _prune(self, name: str, current: Path) -> None:
        """Remove the oldest artefacts of this name, unless somebody holds them."""
        keys = [
            path for path in self.path.glob(f"{name}-*")
            if path.is_dir() and path != current and len(path.name) == len(current.name)
        ]  # fmt: skip
        for path in sorted(keys, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]:
            lock = self._open_lock(name, path.name.removeprefix(f"{name}-"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(path)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


def default_path() -> Path:
    if chosen := os.environ.get("NETOP_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "netop"


def key_of(recipe: Recipe) -> str:
    """16 hexadecimal digits that change with any input."""
    return hashlib.sha256(json.dumps(list(recipe.inputs)).encode()).hexdigest()[:16]


def remove_tree(path: Path) -> None:
    """Remove a directory, but never what is mounted in it: a killed build may leave a mount."""
    run(["rm", "-rf", "--one-file-system", path])
