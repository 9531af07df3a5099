# SPDX-License-Identifier: Apache-2.0
"""Where the resources come from: the API server where a kubeconfig is, else a directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netop.common.documents import Source
from netop.crd_watcher.manifests import read_manifests
from netop.crd_watcher.mirror import Mirror, Trouble
from netop.crd_watcher.snapshot import Snapshot


@dataclass(frozen=True)
class Absent:
    """No source can be read now. `waiting`: the first answer may still be on its way."""

    reason: str
    waiting: bool = False


class Sources:
    """Chooses the source and reads it.

    `kubeconfigs` are the places where one may be, the first that exists counts.
    `start_mirror` starts the thread that mirrors the API server of a kubeconfig.
    """

    def __init__(
        self,
        kubeconfigs: tuple[Path, ...],
        manifests: Path,
        start_mirror: Callable[[Path], Mirror],
    ) -> None:
        self._kubeconfigs = kubeconfigs
        self._manifests = manifests
        self._start_mirror = start_mirror
        self._mirror: Mirror | None = None
        self._mirrored: Path | None = None
        self._stamp: object = None

    def poll(self) -> None:
        """Start the mirror where a kubeconfig has appeared, and tell it of a new one.

        One that has disappeared is left to `observe`: a file that is replaced may be
        missing for a moment.
        """
        kubeconfig = self._kubeconfig()
        if kubeconfig is None:
            return
        stamp = _stamp(kubeconfig)
        if self._mirror is None or kubeconfig != self._mirrored:
            self._stop_mirror()
            self._mirror = self._start_mirror(kubeconfig)
            self._mirrored = kubeconfig
        elif stamp != self._stamp:
            self._mirror.refresh()
        self._stamp = stamp

    def observe(self, before: Source | None) -> Snapshot | Absent:
        """Return what the source holds now, or why there is none to read.

        `before` is where the resources that are in force came from, None where none are.
        """
        self.poll()
        if self._kubeconfig() is None:
            self._stop_mirror()
            return self._read_manifests(before)
        assert self._mirror is not None, "poll starts it"
        state = self._mirror.state()
        if state.snapshot is not None:
            return state.snapshot
        if state.trouble is not None:
            return Absent(state.trouble.reason)
        return Absent("the API server has not answered yet", waiting=True)

    def trouble(self) -> Trouble | None:
        """Return what is wrong with the connection to the API server, if there is one."""
        return None if self._mirror is None else self._mirror.state().trouble

    @property
    def kubeconfig(self) -> tuple[Path, object] | None:
        """The kubeconfig in use and what changes with its file, None where there is none."""
        return None if self._mirrored is None else (self._mirrored, self._stamp)

    def stop(self) -> None:
        """End the mirror's thread."""
        self._stop_mirror()

    def _stop_mirror(self) -> None:
        if self._mirror is not None:
            self._mirror.stop()
        self._mirror = self._mirrored = self._stamp = None

    def _kubeconfig(self) -> Path | None:
        return next((path for path in self._kubeconfigs if _exists(path)), None)

    def _read_manifests(self, before: Source | None) -> Snapshot | Absent:
        usual = self._kubeconfigs[0]
        try:
            snapshot = read_manifests(self._manifests)
        except FileNotFoundError:
            return Absent(f"there is neither {usual} nor {self._manifests}")
        except OSError as error:
            return Absent(f"{self._manifests} cannot be read: {error.strerror}")
        # An empty directory is a state like any other, but a lost kubeconfig is an accident
        # unless something takes its place.
        if before is Source.KUBERNETES and not snapshot.resources:
            wrong = (*(each.problem for each in snapshot.unreadable), *snapshot.problems)
            reason = str(wrong[0]) if wrong else f"{self._manifests} is empty"
            return Absent(f"{usual} is gone and {reason}")
        return snapshot


def _exists(path: Path) -> bool:
    """Return whether something is there; where we may not look, something is."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return (status.st_ino, status.st_mtime_ns, status.st_size)
