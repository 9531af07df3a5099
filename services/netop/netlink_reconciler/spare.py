# SPDX-License-Identifier: Apache-2.0
"""What a VRF can do without, should the kernel refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netop.common.messages import Message
from netop.common.problem import Problem
from netop.netlink_reconciler.linklocal import is_link_local
from netop.netlink_reconciler.refusal import Refusal
from netop.netlink_reconciler.step import Address, Change, Step


@dataclass(frozen=True)
class Spare:
    """A part of a VRF: without it its packets are forwarded, and kept apart, all the same."""

    vrf: str
    link: str
    part: str

    def lacking(self, refusal: Refusal) -> Problem:
        """Return what to tell while the VRF goes without it."""
        return Problem(
            f"VRF {self.vrf}",
            f"goes without a part of {self.link}: {refusal.removeprefix(f'{self.link}: ')}",
            remedy="it is served all the same; this is tried again",
            vrf=self.vrf,
            interface=self.link,
            message=Message.LINKS_LACKING,
        )


def spare_of(step: Step) -> Spare | None:
    """Return what the step is for, where the VRF can do without; None where it cannot.

    An alias is for people, and the second of two marks. The settings of addresses, and the
    VRF's own addresses, are for the answers of this node (docs/dataplane.md); but without
    its link-local address, a veth carries no BGP session.
    """
    if isinstance(step, Address) and not is_link_local(step.identity):
        return Spare(step.vrf, step.identity.link, f"{step.identity} {step.present}")
    if isinstance(step, Change):
        difference = step.difference
        surplus = difference.attribute == "link_local" and difference.new is False
        if surplus or difference.attribute in {"alias", "accept_local"}:
            return Spare(step.vrf, step.name, difference.attribute)
    return None


def without(
    steps: Iterable[Step], lacking: Mapping[Spare, Refusal]
) -> tuple[tuple[Step, ...], tuple[Problem, ...]]:
    """Return the steps but for those of spares that are lacking, and what to tell of these."""
    kept: list[Step] = []
    told: list[Problem] = []
    for step in steps:
        spare = spare_of(step)
        if spare is not None and spare in lacking:
            told.append(spare.lacking(lacking[spare]))
        else:
            kept.append(step)
    return tuple(kept), tuple(told)
