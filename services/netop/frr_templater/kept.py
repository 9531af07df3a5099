# SPDX-License-Identifier: Apache-2.0
"""What a pass of the keeper came to."""

from __future__ import annotations

from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.common.problem import Problem
from netop.frr_templater.state import Good


@dataclass(frozen=True)
class Kept:
    """What came of keeping: `vrfs` that FRR was seen to serve, None where nobody knows.

    `again` is when to come back, in seconds; `settled` says that there is nothing else to
    come of what is wanted now.
    """

    vrfs: tuple[DesiredVrf, ...] | None = None
    problems: tuple[Problem, ...] = ()
    again: float | None = None
    settled: bool = True


def seen(good: Good) -> tuple[DesiredVrf, ...] | None:
    """Return the VRFs that FRR serves with `good`; None where nobody knows."""
    return good.vrfs if good.proven else None
