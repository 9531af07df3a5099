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
import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netop.common.backoff import Backoff
from netop.common.documents import DesiredVrf, Reload, ReloadResult
from netop.common.journal import Journal
from netop.common.problem import Problem
from netop.common.store import replace_file
from netop.frr_templater.apply import Applier, Finding, Goal, Outcome, look
from netop.frr_templater.files import Files
from netop.frr_templater.plan import (
    Expected,
    batches,
    changed_names,
    expected,
    file_diff,
    line_counts,
)
from netop.frr_templater.state import Good, Refusal, State, StateFile, digest
from netop.frr_templater.target import Target
from netop.frr_templater.template import HEADER

# Between two looks at an FRR that is not as it should be: it may be starting just now.
SETTLE = 2.0
# FRR may end while a text is applied without the text being the reason, but not twice.
DEATHS = 2

# As much as a person reads in a status line, in characters.
REASON_LONGEST = 1000

NOT_RELOADED = Reload(ReloadResult.NONE, "", 0.0, 0, "", ())


@dataclass(frozen=True)
class Kept:
    """What came of keeping: `vrfs` that FRR was seen to serve, None where nobody looked.

    `again` is when to come back, in seconds.
    """

    vrfs: tuple[DesiredVrf, ...] | None = None
    problems: tuple[Problem, ...] = ()
    again: float | None = None


