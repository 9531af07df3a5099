# SPDX-License-Identifier: Apache-2.0
"""What was done for a VRF, as sentences for the journal."""

from __future__ import annotations

from collections.abc import Sequence

from netop.netlink_reconciler.step import Address, Change, Create, Delete, Route, Step, Switch


def sentences(vrf: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return one sentence for all links made, one for those switched, one for each repair."""
    told = [str(step) for step in steps if isinstance(step, Delete) and _says_why(step)]
    removed = [step for step in steps if isinstance(step, Delete) and not _says_why(step)]
    if removed:
        told.append(f"{vrf}: removed {_names(removed)}")
    made = [str(step).replace(": made", "") for step in steps if isinstance(step, Create)]
    if made:
        told.append(f"{vrf}: made {'; '.join(made)}")
    repairs = (step for step in steps if isinstance(step, Change | Route | Address))
    told += [str(step) for step in repairs if step.told]
    for up in (False, True):
        switched = [step for step in steps if isinstance(step, Switch) and step.up == up]
        if switched:
            told.append(f"{vrf}: {_names(switched)} set {'up' if up else 'down'}")
    return tuple(told)


def _says_why(step: Delete) -> bool:
    return step.reason != "removed"


def _names(steps: Sequence[Delete | Switch]) -> str:
    return ", ".join(step.name for step in steps)
