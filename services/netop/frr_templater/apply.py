# SPDX-License-Identifier: Apache-2.0
"""Brings the running FRR to a configuration, and looks whether it got there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from netop.frr_templater.differences import Difference, Verdict, judge, mentioned
from netop.frr_templater.frr import Facts, FrrError, NotAliveError
from netop.frr_templater.goal import Goal
from netop.frr_templater.plan import missing
from netop.frr_templater.systemd1 import SystemdError
from netop.frr_templater.words import Words, complaints

# A deletion can hide others from frr-reload.py, which a second reload finds (FRR 10.3:
# removing a `router bgp` together with an address family). More than three never helped.
PASSES = 3


class Asking(Protocol):
    """What has to be asked of FRR."""

    async def differences(self, text: str, running: str, /) -> tuple[Difference, ...]:
        """Return how FRR, which shows `running`, differs from `text`; raises FrrError."""
        ...

    def expect(self, text: str) -> None:
        """Get ready for a question about `text`, which takes time now and less then."""
        ...

    async def answers(self) -> None:
        """Make sure that FRR answers; raises NotAliveError."""
        ...

    async def facts(self) -> Facts:
        """Return what runs; raises FrrError, NotAliveError where a daemon is away."""
        ...

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`; raises FrrError."""
        ...


class Unit(Protocol):
    """What has to be asked of systemd about frr.service."""

    async def reload(self) -> str:
        """Reload it and return the job's result; raises SystemdError."""
        ...

    async def active_state(self) -> str:
        """Return its state; raises SystemdError."""
        ...


@dataclass(frozen=True)
class Finding:
    """How far FRR is from a goal."""

    verdict: Verdict
    lacks: tuple[tuple[str, str], ...]
    strange: tuple[Difference, ...]

    @property
    def reached(self) -> bool:
        """Whether FRR serves the goal."""
        return not self.residuals

    @property
    def served(self) -> bool:
        """Whether FRR serves all that is netop's, whatever it has of the operator's text."""
        return not self.verdict.ours and not self.lacks

    @property
    def residuals(self) -> int:
        """How much is left to do."""
        return len(self.verdict.ours) + len(self.lacks) + len(self.strange)

    def vrfs(self, names: Iterable[str]) -> frozenset[str]:
        """Return the VRFs that keep FRR from the goal."""
        known = frozenset(names)
        return self.verdict.vrfs(known) | {name for name, _ in self.lacks if name in known}

    def sentences(self) -> tuple[str, ...]:
        """Return what is wrong, a few sentences at most."""
        found = [sentence for _, sentence in self.lacks]
        found += [_told(item) for item in (*self.verdict.ours, *self.strange)]
        more = [f"and {len(found) - 5} more"] if len(found) > 5 else []
        return (*found[:5], *more)


def _told(difference: Difference) -> str:
    if difference.add:
        return f"FRR lacks `{difference.told}`"
    return f"FRR has more than it should, `{difference.told}` is left to do"


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `finding` is None where FRR could not be asked any more.

    `said` are FRR's own words, `errors` all that went wrong, these included. `alive`
    False: FRR ended, or answers no more.
    """

    finding: Finding | None
    passes: int
    errors: tuple[str, ...]
    said: tuple[str, ...] = ()
    alive: bool = True

    @property
    def reached(self) -> bool:
        """Whether FRR was seen to serve the goal."""
        return self.finding is not None and self.finding.reached

    def to_blame(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of these VRFs FRR refuses; empty where that cannot be told.

        vtysh stops at the first line that a daemon refuses, so what lacks is mostly what
        stood behind it. FRR's own words name the line; without words it is the first that
        lacks. One that is blamed too late only costs another attempt.
        """
        known = frozenset(names)
        for text in (*self.said, *(str(item) for item in self._ours())):
            if found := mentioned(text, known):
                return found
        return self.finding.vrfs(known) if self.finding is not None else frozenset()

    def _ours(self) -> tuple[Difference, ...]:
        ours = self.finding.verdict.ours if self.finding is not None else ()
        return tuple(sorted(ours, key=lambda item: not item.add))


async def look(frr: Asking, goal: Goal) -> Finding:
    """Compare the running FRR with a goal; raises FrrError."""
    facts = await frr.facts()
    verdict = judge(await frr.differences(goal.text, facts.running), goal.names)
    lacks = missing(goal.expected, facts.bindings, facts.maps)
    strange = tuple(
        item for item in verdict.foreign if goal.strict and str(item) not in goal.tolerated
    )
    return Finding(verdict, lacks, strange)


@dataclass
class Applier:
    """Reloads and verifies. `wall` is the time of the epoch, in seconds."""

    frr: Asking
    unit: Unit
    words: Words
    wall: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]

    async def bring(self, goal: Goal) -> Outcome:
        """Reload FRR until it serves the goal, at most three times.

        The file must be in place already. The outcome's errors tell of every pass that
        did not get there, also when a later one did.
        """
        told: list[str] = []
        said: list[str] = []
        finding: Finding | None = None
        for number in range(1, PASSES + 1):
            began = self.wall()
            alive = True
            try:
                finding = None
                await self.frr.dismiss(goal.expected.gone)
                result = await self._reload(goal.text)
                if result != "done":
                    told.append(f"the reload of frr.service ended with `{result}`")
                finding = await look(self.frr, goal)
            except (SystemdError, FrrError) as error:
                told.append(str(error))
                alive = not isinstance(error, NotAliveError)
            if finding is not None and finding.reached:
                return Outcome(finding, number, _each([*said, *told]), _each(said))
            said += complaints(self.words(began))
            told += finding.sentences() if finding is not None else ()
            if not alive or number == PASSES:
                break
            await self.sleep(1.0)
        return Outcome(finding, number, _each([*said, *told]), _each(said), alive)

    async def _reload(self, text: str) -> str:
        """Reload, and get ready for the comparison while systemd and FRR are at work."""
        reloading = asyncio.create_task(self.unit.reload())
        await asyncio.sleep(0)  # have the request sent first
        self.frr.expect(text)
        return await reloading


def _each(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return each sentence once."""
    return tuple(dict.fromkeys(sentences))