@dataclass
class Keeper:
    """The one place that writes frr.conf and has FRR reload it."""

    files: Files
    memory: StateFile
    applier: Applier
    journal: Journal
    clock: Callable[[], float]
    backoff: Backoff = field(default_factory=lambda: Backoff(first=2.0, longest=120.0))
    reload: Reload = NOT_RELOADED
    _unsettled: tuple[str, ...] = ()
    _foreign: tuple[Problem, ...] = ()
    _deaths: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """What is remembered."""
        return self.memory.state

    async def serve(self, target: Target, disk: str | None, *, due: bool) -> Kept:
        """Bring FRR to the target, or keep it where it is when the target was refused.

        `due` asks to look at FRR although nothing changed. Raises FrrError, SystemdError
        and OSError; what was good before is good then.
        """
        good = self.state.good or await self._first(target, disk)
        refusal = self.state.refusal(digest(target.text))
        if refusal is not None:
            kept = await self.keep(disk, due=due)
            return dataclasses.replace(kept, problems=(_refused(refusal.reason), *kept.problems))
        if target.text == good.text:
            return await self.keep(disk, due=due)
        self._rescue_edit(disk, target.text)
        return await self._change(target, good)

    async def keep(self, disk: str | None, *, due: bool) -> Kept:
        """Keep FRR at the last good configuration. Raises as `serve`."""
        good = self.state.good
        if good is None:
            return Kept()
        if disk != good.text:
            self._rescue_edit(disk, good.text)
            self._write(good.text)
            return await self._repair(good, "frr.conf was not the last good one", disk or "")
        if not due:
            return Kept(problems=self._foreign)
        finding = await look(self.applier.frr, _goal_of(good, ()))
        if finding.reached:
            self._unsettled = ()
            self._foreign = _foreign(finding, good.tolerated)
            return Kept(good.vrfs, self._foreign)
        if self._unsettled != finding.sentences():
            self._unsettled = finding.sentences()
            return Kept(problems=self._foreign, again=SETTLE)
        return await self._repair(good, "; ".join(finding.sentences()), good.text)

    async def _first(self, target: Target, disk: str | None) -> Good:
        """Return what to fall back to when nothing was proven yet, and remember it.

        That is the operator's text with nothing in its places; what FRR does not take
        over of it today is no fault of tomorrow's.
        """
        if disk is not None and HEADER in disk.splitlines():
            good = Good(text=disk, template="", vrfs=())
        else:
            good = Good(target.text_for(()), target.loaded.mark, (), target.loaded.template.ipv6)
        finding = await look(self.applier.frr, _goal_of(good, ()))
        foreign = tuple(str(item) for item in finding.verdict.foreign)
        good = dataclasses.replace(good, tolerated=foreign)
        self.memory.save(dataclasses.replace(self.state, good=good))
        return good

    async def _change(self, target: Target, good: Good) -> Kept:
        steps = batches(good.vrfs, target.vrfs)
        for number, vrfs in enumerate(steps, start=1):
            text = target.text if number == len(steps) else target.text_for(vrfs)
            new = Good(text, target.loaded.mark, vrfs, target.loaded.template.ipv6)
            began, diff = self.clock(), file_diff(good.text, text)
            self._write(text)
            outcome = await self.applier.bring(_goal_to(new, good))
            if not outcome.reached or outcome.finding is None:
                return await self._fall_back(new, good, outcome, began, diff)
            self._remember(new, outcome.finding)
            self._record(ReloadResult.VERIFIED, began, outcome, diff)
            self._tell_change(new, good, diff, f" ({number} of {len(steps)})" * (len(steps) > 1))
            good = self.state.good or new
        return Kept(good.vrfs, self._foreign)

    async def _repair(self, good: Good, why: str, found: str) -> Kept:
        """Bring FRR back to the last good configuration, which is on the disk."""
        began, diff = self.clock(), file_diff(found, good.text)
        outcome = await self.applier.bring(_goal_of(good, ()))
        self._unsettled = ()
        if outcome.reached and outcome.finding is not None:
            self._remember(good, outcome.finding)
            self._record(ReloadResult.VERIFIED, began, outcome, diff)
            self.journal.notice(f"put FRR back to the last good configuration: {why}")
            return Kept(good.vrfs, self._foreign)
        self._record(ReloadResult.FAILED, began, outcome, diff)
        return Kept(problems=(_not_repaired(outcome.errors),), again=self.backoff.next())

    async def _fall_back(
        self, new: Good, good: Good, outcome: Outcome, began: float, diff: str
    ) -> Kept:
        """Put the last good file back after `new` did not prove itself."""
        reason = _reason(outcome.errors) or "FRR did not take it over"
        if not outcome.alive and self._deaths.setdefault(digest(new.text), 0) + 1 < DEATHS:
            self._deaths[digest(new.text)] += 1
            self._write(good.text)
            self.journal.warning(f"FRR ended or hung while it took over a change: {reason}")
            return Kept(problems=(_not_repaired(outcome.errors),), again=self.backoff.next())
        self.memory.save(self.state.refuse(self._refusals(new, good, outcome, reason)))
        self._write(good.text)
        back = await self.applier.bring(_goal_to(good, new))
        result = ReloadResult.ROLLED_BACK if back.reached else ReloadResult.FAILED
        self._record(result, began, outcome, diff)
        ending = (
            "the last good configuration is back"
            if back.reached
            else f"and the last good configuration could not be put back: {_reason(back.errors)}"
        )
        self.journal.error(f"FRR refused the change: {reason}; {ending}", diff=diff[:4096])
        if not back.reached:
            return Kept(problems=(_not_repaired(back.errors),), again=self.backoff.next())
        # At once: without what was refused, the rest may well do.
        return Kept(good.vrfs, (_refused(reason),), again=0.0)

    def _refusals(
        self, new: Good, good: Good, outcome: Outcome, reason: str
    ) -> tuple[Refusal, ...]:
        """Return what is to blame: the changed VRFs that FRR complains of, or the whole."""
        changed, _ = changed_names(good.vrfs, new.vrfs)
        named = outcome.finding.vrfs(changed) if outcome.finding is not None else frozenset()
        if not named:
            return (Refusal(digest(new.text), reason),)
        return tuple(
            Refusal(digest(vrf, new.template), reason, vrf.name)
            for vrf in new.vrfs
            if vrf.name in named
        )

    def _write(self, text: str) -> None:
        self.memory.save(dataclasses.replace(self.state, written=digest(text)))
        self.files.write(text)

    def _remember(self, good: Good, finding: Finding) -> None:
        tolerated = tuple(str(item) for item in finding.verdict.foreign)
        good = dataclasses.replace(good, tolerated=tolerated)
        self.memory.save(dataclasses.replace(self.state, good=good))
        self._foreign = _foreign(finding, tolerated)
        self._deaths.clear()
        self.backoff.reset()

    def _record(self, result: ReloadResult, began: float, outcome: Outcome, diff: str) -> None:
        now = datetime.datetime.now(tz=datetime.UTC)
        self.reload = Reload(
            result=result,
            finished=now.isoformat(timespec="seconds"),
            seconds=round(self.clock() - began, 3),
            passes=outcome.passes,
            diff=diff,
            errors=outcome.errors,
        )

    def _tell_change(self, new: Good, good: Good, diff: str, part: str) -> None:
        more, less = line_counts(diff)
        changed, gone = changed_names(good.vrfs, new.vrfs)
        what = [f"serving {_listed(changed)}"] if changed else []
        what += [f"no longer {_listed(gone)}"] if gone else []
        passes = f" and {self.reload.passes} passes" if self.reload.passes > 1 else ""
        self.journal.info(
            f"frr.conf: {more} lines more, {less} less, reloaded and verified in "
            f"{self.reload.seconds:.1f} s{passes}{part}: "
            f"{', '.join(what) or 'template changed'}",
            diff=diff[:4096],
            errors="; ".join(self.reload.errors),
        )

    def _rescue_edit(self, disk: str | None, wanted: str) -> None:
        """Keep a copy of a frr.conf that somebody else wrote, and say so."""
        good = self.state.good
        known = {wanted, good.text if good is not None else wanted}
        if disk is None or disk in known or digest(disk) == self.state.written:
            return
        if not self.state.written:
            return  # as provisioned, before we wrote anything
        copy = self.memory.path.with_name("frr.conf.edited")
        replace_file(copy, disk, mode=0o600)
        self.journal.warning(
            f"{self.files.configuration} was changed by somebody else and is put back; the "
            f"change is kept in {copy}; make it in {self.files.template} instead"
        )


