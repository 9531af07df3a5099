# SPDX-License-Identifier: Apache-2.0
"""Keeps FRR at what was proven, and moves it on only to what proves itself.

The order of the writes is what makes a crash harmless. Before frr.conf is replaced, the
state knows the digest of the new text; before anything is rolled back, it knows what was
refused; a text becomes the last good one only when FRR was seen to serve it. So whatever
a new start finds on the disk is the last good text, or a text that is tried again, or
somebody else's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netop.common.backoff import Backoff
from netop.common.documents import DesiredVrf, ReloadResult
from netop.common.journal import Journal
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.tally import Tally
from netop.frr_templater.apply import Applier, Finding, Outcome, look
from netop.frr_templater.attempt import Attempt, steps_to
from netop.frr_templater.deaths import Deaths
from netop.frr_templater.differences import judge
from netop.frr_templater.edits import Edits
from netop.frr_templater.files import Files
from netop.frr_templater.found import as_run, vrfs_in
from netop.frr_templater.goal import Goal, goal_of, goal_to, goes_strictly
from netop.frr_templater.kept import Kept, seen
from netop.frr_templater.pause import Pause
from netop.frr_templater.plan import file_diff
from netop.frr_templater.reloads import Reloads
from netop.frr_templater.sentences import (
    differs,
    not_repaired,
    not_survived,
    reason_of,
    refused,
)
from netop.frr_templater.state import Good, State, StateFile, digest
from netop.frr_templater.target import Target

# Between two looks at an FRR that is not as it should be: it may be starting just now.
SETTLE = 2.0


@dataclass
class Keeper:
    """The one place that writes frr.conf and has FRR reload it.

    `announce` is called with what is written when `state.trying` has changed, before FRR can
    know: links must not go from under it. It may raise OSError.
    """

    files: Files
    memory: StateFile
    applier: Applier
    journal: Journal
    clock: Callable[[], float]
    backoff: Backoff = field(default_factory=lambda: Backoff(first=2.0, longest=120.0))
    tally: Tally = field(default_factory=Tally)
    reloads: Reloads = field(init=False)
    deaths: Deaths = field(init=False)
    pause: Pause = field(init=False)
    rest: Pause = field(init=False)
    edits: Edits = field(init=False)
    announce: Callable[[Good], None] = lambda _: None
    _unsettled: tuple[str, ...] = ()
    _foreign: tuple[Problem, ...] = ()
    _unrepaired: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        self.reloads = Reloads(self.journal, self.clock, self.tally)
        self.deaths = Deaths(self.clock)
        self.pause = Pause(self.clock)
        self.rest = Pause(self.clock)
        copy = self.memory.path.with_name("frr.conf.edited")
        self.edits = Edits(copy, self.files, self.journal)

    def paths(self) -> tuple[Path, ...]:
        """Return what is written here, but for the state."""
        return self.files.configuration, self.files.template, self.edits.path

    @property
    def state(self) -> State:
        """What is remembered."""
        return self.memory.state

    async def serve(self, target: Target, disk: str | None, *, due: bool) -> Kept:
        """Bring FRR to the target, or keep it where it is when the target was refused.

        `due` asks to look at FRR although nothing changed. Raises FrrError, SystemdError
        and OSError; what was good before is good then.
        """
        kept = await self._serve(target, disk, due=due)
        delays = [delay for delay in (kept.again, self.deaths.left()) if delay is not None]
        return dataclasses.replace(kept, again=min(delays, default=None))

    async def _serve(self, target: Target, disk: str | None, *, due: bool) -> Kept:
        good = self.state.good or await self._first(target, disk)
        if target.text == good.text and good.proven:
            return await self.keep(disk, due=due)
        spared = await self._spare(target, target.text, disk, due=due)
        if spared is not None:
            return spared
        if left := self.pause.left(target.wish):
            kept = await self.keep(disk, due=due)
            told = tuple(dict.fromkeys((*self.pause.problems, *kept.problems)))
            return dataclasses.replace(kept, problems=told, again=kept.again or left, settled=False)
        return await self._change(target, good, disk, due=due)

    async def _spare(
        self, target: Target, text: str, disk: str | None, *, due: bool
    ) -> Kept | None:
        """Keep FRR where it is as long as `text` is not to be tried; None where it may be."""
        refusal = self.state.refusal(digest(text))
        death = self.deaths.wait(target.intent.vrfs, target.loaded.mark, target.frame)
        if refusal is not None:
            problem = refused(refusal.reason)
        elif death is not None:
            problem = not_survived(death)
        else:
            return None
        kept = await self.keep(disk, due=due)
        return dataclasses.replace(kept, problems=(problem, *kept.problems))

    async def keep(self, disk: str | None, *, due: bool) -> Kept:
        """Keep FRR at the last good configuration. Raises as `serve`."""
        good = self.state.good
        if good is None:
            return Kept()
        if disk != good.text:
            self._rescue_edit(disk, good.text)
            self._write(good, ())
            return await self._repair(good, "frr.conf was not the last good one", disk or "")
        if not due and not self.state.mixed:
            return Kept(problems=self._standing)
        finding = await look(self.applier.frr, self._goal_of(good))
        if finding.reached:
            self._unsettled = self._unrepaired = ()
            self._hold(trying=self._doubtful(good), mixed=False)
            self._foreign = differs(finding, good.tolerated)
            return Kept(seen(good), self._foreign)
        if self._unsettled != finding.sentences():
            self._unsettled = finding.sentences()
            return Kept(problems=self._standing, again=SETTLE, settled=False)
        if left := self.rest.left(finding.sentences()):
            return Kept(problems=self.rest.problems, again=left, settled=False)
        kept = await self._repair(good, "; ".join(finding.sentences()), good.text)
        if not kept.settled:
            # The reload has woken the daemon, and FRR is as far as it was.
            self.rest.begin(finding.sentences(), kept.again or 0.0, kept.problems)
        return kept

    def prepare(self, disk: str) -> None:
        """Have FRR, which is dead, start with the last good file and not with an unproven one.

        The daemon may have been killed before it saw FRR end, or could not write. What others
        wrote is put back when FRR lives. Raises OSError.
        """
        good = self.state.good
        if good is not None and disk != good.text and self.state.ours(disk):
            self._write(good, ())

    async def _first(self, target: Target, disk: str | None) -> Good:
        """Return what to fall back to when nothing was proven yet, and remember it.

        That is what the disk says, with all that another operator, or we before the memory
        was lost, had FRR serve; or what runs, where FRR cannot have that from the disk. What
        FRR does not take over of it today is no fault of tomorrow's.
        """
        running = (await self.applier.frr.facts()).running
        text, parts = as_run(disk or ""), vrfs_in(running)
        if disk is None or parts - vrfs_in(text) or not await target.readable(text):
            text = f"{running}\n"
        verdict = judge(await self.applier.frr.differences(text, running), ())
        good = Good(text, "", (), tolerated=tuple(str(item) for item in verdict.foreign))
        trying = parts.union(vrfs_in(text), self.state.trying)
        state = dataclasses.replace(self.state, good=good, trying=tuple(sorted(trying)))
        self.memory.save(state)
        return good

    async def _change(self, target: Target, good: Good, disk: str | None, *, due: bool) -> Kept:
        # A dead or hung FRR shall not be held against a text that it has not seen.
        await self.applier.frr.answers()
        steps = steps_to(target, good, self.deaths)
        for number, vrfs in enumerate(steps, start=1):
            if number < len(steps) and not await target.passes(vrfs):
                continue  # two that exclude each other, such as swapped VNIs, must go together
            text = target.text if number == len(steps) else target.text_for(vrfs)
            spared = await self._spare(target, text, disk, due=due)
            if spared is not None:
                return spared
            new = Good(text, target.loaded.mark, vrfs, target.loaded.template.ipv6)
            found = await self._found(good) if goes_strictly(new, good) else frozenset()
            diff = file_diff(good.text, text)
            attempt = Attempt(target, good, new, self.clock(), diff, found)
            self._rescue_edit(disk, text)
            self._write(new, vrfs)
            part = f" ({number} of {len(steps)})" * (len(steps) > 1)
            if (kept := await self._try(attempt, part)) is not None:
                return kept
            good, disk, due = self.state.good or new, text, True
        return Kept(good.vrfs, self._foreign)

    async def _found(self, good: Good) -> frozenset[str]:
        """Return how FRR differs from the operator's text before another one comes."""
        finding = await look(self.applier.frr, goal_of(good, self.state.trying))
        return frozenset(str(item) for item in finding.verdict.foreign)

    async def _try(self, attempt: Attempt, part: str) -> Kept | None:
        """Have FRR take over what was written; return what came of it where it did not."""
        good, new, wish = attempt.good, attempt.new, attempt.target.wish
        try:
            goal = goal_to(new, good, self.state.trying, attempt.found)
            outcome = await self.applier.bring(goal)
            if not outcome.reached or outcome.finding is None:
                kept = await self._fall_back(attempt, outcome)
                self.pause.begin(wish, kept.again or 0.0, kept.problems)
                return kept
        except OSError:
            # Meanwhile the last good file goes back; the reloads wake the daemon at once.
            self.pause.begin(wish, self.backoff.next(), ())
            raise
        self._remember(new, outcome.finding, strict=new.template != good.template)
        self.deaths.survived(attempt.survivors())
        self.pause.end()
        self.reloads.record(ReloadResult.VERIFIED, attempt.began, outcome, attempt.diff.text)
        self.reloads.tell_change(new, good, attempt.diff, part)
        return None

    async def _repair(self, good: Good, why: str, found: str) -> Kept:
        """Bring FRR back to the last good configuration, which is on the disk."""
        began, diff = self.clock(), file_diff(found, good.text).text
        outcome = await self.applier.bring(self._goal_of(good))
        self._unsettled = ()
        if outcome.finding is not None and outcome.finding.served:
            # What is left of another template, no reload takes away.
            self._remember(good, outcome.finding, strict=True)
            self.reloads.record(ReloadResult.VERIFIED, began, outcome, diff)
            self.journal.notice(
                f"put FRR back to the last good configuration: {why}",
                message=Message.FRR_PUT_BACK,
            )
            return Kept(seen(good), self._foreign)
        self.reloads.record(ReloadResult.FAILED, began, outcome, diff)
        return self._later(outcome)

    async def _fall_back(self, attempt: Attempt, outcome: Outcome) -> Kept:
        """Put the last good file back after the new one did not prove itself."""
        good, new = attempt.good, attempt.new
        reason = reason_of(outcome.errors) or "FRR did not take it over"
        if not outcome.alive:
            self.reloads.record_death(attempt.began, outcome)
            return self._not_alive(attempt, outcome, reason)
        if outcome.finding is None:
            # Nobody saw what FRR makes of it, so nothing is held against it.
            self._write(good, new.vrfs)
            self.reloads.record(ReloadResult.FAILED, attempt.began, outcome, attempt.diff.text)
            return self._later(outcome)
        blamed = attempt.refusals(outcome, reason)
        self.memory.hold(self.state.refuse(blamed, attempt.wanted()))
        self._write(good, new.vrfs)
        goal = goal_to(good, new, self.state.trying, attempt.found)
        back = await self.applier.bring(goal)
        result = ReloadResult.ROLLED_BACK if back.reached else ReloadResult.FAILED
        self.reloads.record(result, attempt.began, outcome, attempt.diff.text)
        vrfs = tuple(sorted({refusal.vrf for refusal in blamed if refusal.vrf}))
        self.reloads.tell_roll_back(reason, vrfs, back)
        if not back.reached:
            return self._later(back)
        if new.template != good.template:
            self._hold(mixed=False)
        return Kept(seen(good), again=self.pause.after_roll_back(), settled=False)

    def _not_alive(self, attempt: Attempt, outcome: Outcome, reason: str) -> Kept:
        """Have FRR start anew with the last good file, and leave the other be for a while."""
        self.deaths.add(attempt.suspects(), reason)
        self._write(attempt.good, attempt.new.vrfs)
        self.reloads.tell_death(reason, attempt.diff.text)
        return self._later(outcome)

    def _later(self, outcome: Outcome) -> Kept:
        self._unrepaired = (not_repaired(outcome.errors),)
        return Kept(problems=self._unrepaired, again=self.backoff.next(), settled=False)

    @property
    def _standing(self) -> tuple[Problem, ...]:
        """What the last look has found, and lasts until another one."""
        return (*self._unrepaired, *self._foreign)

    def _goal_of(self, good: Good) -> Goal:
        return goal_of(good, self.state.trying, strict=self.state.mixed)

    def _hold(self, **changes: Any) -> None:
        # What was seen of FRR is so, also where the disk cannot take it.
        self.memory.hold(dataclasses.replace(self.state, **changes))

    def _write(self, new: Good, others: Iterable[DesiredVrf]) -> None:
        """Replace frr.conf; `others` are VRFs that FRR may have, or get, a part of."""
        before = self.state.good.vrfs if self.state.good is not None else ()
        trying = sorted({*self.state.trying, *(vrf.name for vrf in (*before, *others))})
        state = dataclasses.replace(self.state.writing(new), trying=tuple(trying))
        if new == self.state.good:
            self.memory.hold(state)  # going back waits for no disk that is full
        else:
            self.memory.save(state)
        self.announce(new)
        self.files.write(new.text)

    def _remember(self, good: Good, finding: Finding, *, strict: bool) -> None:
        tolerated = tuple(str(item) for item in finding.verdict.foreign)
        good = dataclasses.replace(good, tolerated=tolerated)
        mixed = self.state.mixed and not strict
        self._hold(good=good, trying=self._doubtful(good), mixed=mixed)
        self._foreign, self._unrepaired = differs(finding, tolerated), ()
        self.backoff.reset()

    def _doubtful(self, good: Good) -> tuple[str, ...]:
        """Return the VRFs that FRR may have a part of when it was seen to run with `good`."""
        return () if good.proven else self.state.trying

    def _rescue_edit(self, disk: str | None, wanted: str) -> None:
        good = self.state.good
        known = {wanted, good.text if good is not None else wanted}
        self.edits.rescue(disk, known, self.state)
