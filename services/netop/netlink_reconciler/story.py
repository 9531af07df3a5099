# SPDX-License-Identifier: Apache-2.0
"""What was done for a VRF, as sentences for the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netop.netlink_reconciler.link import names_of
from netop.netlink_reconciler.step import Address, Change, Create, Delete, Route, Step, Switch


@dataclass(frozen=True)
class Telling:
    """A sentence, and the links that it is about."""

    sentence: str
    interfaces: tuple[str, ...]


def tellings(vrf: str, steps: Sequence[Step]) -> tuple[Telling, ...]:
    """Return one sentence for all links made, one for those switched, one for each repair."""
    told = [
        Telling(str(step), (step.name,))
        for step in steps
        if isinstance(step, Delete) and _says_why(step)
    ]
    removed = [step for step in steps if isinstance(step, Delete) and not _says_why(step)]
    if removed:
        told.append(_about(removed, f"{vrf}: removed {_names(removed)}"))
    made = [step for step in steps if isinstance(step, Create)]
    if made:
        what = "; ".join(str(step).replace(": made", "") for step in made)
        told.append(_about(made, f"{vrf}: made {what}"))
    repairs = (step for step in steps if isinstance(step, Change | Route | Address))
    told += [
        Telling(str(step), tuple(filter(None, [link_of(step)]))) for step in repairs if step.told
    ]
    for up in (False, True):
        switched = [step for step in steps if isinstance(step, Switch) and step.up == up]
        if switched:
            way = "up" if up else "down"
            told.append(_about(switched, f"{vrf}: {_names(switched)} set {way}"))
    return tuple(told)


def sentences(vrf: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the sentences alone."""
    return tuple(telling.sentence for telling in tellings(vrf, steps))


def link_of(step: Step) -> str:
    """Return the name of the link that a step is about; empty where it is about none."""
    if isinstance(step, Route):
        return names_of(step.vrf).vrf if step.vrf else ""
    return step.identity.link if isinstance(step, Address) else step.name


def _about(steps: Sequence[Delete | Create | Switch], sentence: str) -> Telling:
    return Telling(sentence, tuple(name for step in steps for name in _links_of(step)))


def _links_of(step: Delete | Create | Switch) -> tuple[str, ...]:
    peer = step.peer if isinstance(step, Create) else None
    return (step.name,) if peer is None else (step.name, peer.name)


def _says_why(step: Delete) -> bool:
    return step.reason != "removed"


def _names(steps: Sequence[Delete | Switch]) -> str:
    return ", ".join(step.name for step in steps)