def _goal_of(good: Good, before: Iterable[str]) -> Goal:
    """Return the goal of being where a good configuration says."""
    names = frozenset(vrf.name for vrf in good.vrfs) | frozenset(before)
    if not good.template:
        return Goal(good.text, Expected({}, frozenset(), frozenset()), names)
    wanted = expected(good.vrfs, before, ipv6=good.ipv6)
    return Goal(good.text, wanted, names)


def _goal_to(new: Good, old: Good) -> Goal:
    """Return the goal of getting from one configuration to another."""
    goal = _goal_of(new, (vrf.name for vrf in old.vrfs))
    strict = new.template != old.template
    return dataclasses.replace(goal, strict=strict, tolerated=frozenset(old.tolerated))


def _foreign(finding: Finding, tolerated: tuple[str, ...]) -> tuple[Problem, ...]:
    """Return the complaint about differences in the operator's own text."""
    fresh = [str(item) for item in finding.verdict.foreign if str(item) not in tolerated]
    shown = fresh or [str(item) for item in finding.verdict.foreign]
    if not shown:
        return ()
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    remedy = (
        "the next reload undoes what was changed by hand; to keep it, put it into frr.conf.tpl"
        if fresh
        else "a reload does not change that, so it is left alone"
    )
    reason = f"FRR runs differently from the operator's own text: `{shown[0]}`{more}"
    return (Problem("frr.conf", reason, remedy=remedy),)


def _refused(reason: str) -> Problem:
    remedy = "the last good configuration is served; it is tried again when something changes"
    return Problem("frr.conf", f"FRR refused a change and was rolled back: {reason}", remedy=remedy)


def _not_repaired(errors: tuple[str, ...]) -> Problem:
    said = _reason(errors) or "it gives no reason"
    return Problem("frr.service", f"does not come to its configuration: {said}")


def _reason(errors: tuple[str, ...]) -> str:
    text = "; ".join(errors)
    return text if len(text) <= REASON_LONGEST else f"{text[:REASON_LONGEST]} ..."


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 6} more" if len(ordered) > 6 else ""
    return ", ".join(ordered[:6]) + more
