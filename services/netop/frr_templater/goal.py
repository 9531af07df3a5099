# SPDX-License-Identifier: Apache-2.0
"""What FRR is to be brought to, with all that tells whether it is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from netop.frr_templater.found import vrfs_in
from netop.frr_templater.plan import Expected, expected
from netop.frr_templater.state import Good


@dataclass(frozen=True)
class Goal:
    """A configuration and all that tells whether FRR serves it.

    `names` are the VRFs of ours that differences may be about, those that go included.
    `strict` says that the operator's text is new too, so that differences in it count,
    but for those in `tolerated`, which were there before.
    """

    text: str
    expected: Expected
    names: frozenset[str]
    strict: bool = False
    tolerated: frozenset[str] = frozenset()


def goal_of(good: Good, before: Iterable[str], *, strict: bool = False) -> Goal:
    """Return the goal of being where a good configuration says.

    `strict` where FRR may have lines of another template, which nobody typed.
    """
    names = frozenset(vrf.name for vrf in good.vrfs) | frozenset(before)
    if not good.proven:
        # Nobody knows what FRR must have of it, only that the others have to go.
        before = names - vrfs_in(good.text)
    wanted = expected(good.vrfs, before, ipv6=good.ipv6, text=good.text)
    return Goal(good.text, wanted, names, strict, frozenset(good.tolerated))


def goes_strictly(new: Good, old: Good) -> bool:
    """Return whether the way from one to the other counts the operator's text, too."""
    return new.proven and old.proven and new.template != old.template


def goal_to(
    new: Good, old: Good, trying: Iterable[str], found: Iterable[str] = frozenset()
) -> Goal:
    """Return the goal of getting from one configuration to another.

    What FRR has never taken over of an operator's text is no fault of ours, nor what was
    `found` before, such as a stanza typed into vtysh that FRR cannot remove.
    """
    goal = goal_of(new, {*trying, *(vrf.name for vrf in old.vrfs)})
    # On the way back it is `new` that was proven, and knows what it was proven without.
    tolerated = frozenset((*new.tolerated, *old.tolerated, *found))
    return dataclasses.replace(goal, strict=goes_strictly(new, old), tolerated=tolerated)
