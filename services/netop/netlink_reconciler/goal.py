# SPDX-License-Identifier: Apache-2.0
"""What shall become of each VRF's links: a function of two documents (design.md)."""

from __future__ import annotations

from enum import StrEnum

from netop.common.documents import Desired, Served
from netop.netlink_reconciler.actual import Actual


class Goal(StrEnum):
    """What shall become of a VRF's links."""

    PREPARED = "prepared"  # exist, down, until FRR serves the VRF with this very VNI
    UP = "up"
    LEAVING = "leaving"  # stay as they are, until FRR has let go
    REMOVED = "removed"


def goals(desired: Desired, served: Served | None, actual: Actual) -> dict[str, Goal]:
    """Return the goal of each VRF that is desired or still has links of ours, by name.

    No `served` document means that nothing is served.
    """
    found: dict[str, Goal] = {}
    for vrf in desired.vrfs:
        if vrf.vni is not None:
            up = served is not None and served.serves(vrf.name, vrf.vni)
            found[vrf.name] = Goal.UP if up else Goal.PREPARED
    held = {vrf.name for vrf in served.vrfs if vrf.vni is not None} if served else set()
    for link in actual.own():
        name = link.vrf
        if name is not None and name not in found:
            found[name] = Goal.LEAVING if name in held else Goal.REMOVED
    return dict(sorted(found.items()))
