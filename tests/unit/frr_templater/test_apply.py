# SPDX-License-Identifier: Apache-2.0
"""Reloading and verifying: what happens at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from netop.frr_templater.apply import Applier
from netop.frr_templater.goal import Goal
from netop.frr_templater.plan import Expected
from tests.unit.frr_templater.fakes import BASE, FakeFrr

GOAL = Goal(BASE, Expected({}, frozenset(), frozenset()), frozenset())


@dataclass
class Slow(FakeFrr):
    """An FRR whose reload does not end before somebody gets ready to look at it."""

    expected: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, text: str) -> None:
        assert text == BASE
        self.expected.set()

    async def reload(self) -> str:
        await asyncio.wait_for(self.expected.wait(), 20)
        return await super().reload()


async def no_time(_seconds: float) -> None: ...


async def test_the_time_of_a_reload_is_used_to_get_ready_for_the_comparison(
    tmp_path: Path,
) -> None:
    frr = Slow(tmp_path / "frr.conf")
    frr.configuration.write_text(BASE)
    frr.boot()
    outcome = await Applier(frr, frr, lambda _: [], lambda: 0.0, no_time).bring(GOAL)
    assert outcome.reached
    assert (frr.reloads, outcome.passes) == (1, 1)
