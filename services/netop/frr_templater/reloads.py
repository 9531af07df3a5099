# SPDX-License-Identifier: Apache-2.0
"""What becomes of reloads: the last one for `served`, numbers for metrics, words for people."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from netop.common.documents import Reload, ReloadResult
from netop.common.journal import Journal
from netop.common.messages import Message
from netop.common.tally import Count, Level, Tally
from netop.frr_templater.apply import Outcome
from netop.frr_templater.plan import FileDiff, changed_names
from netop.frr_templater.sentences import listed, reason_of
from netop.frr_templater.state import Good

# The journal gets the beginning of a diff, in characters; served.json has more of it.
DIFF_TOLD = 4096

# How a reload ends that FRR does not live through; the other ends are those of `served`.
DIED = "died"
COUNTED = (*(str(result) for result in ReloadResult if result is not ReloadResult.NONE), DIED)

NOT_RELOADED = Reload(ReloadResult.NONE, "", 0.0, 0, "", ())


@dataclass
class Reloads:
    """Records what came of each attempt to bring FRR somewhere; `last` is the last one."""

    journal: Journal
    clock: Callable[[], float]
    tally: Tally
    last: Reload = NOT_RELOADED

    def record(self, result: ReloadResult, began: float, outcome: Outcome, diff: str) -> None:
        """Take up an attempt that FRR lived through."""
        now = datetime.datetime.now(tz=datetime.UTC)
        self.last = Reload(
            result=result,
            finished=now.isoformat(timespec="seconds"),
            seconds=self._since(began),
            passes=outcome.passes,
            diff=diff,
            errors=outcome.errors,
        )
        self._count(result, self.last.seconds, outcome)

    def record_death(self, began: float, outcome: Outcome) -> None:
        """Take up one that FRR did not live through."""
        self._count(DIED, self._since(began), outcome)

    def _since(self, began: float) -> float:
        return round(self.clock() - began, 3)

    def _count(self, result: str, seconds: float, outcome: Outcome) -> None:
        self.tally.add(Count.FRR_RELOADS, result)
        self.tally.add(Count.FRR_RELOAD_SECONDS, by=seconds)
        self.tally.add(Count.FRR_RELOAD_PASSES, by=outcome.passes)
        if outcome.finding is not None:
            self.tally.set(Level.FRR_RESIDUALS, outcome.finding.residuals)
        self.tally.save()

    def tell_change(self, new: Good, good: Good, diff: FileDiff, part: str) -> None:
        """Tell of a change that FRR was seen to serve."""
        changed, gone = changed_names(good.vrfs, new.vrfs)
        known = {vrf.name for vrf in good.vrfs}
        told = {"now": changed - known, "changed": changed & known, "no longer": gone}
        what = [f"{word} {listed(names)}" for word, names in told.items() if names]
        passes = f" and {self.last.passes} passes" if self.last.passes > 1 else ""
        self.journal.info(
            f"frr.conf: {diff.more} lines more, {diff.less} less, reloaded and verified in "
            f"{self.last.seconds:.1f} s{passes}{part}: "
            f"{'; '.join(what) or 'template changed'}",
            message=Message.FRR_RELOADED,
            diff=self.last.diff[:DIFF_TOLD],
            errors="; ".join(self.last.errors),
            vrf=tuple(sorted(changed | gone)),
        )

    def tell_death(self, reason: str, diff: str) -> None:
        """Tell of a change that FRR did not live through, with all that a report needs."""
        sentence = f"FRR ended or hung while it took over a change: {reason}"
        self.journal.warning(sentence, message=Message.FRR_DIED_OF_CHANGE, diff=diff[:DIFF_TOLD])

    def tell_roll_back(self, reason: str, vrfs: tuple[str, ...], back: Outcome) -> None:
        """Tell of a change that FRR did not take, and how going back went."""
        ending = (
            "the last good configuration is back"
            if back.reached
            else f"and the last good configuration could not be put back: {reason_of(back.errors)}"
        )
        message = Message.FRR_ROLLED_BACK if back.reached else Message.FRR_RELOAD_FAILED
        sentence = f"FRR refused the change: {reason}; {ending}"
        self.journal.error(sentence, message=message, diff=self.last.diff[:DIFF_TOLD], vrf=vrfs)
