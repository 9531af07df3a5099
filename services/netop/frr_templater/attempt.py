# SPDX-License-Identifier: Apache-2.0
"""One step of a change, and what is held against it when it fails. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.frr_templater.apply import Outcome
from netop.frr_templater.deaths import WHOLE, Change, Deaths
from netop.frr_templater.found import vrfs_in
from netop.frr_templater.plan import FileDiff, batches, changed_names
from netop.frr_templater.sentences import reason_of
from netop.frr_templater.state import Good, Refusal, digest
from netop.frr_templater.target import Target


@dataclass(frozen=True)
class Attempt:
    """The step from `good` to `new` on the way to `target`, and when it began.

    `found` is how FRR differed from the operator's text before, where that counts.
    """

    target: Target
    good: Good
    new: Good
    began: float
    diff: FileDiff
    found: frozenset[str] = frozenset()

    def refusals(self, outcome: Outcome, reason: str) -> tuple[Refusal, ...]:
        """Return what is to blame: changed VRFs that FRR complains of, or the whole.

        What FRR has seen may be a step on the way, and of a VRF what the checks have left of
        it; only what is wanted is looked up before the next attempt.
        """
        changed, _ = changed_names(self.good.vrfs, self.new.vrfs)
        blamed = outcome.to_blame(changed)
        if not blamed:
            texts = dict.fromkeys([self.new.text, self.target.text])
            return tuple(Refusal(digest(text), reason) for text in texts)
        why = reason_of(outcome.said[:4]) or reason
        versions = dict.fromkeys(
            (digest(vrf, self.new.template), vrf.name)
            for vrf in (*self.new.vrfs, *self.target.intent.vrfs)
            if vrf.name in blamed
        )
        return tuple(Refusal(version, why, name) for version, name in versions)

    def wanted(self) -> frozenset[str]:
        """Return what refusals of that which is wanted now would be known by."""
        mark = self.target.loaded.mark
        return frozenset(digest(vrf, mark) for vrf in self.target.intent.vrfs)

    def suspects(self) -> tuple[Change, ...]:
        """Return what FRR may have ended or hung of: what is changed, and what is wanted.

        As with refusals, only what is wanted is looked up before the next attempt.
        """
        return self._changes(self.new.vrfs, self.target.vrfs, self.target.intent.vrfs)

    def survivors(self) -> tuple[Change, ...]:
        """Return what FRR has lived through once this step is proven."""
        return self._changes(self.new.vrfs)

    def _changes(self, *versions: Sequence[DesiredVrf]) -> tuple[Change, ...]:
        mark, good = self.new.template, self.good
        changed, gone = changed_names(good.vrfs, self.new.vrfs)
        # What is served of an older template, or by another operator, cannot be taken apart.
        served = good.template != mark and (good.vrfs or vrfs_in(good.text))
        if served or not (changed or gone):
            of_template = good.proven and good.template != mark
            return ((WHOLE, (None, mark if of_template else self.target.frame)),)
        named = [{vrf.name: vrf for vrf in vrfs} for vrfs in versions]
        return tuple(
            (name, (vrfs.get(name), mark)) for name in sorted(changed | gone) for vrfs in named
        )


def steps_to(target: Target, good: Good, deaths: Deaths) -> tuple[tuple[DesiredVrf, ...], ...]:
    """Return the sets of VRFs to go through."""
    if not good.proven and vrfs_in(good.text):
        # The first of several would lack what is served and what nobody knows of.
        return (target.vrfs,)
    alone = deaths.suspects(target.vrfs, target.loaded.mark)
    # Before FRR ended of anything, a first change is not taken apart.
    new_template = good.template != target.loaded.mark and (good.proven or bool(alone))
    return batches(good.vrfs, target.vrfs, new_template=new_template, alone=alone)
