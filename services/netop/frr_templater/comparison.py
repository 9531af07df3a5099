# SPDX-License-Identifier: Apache-2.0
"""Compares FRR with a text, and only as much as there is to compare.

frr-reload.py knows best how they differ, but takes as long to find out as a reload takes.
Once it has said so about one text and one running configuration, a later pair differs in
the same way if both have since gained and lost the very same statements. Whatever else
happened, such as a statement that FRR writes otherwise than the text does or somebody's
hand at vtysh, makes the two changes unequal, and frr-reload.py is asked again. What it said
of the very same two is true after a restart, too.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netop.common.edge import Field
from netop.common.store import remove_leftovers, replace_file
from netop.frr_templater.configuration import statements
from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import Facts
from netop.frr_templater.state import digest

_Statements = frozenset[int]


class Asked(Protocol):
    """What has to be asked of FRR; each raises FrrError."""

    async def differences(self, text: str) -> tuple[Difference, ...]:
        """Return what frr-reload.py finds."""
        ...

    async def shown(self) -> str:
        """Return the whole running configuration."""
        ...

    async def facts(self) -> Facts:
        """Return what runs."""
        ...

    async def answers(self) -> None:
        """Make sure that FRR answers."""
        ...

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`."""
        ...


@dataclass(frozen=True)
class _Pair:
    """A text and a running configuration, as hashes: there are thousands of statements."""

    text: _Statements
    running: _Statements

    def moved_like(self, before: _Pair) -> bool:
        """Say whether both have gained and lost the same since."""
        gained = self.text - before.text == self.running - before.running
        return gained and before.text - self.text == before.running - self.running


@dataclass(frozen=True)
class Remembered:
    """What frr-reload.py last said, and of what, in a file. Losing it costs a question."""

    path: Path

    def read(self, text: str, running: str) -> tuple[Difference, ...] | None:
        """Return what it said of these two; None where that is not known."""
        try:
            remove_leftovers(self.path)
            root = Field(json.loads(self.path.read_text(encoding="utf-8")))
            if root["of"].text() != digest(text, running):
                return None
            return tuple(
                Difference(
                    item["add"].flag(),
                    tuple(block.text(longest=1 << 16) for block in item["path"].items()),
                    item["text"].text(longest=1 << 16),
                )
                for item in root["found"].items()
            )
        except (OSError, ValueError, RecursionError):
            return None

    def write(self, text: str, running: str, found: tuple[Difference, ...]) -> None:
        """Remember it, where there is room."""
        told = [{"add": item.add, "path": item.path, "text": item.text} for item in found]
        content = json.dumps({"of": digest(text, running), "found": told}) + "\n"
        with contextlib.suppress(OSError):
            if not self.path.exists() or self.path.read_text(encoding="utf-8") != content:
                # A difference may be a password of a BGP session.
                replace_file(self.path, content, mode=0o600, lasting=False)


@dataclass
class Comparison:
    """Stands before FRR and remembers what frr-reload.py last said of it."""

    frr: Asked
    remembered: Remembered
    _last: tuple[_Pair, tuple[Difference, ...]] | None = None
    _expected: tuple[str, _Statements] | None = None

    def expect(self, text: str) -> None:
        """Get ready for a question about `text`: reading 16,500 lines takes 30 ms."""
        self._statements(text)

    def _statements(self, text: str) -> _Statements:
        if self._expected is None or self._expected[0] != text:
            self._expected = text, _hashed(text)
        return self._expected[1]

    async def differences(self, text: str, running: str) -> tuple[Difference, ...]:
        """Return how FRR, which shows `running`, differs from `text`; raises FrrError."""
        now = _Pair(self._statements(text), _hashed(running))
        known = self._known(now) if self._last else self.remembered.read(text, running)
        if known is not None:
            found = known
        else:
            self._last = None
            found = await self.frr.differences(text)
            # It looked for itself, and may have seen another configuration than this.
            if await self.frr.shown() != running:
                return found
        self._last = (now, found)
        self.remembered.write(text, running, found)
        return found

    def _known(self, now: _Pair) -> tuple[Difference, ...] | None:
        return self._last[1] if self._last and now.moved_like(self._last[0]) else None

    async def facts(self) -> Facts:
        """Return what runs; raises FrrError."""
        return await self.frr.facts()

    async def answers(self) -> None:
        """Make sure that FRR answers; raises NotAliveError."""
        await self.frr.answers()

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`; raises FrrError."""
        await self.frr.dismiss(gone)


def _hashed(text: str) -> _Statements:
    return frozenset(
        hash((*statement.path, statement.text))
        for statement in statements(text)
        if not statement.closes
    )
