# SPDX-License-Identifier: Apache-2.0
"""What shall become of each VRF's links: a function of two documents (design.md)."""

from __future__ import annotations

from enum import StrEnum

from netop.common.documents import Desired, DesiredVrf, Served
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.link import names_of


class Goal(StrEnum):
    """What shall become of a VRF's links."""

    PREPARED = "prepared"  # exist, down, until FRR serves the VRF with this very VNI
    UP = "up"
    LEAVING = "leaving"  # stay as they are, until FRR has let go
    REMOVED = "removed"


def goals(desired: Desired, served: Served | None, actual: Actual) -> dict[str, Goal]:
    """Return the goal of each VRF that is desired or still has links of ours, by name.

    Without a `served` document nobody knows what FRR serves: what is up stays up.
    """
    found: dict[str, Goal] = {}
    for vrf in desired.vrfs:
        if vrf.vni is not None:
            known = served.serves(vrf.name, vrf.vni) if served else _is_up(vrf, actual)
            found[vrf.name] = Goal.UP if known else Goal.PREPARED
    held = peered_vrfs(served, actual)
    for link in actual.own:
        name = link.vrf
        if name is not None and name not in found:
            found[name] = Goal.LEAVING if name in held else Goal.REMOVED
    return dict(sorted(found.items()))


def peered_vrfs(served: Served | None, actual: Actual) -> frozenset[str]:
    """Return the VRFs over whose links FRR may have sessions, now or when it starts anew.

    Where nobody knows, those are meant that have a link which is up.
    """
    if served is None:
        return frozenset(link.vrf for link in actual.own if link.up and link.vrf)
    return frozenset(vrf.name for vrf in served.vrfs if vrf.vni is not None) | {*served.trying}


def _is_up(vrf: DesiredVrf, actual: Actual) -> bool:
    vxlan = actual.by_name.get(names_of(vrf.name).vxlan)
    return vxlan is not None and vxlan.own and vxlan.up and vxlan.attributes.vni == vrf.vni
