# SPDX-License-Identifier: Apache-2.0
"""Sentences for the journal, with fields to find them by.

`journalctl NETOP_GENERATION=17` tells the story of one change through all daemons.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from netop.common.edge import encodable
from netop.common.messages import Message
from netop.common.problem import Problem


class Priority(IntEnum):
    """syslog(3) priorities, as far as netop uses them."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


#: Takes fields by name: text, or several texts where the entry is about several.
Sink = Callable[[Priority, str, Mapping[str, Any]], None]

# journald drops an entry of more than 1024 fields (journal-file.h, ENTRY_FIELD_COUNT_MAX).
_NAMED_AT_MOST = 256


@dataclass(frozen=True)
class Condition:
    """What lasts until it is told that it has ended; `fields` as of `Journal`."""

    sentence: str
    message: Message | None = None
    fields: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem, before: str = "") -> Condition:
        """Return the condition that a problem is; `before` stands before its sentence."""
        fields = {
            "resource": problem.resource, "vrf": problem.vrf, "interface": problem.interface
        }  # fmt: skip
        return cls(f"{before}{problem}", problem.message, {k: v for k, v in fields.items() if v})


def conditions(problems: Iterable[Problem], before: str = "") -> dict[str, Condition]:
    """Return the conditions by what they are about; two about the same are one."""
    found: dict[str, Condition] = {}
    for problem in problems:
        known = found.get(problem.key)
        one = Condition.of(problem, before)
        if known is not None:
            one = Condition(f"{known.sentence}; {problem}", known.message, known.fields)
        found[problem.key] = one
    return found


@dataclass
class Journal:
    """Where a daemon tells what it does.

    `generation` is added to every entry as NETOP_GENERATION while it is set. Further
    fields are given by keyword: `vrf`, `resource`, `interface` become NETOP_VRF and so on;
    a tuple becomes as many fields of that name, and none where it is empty.
    `message` is the entry's id in the catalogue, which all that an operator acts upon has.
    """

    sink: Sink
    generation: int | None = None
    _told: dict[str, Condition] = field(default_factory=dict)

    def info(self, sentence: str, *, message: Message | None = None, **fields: object) -> None:
        """Tell what was done."""
        self._send(Priority.INFO, sentence, message, fields)

    def notice(self, sentence: str, *, message: Message, **fields: object) -> None:
        """Tell something an operator should see even when reading little."""
        self._send(Priority.NOTICE, sentence, message, fields)

    def warning(self, sentence: str, *, message: Message, **fields: object) -> None:
        """Tell what went wrong and is being worked around or tried again."""
        self._send(Priority.WARNING, sentence, message, fields)

    def error(self, sentence: str, *, message: Message, **fields: object) -> None:
        """Tell what went wrong and needs somebody."""
        self._send(Priority.ERROR, sentence, message, fields)

    def debug(self, sentence: str, **fields: object) -> None:
        """Tell a detail."""
        self._send(Priority.DEBUG, sentence, None, fields)

    def standing(self, current: Mapping[str, Condition]) -> None:
        """Tell conditions once when they begin, once when they change and once when they end.

        `current` maps what a condition is about to the condition. Level-triggered daemons
        see the same fault in every pass; the journal shall not.
        """
        for subject, now in current.items():
            known = self._told.get(subject)
            if known is None or known.sentence != now.sentence:
                self._send(Priority.WARNING, now.sentence, now.message, now.fields)
        for subject, past in self._told.items():
            if subject not in current:
                ending = past.message.ending if past.message else Message.WELL_AGAIN
                sentence = f"{subject}: is well again"
                self._send(Priority.NOTICE, sentence, ending, past.fields)
        self._told = dict(current)

    def _send(
        self,
        priority: Priority,
        sentence: str,
        message: Message | None,
        fields: Mapping[str, object],
    ) -> None:
        named: dict[str, Any] = {
            f"NETOP_{key.upper()}": text
            for key, value in fields.items()
            if (text := _text(value)) != ()
        }
        if self.generation is not None:
            named.setdefault("NETOP_GENERATION", str(self.generation))
        if message is not None:
            named["MESSAGE_ID"] = message.value
        self.sink(priority, encodable(sentence), named)


def _text(value: object) -> str | tuple[str, ...]:
    if not isinstance(value, tuple):
        return encodable(str(value))
    texts = tuple(encodable(str(each)) for each in value[:_NAMED_AT_MOST])
    return texts[0] if len(texts) == 1 else texts


def journal_sink(identifier: str) -> Sink:
    """Return the sink that writes to journald; `identifier` as shown by journalctl."""
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import journal

    def send(priority: Priority, sentence: str, fields: Mapping[str, Any]) -> None:
        own = {
            "MESSAGE": sentence, "PRIORITY": str(int(priority)), "SYSLOG_IDENTIFIER": identifier
        }  # fmt: skip
        journal.sendv(*(f"{name}={text}" for name, text in pairs({**own, **fields})))

    return send


def pairs(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field with each of its texts."""
    for name, value in fields.items():
        for text in value if isinstance(value, tuple) else (value,):
            yield name, text


def stderr_sink(priority: Priority, sentence: str, fields: Mapping[str, Any]) -> None:
    """Write for a person who runs a daemon by hand."""
    told = " ".join(f"{name}={text}" for name, text in pairs(fields) if name != "MESSAGE_ID")
    print(f"{priority.name.lower()}: {sentence}{'  ' + told if told else ''}", file=sys.stderr)
