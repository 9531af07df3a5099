# SPDX-License-Identifier: Apache-2.0
"""Files that stand behind symbolic links, as mounted ConfigMaps and tools like git-sync lay them.

To swap a link somewhere on the way changes what a path leads to, and nothing about the path's
own directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

# As many as the kernel follows (path_resolution(7)).
_FOLLOWED = 40

# A path and what it leads to: device, inode, time of the last change in ns, and size in bytes.
Stamp = tuple[Path, tuple[int, int, int, int] | None]


def stamps(paths: Iterable[Path]) -> tuple[Stamp, ...]:
    """Return what those of `paths`, and of the files directly in them, lead to that stand
    behind a link; equal to what it was where nothing has changed there.
    """
    return tuple((path, _status(path)) for path in _linked(paths))


def holders(paths: Iterable[Path]) -> frozenset[Path]:
    """Return the directories in which the links on the way to the same files stand, and those
    of the files at their ends.
    """
    return frozenset(place for path in _linked(paths) for place in _places(path))


def _linked(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if _places(path):
            yield path
        try:
            with os.scandir(path) as entries:
                links = sorted(entry.path for entry in entries if entry.is_symlink())
        except OSError:
            continue  # a file, or nothing yet
        yield from map(Path, links)


def _places(path: Path) -> tuple[Path, ...]:
    """Return where the links on the way to a path stand, and the end; nothing without a link."""
    found: list[Path] = []
    at, ahead = Path(path.anchor), list(reversed(path.parts[1:]))
    while ahead:
        name = ahead.pop()
        if name == os.pardir:
            at = at.parent
            continue
        try:
            target = (at / name).readlink()
        except OSError:
            at /= name
            continue
        if len(found) == _FOLLOWED:
            break
        found.append(at)
        ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        at = Path(target.anchor) if target.is_absolute() else at
    return (*dict.fromkeys(found), at.parent) if found else ()


def _status(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
