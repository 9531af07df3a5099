# SPDX-License-Identifier: Apache-2.0
"""What a daemon counts: metrics.json, beside its document.

The documents say how things stand; how often something happened stands here. No daemon
watches the file, so a count wakes nobody; netop-exporter reads it when it is asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from netop.common.edge import Field
from netop.common.store import DocumentError, remove_leftovers, replace_file

FILE = "metrics.json"
VERSION = 1

_HIGHEST = float(1 << 53)

Numbers = Mapping[str, Mapping[str, float]]


class Count(StrEnum):
    """What only ever grows; what a label says stands behind each."""

    FRR_RELOADS = "frr_reloads"  # how it ended
    FRR_RELOAD_SECONDS = "frr_reload_seconds"
    FRR_RELOAD_PASSES = "frr_reload_passes"
    LINK_REPAIRS = "link_repairs"  # the VRF
    BPF_ATTACHMENTS = "bpf_attachments"  # the cause
    BPF_PROGRAMS = "bpf_programs"
    API_LISTS = "api_lists"
    API_WATCHES = "api_watches"
    API_FAILURES = "api_failures"  # the kind of fault


class Level(StrEnum):
    """What goes up and down. Moments are seconds since the epoch."""

    FRR_RESIDUALS = "frr_residuals"
    API_CONNECTED = "api_connected"
    API_LISTED_AT = "api_listed_at"
    API_WATCHED_AT = "api_watched_at"


class Tally:
    """The numbers of one daemon, which outlive it: `path` is read back at the start.

    /run is empty after a boot, and then they begin at zero, which Prometheus knows how to
    take. Without a `path` nothing is kept. May be used from any thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._numbers: dict[str, dict[str, float]] = {}
        # The first `save` writes the file even if nothing was counted: it is there, then.
        self._unsaved = True
        if path is not None:
            remove_leftovers(path)
            self._numbers, self._unsaved = _known(path)

    def know(self, count: Count, labels: Iterable[str] = ("",)) -> None:
        """Have these counts stand there as zero: the first step up shall be seen as one."""
        with self._lock:
            labelled = self._numbers.setdefault(count, {})
            for label in labels:
                if label not in labelled:
                    labelled[label] = 0
                    self._unsaved = True

    def add(self, count: Count, label: str = "", by: float = 1) -> None:
        """Count one more, or `by` more."""
        with self._lock:
            labelled = self._numbers.setdefault(count, {})
            labelled[label] = labelled.get(label, 0) + by
            self._unsaved = True

    def set(self, level: Level, value: float) -> None:
        """Note how something stands."""
        with self._lock:
            if self._numbers.get(level) != {"": value}:
                self._numbers[level] = {"": value}
                self._unsaved = True

    def forget(self, *levels: Level) -> None:
        """Say nothing of these any more."""
        with self._lock:
            for level in levels:
                self._unsaved |= self._numbers.pop(level, None) is not None

    def save(self) -> None:
        """Write what has changed.

        A disk that refuses is told of by the daemon's document, which stands beside it;
        the numbers go on and are written another time.
        """
        with self._lock:
            if not self._unsaved or self._path is None:
                return
            members = {"version": VERSION, "numbers": self._numbers}
            try:
                replace_file(self._path, json.dumps(members, sort_keys=True, indent=1) + "\n")
            except OSError:
                return
            self._unsaved = False


def _known(path: Path) -> tuple[dict[str, dict[str, float]], bool]:
    """Return what an earlier life counted, and whether the file is to be written anew."""
    try:
        numbers = read_numbers(path)
    except DocumentError:
        numbers = None
    if numbers is None:
        return {}, True
    return {name: dict(labelled) for name, labelled in numbers.items()}, False


def read_numbers(path: Path) -> Numbers | None:
    """Return the numbers by name and label, None where there is no file; raises DocumentError."""
    try:
        field = Field(json.loads(path.read_text(encoding="utf-8")))
        field["version"].integer(VERSION, VERSION)
        numbers = _members(field["numbers"])
        return {name: _labelled(labelled) for name, labelled in numbers.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: {error}") from error


def _labelled(field: Field) -> dict[str, float]:
    return {label: value.number(0, _HIGHEST) for label, value in _members(field).items()}


def _members(field: Field) -> dict[str, Field]:
    names = field.keys()
    return {name: field[name] for name in names}
