# SPDX-License-Identifier: Apache-2.0
"""How the keeper's findings are told to people."""

from __future__ import annotations

from collections.abc import Iterable

from netop.common.masking import masked
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.frr_templater.apply import Finding
from netop.frr_templater.deaths import Death

# As much as a person reads in a status line, in characters.
REASON_LONGEST = 1000


def differs(finding: Finding, tolerated: tuple[str, ...]) -> tuple[Problem, ...]:
    """Return the complaint about differences in the operator's own text, if there are any.

    `tolerated` are those that an earlier reload did not change.
    """
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
    reason = f"FRR runs differently from the operator's own text: `{masked(shown[0])}`{more}"
    return (Problem("frr.conf", reason, remedy=remedy, message=Message.HAND_EDIT_RUNNING),)


def refused(reason: str) -> Problem:
    """Return the complaint about a change that was rolled back."""
    remedy = "the last good configuration is served; it is tried again when something changes"
    return Problem(
        "frr.conf",
        f"FRR refused a change and was rolled back: {reason}",
        remedy=remedy,
        message=Message.CHANGE_REFUSED,
    )


def not_survived(death: Death, vrf: str = "", *, kept_last: bool = True) -> Problem:
    """Return the complaint about a change that FRR did not live through; of one VRF, or all."""
    times = "once" if death.times == 1 else f"{death.times} times"
    remedy = "its last good configuration stays" if kept_last else "it is left out"
    return Problem(
        f"VRF {vrf}" if vrf else "frr.conf",
        f"FRR ended or hung {times} while it took over a change: {death.reason}",
        remedy=f"{remedy if vrf else 'the last good configuration is served'}; "
        "it is tried again later",
        vrf=vrf,
        message=Message.FRR_DIED_OF_CHANGE,
    )


def not_repaired(errors: tuple[str, ...]) -> Problem:
    """Return the complaint about an FRR that stays different."""
    said = reason_of(errors) or "it gives no reason"
    reason = f"does not come to its configuration: {said}"
    return Problem("frr.service", reason, message=Message.FRR_NOT_REPAIRED)


def reason_of(errors: tuple[str, ...]) -> str:
    """Return what FRR said as one sentence of bounded length."""
    text = "; ".join(errors)
    return text if len(text) <= REASON_LONGEST else f"{text[:REASON_LONGEST]} ..."


def listed(names: Iterable[str]) -> str:
    """Return a few names for a sentence."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 6} more" if len(ordered) > 6 else ""
    return ", ".join(ordered[:6]) + more
