# SPDX-License-Identifier: Apache-2.0
"""Wakes a daemon when files change, by the watchdog library's inotify observer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_buffer import InotifyBuffer
from watchdog.observers.inotify_c import InotifyEvent

from netop.common.symlinks import Stamp, holders, stamps

# All but opening and reading: a daemon that woke itself by reading would never sleep, and one
# that woke for each program which opens a file directly below /etc would not either.
_CHANGES: tuple[type[FileSystemEvent], ...] = (
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirModifiedEvent,
    events.DirMovedEvent,
    events.FileClosedEvent,
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
)


_LINKED_AT_MOST = 32


class _Buffer(InotifyBuffer):
    """Forgets who was moved away.

    watchdog 6.0 keeps a record of every file that it sees renamed, and clears none: each
    replaced document cost half a kilobyte in each daemon that watches it. The records are
    for directories that are watched and move within one that is; we watch no such two.
    """

    def _group_events(
        self, event_list: list[InotifyEvent]
    ) -> list[InotifyEvent | tuple[InotifyEvent, InotifyEvent]]:
        # In the thread that keeps and looks up the records, after each read: another thread
        # could take one away between the two.
        self._inotify.clear_move_records()
        return super()._group_events(event_list)


class _Emitter(InotifyEmitter):
    """Watches a directory through a buffer that forgets."""

    def on_thread_start(self) -> None:
        """Called by watchdog."""
        self._inotify = _Buffer(
            os.fsencode(self.watch.path),
            recursive=self.watch.is_recursive,
            event_mask=self.get_event_mask_from_filter(),
        )

    def on_thread_stop(self) -> None:
        """Called by watchdog; where the directory was removed, in two threads at once."""
        buffer = self._inotify
        if buffer is not None:
            buffer.close()
            self._inotify = None


class _Observer(BaseObserver):
    """One whose lock others may hold; it holds it itself while it calls a handler."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """What keeps the observer's thread and its caller's apart; the same may take it twice."""
        return self._lock


class FileWatch(FileSystemEventHandler):
    """Calls `changed` whenever one of `paths`, or a file directly in one of them, changes.

    A path that does not exist yet is waited for at its nearest ancestor that does; a
    directory that is removed and made again, or swapped, is found again;
    so is what stands behind a symbolic link. `changed` is called in the
    observer's thread, possibly without need: it only means "look again".
    """

    def __init__(self, paths: Iterable[Path], changed: Callable[[], None]) -> None:
        self._paths = tuple(path.absolute() for path in paths)
        self._changed = changed
        self._observer = _Observer(_Emitter)
        self._watches: dict[Path, tuple[ObservedWatch, object]] = {}
        self._stamps: tuple[Stamp, ...] = ()

    def start(self) -> None:
        """Begin to watch; what is there already is the caller's to read after this."""
        # First, because a directory that may not be read is an error of `schedule` from then
        # on, and of this before.
        self._observer.start()
        self._aim()
        # A directory made meanwhile is found here.
        self._aim()
        self._relinked()

    def stop(self) -> None:
        """End the observer's threads."""
        self._observer.stop()
        self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        touched = [Path(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path]
        relinked = self._relinked()
        concerned = any(self._concerns(path) for path in touched)
        # A directory that was made anew may have the number of the old one.
        gone = touched if isinstance(event, events.DirDeletedEvent) else ()
        aimed = self._aim(gone)
        if aimed or relinked or (concerned and not self._tells_of_an_entry(event)):
            self._changed()

    def _relinked(self) -> bool:
        """Return whether what stands behind symbolic links is not what it was."""
        with self._observer.lock:
            before, self._stamps = self._stamps, stamps(self._paths)
            return before != self._stamps

    def _tells_of_an_entry(self, event: FileSystemEvent) -> bool:
        """Return whether a directory has changed in no more than what is in it.

        watchdog tells so beside each event about the entry itself, also about temporary files
        and whatever else lies beside a document.
        """
        return (
            isinstance(event, events.DirModifiedEvent)
            and Path(os.fsdecode(event.src_path)) not in self._paths
        )

    def _concerns(self, touched: Path) -> bool:
        # replace_file's temporary files are nobody's business until they are renamed.
        if touched.name.startswith("."):
            return False
        return any(
            path in {touched, touched.parent} or touched in path.parents for path in self._paths
        )

    def _aim(self, gone: Iterable[Path] = ()) -> bool:
        """Watch the nearest existing directory of each path, and no other.

        Those that are `gone` are let go of first. Return whether anything had to be done.
        """
        with self._observer.lock:  # the observer's thread aims, and so does `start`
            wanted = self._directories()
            before = dict(self._watches)
            for directory in (self._watches.keys() - set(wanted)) | (self._watches.keys() & gone):
                self._drop(directory)
            for directory in wanted:
                # Taken before it is watched: what is swapped in between is found the next time.
                identity = _identity(directory)
                if directory in self._watches and self._watches[directory][1] != identity:
                    self._drop(directory)
                if directory not in self._watches:
                    self._add(directory, identity)
            return before != self._watches

    def _directories(self) -> tuple[Path, ...]:
        """Return what to watch: of each path the nearest directory, and what holds its links.

        The parents too: they tell when the directory itself is removed and made again. Links
        come last, and not all of very many: each directory costs an inotify instance, of which
        the kernel gives a user 128.
        """
        linked = sorted(holders(self._paths))[:_LINKED_AT_MOST]
        found: dict[Path, None] = {}
        for paths in (self._paths, linked):
            nearest = [self._nearest(path) for path in paths]
            found |= dict.fromkeys((*nearest, *(directory.parent for directory in nearest)))
        return tuple(found)

    def _add(self, directory: Path, identity: object) -> None:
        try:
            watch = self._observer.schedule(self, str(directory), event_filter=list(_CHANGES))
        except OSError:
            # It went away, or may not be read; its parent's watch tells of any change.
            return
        self._watches[directory] = watch, identity

    def _drop(self, directory: Path) -> None:
        watch, _ = self._watches.pop(directory)
        self._observer.unschedule(watch)

    @staticmethod
    def _nearest(path: Path) -> Path:
        candidate = path if _is_directory(path) else path.parent
        while not _is_directory(candidate) and candidate != candidate.parent:
            candidate = candidate.parent
        return candidate


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # Since Python 3.13 of what stands in a directory that may not be searched.
        return False


def _identity(directory: Path) -> object:
    """Return what differs where another directory has taken the place of this one, or
    other people may read it.
    """
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid
