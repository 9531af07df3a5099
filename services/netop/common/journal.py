# SPDX-License-Identifier: Apache-2.0
"""Sentences for the journal, with fields to find them by.

`journalctl NETOP_GENERATION=17` tells the story of one change through all daemons.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Priority(IntEnum):
    """syslog(3) priorities, as far as netop uses them."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


Sink = Callable[[Priority, str, Mapping[str, str]], None]


@dataclass
class Journal:
    """Where a daemon tells what it does.

    `generation` is added to every entry as NETOP_GENERATION while it is set. Further
    fields are given by keyword: `vrf`, `resource`, `interface` become NETOP_VRF and so on.
    """

    sink: Sink
    generation: int | None = None
    _told: dict[str, str] = field(default_factory=dict)
    _about: dict[str, dict[str, object]] = field(default_factory=dict)

    def info(self, sentence: str, **fields: object) -> None:
        """Tell what was done."""
        self._send(Priority.INFO, sentence, fields)

    def notice(self, sentence: str, **fields: object) -> None:
        """Tell something an operator should see even when reading little."""
        self._send(Priority.NOTICE, sentence, fields)

    def warning(self, sentence: str, **fields: object) -> None:
        """Tell what went wrong and is being worked around or tried again."""
        self._send(Priority.WARNING, sentence, fields)

    def error(self, sentence: str, **fields: object) -> None:
        """Tell what went wrong and needs somebody."""
        self._send(Priority.ERROR, sentence, fields)

    def debug(self, sentence: str, **fields: object) -> None:
        """Tell a detail."""
        self._send(Priority.DEBUG, sentence, fields)

    def standing(
        self,
        current: Mapping[str, str],
        about: Mapping[str, Mapping[str, object]] | None = None,
        **fields: object,
    ) -> None:
        """Tell conditions once when they begin, once when they change and once when they end.

        `current` maps what a condition is about to its sentence, `about` to the fields of
        that sentence alone. Level-triggered daemons see the same fault in every pass; the
        journal shall not.
        """
        for subject, sentence in current.items():
            if self._told.get(subject) != sentence:
                self._about[subject] = dict((about or {}).get(subject, {}))
                self.warning(sentence, **fields, **self._about[subject])
        for subject in [each for each in self._told if each not in current]:
            self.notice(f"{subject}: is well again", **fields, **self._about.pop(subject))
        self._told = dict(current)

    def _send(self, priority: Priority, sentence: str, fields: Mapping[str, object]) -> None:
        named = {f"NETOP_{key.upper()}": str(value) for key, value in fields.items()}
        if self.generation is not None:
            named.setdefault("NETOP_GENERATION", str(self.generation))
        self.sink(priority, sentence, named)


def journal_sink(identifier: str) -> Sink:
    """Return the sink that writes to journald; `identifier` as shown by journalctl."""
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import journal

    def send(priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
        journal.send(
            sentence, PRIORITY=str(int(priority)), SYSLOG_IDENTIFIER=identifier, **dict(fields)
        )

    return send


def stderr_sink(priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
    """Write for a person who runs a daemon by hand."""
    told = " ".join(f"{key}={value}" for key, value in fields.items())
    print(f"{priority.name.lower()}: {sentence}{'  ' + told if told else ''}", file=sys.stderr)
