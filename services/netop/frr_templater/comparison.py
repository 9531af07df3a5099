# SPDX-License-Identifier: Apache-2.0
"""Compares FRR with a text, and only as much as there is to compare.

frr-reload.py knows best how they differ, but takes as long to find out as a reload takes.
Once it has said so about one text and one running configuration, a later pair differs in
the same way if both have since gained and lost the very same statements. Whatever else
happened, such as a statement that FRR writes otherwise than the text does or somebody's
hand at vtysh, makes the two changes unequal, and frr-reload.py is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from netop.frr_templater.configuration import statements
from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import Facts

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


@dataclass
class Comparison:
    """Stands before FRR and remembers what frr-reload.py last said of it."""

    frr: Asked
    _last: tuple[_Pair, tuple[Difference, ...]] | None = None

    async def differences(self, text: str) -> tuple[Difference, ...]:
        """Return how FRR differs from `text`; raises FrrError."""
        running = await self.frr.shown()
        now = _Pair(_hashed(text), _hashed(running))
        if self._last is not None and now.moved_like(self._last[0]):
            found = self._last[1]
        else:
            self._last = None
            found = await self.frr.differences(text)
            # It looked for itself, and may have seen another configuration than this.
            if await self.frr.shown() != running:
                return found
        self._last = (now, found)
        return found

    async def facts(self) -> Facts:
        """Return what runs; raises FrrError."""
        return await self.frr.facts()

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`; raises FrrError."""
        await self.frr.dismiss(gone)


def _hashed(text: str) -> _Statements:
    return frozenset(
        hash((*statement.path, statement.text))
        for statement in statements(text)
        if not statement.closes
    )
