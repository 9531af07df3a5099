# SPDX-License-Identifier: Apache-2.0
"""What a desired VRF lays claim to, and why it may be refused.

A refused VRF is left alone entirely: what it has keeps running, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address

from netop.common.documents import Desired
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import VXLAN_OVERHEAD, VXLAN_PORT, Kind, Link, names_of
from netop.netlink_reconciler.table import allot_tables
from netop.netlink_reconciler.underlay import UnderlayError, find_underlay
from netop.netlink_reconciler.wanted import Underlay, WantedLink, wanted_links


@dataclass(frozen=True)
class Claims:
    """The links that each VRF shall have, by VRF, and the reasons of those that were refused."""

    wanted: Mapping[str, tuple[WantedLink, ...]]
    refused: Mapping[str, str]


def claims(
    desired: Desired, goals: Mapping[str, Goal], actual: Actual, held: Mapping[str, str]
) -> Claims:
    """Return what each desired VRF shall have. `held` are VRFs to leave alone, with reasons."""
    vnis = {vrf.name: vrf.vni for vrf in desired.vrfs if vrf.vni is not None}
    refused = dict(held)
    try:
        underlay = find_underlay(actual, desired.node)
    except UnderlayError as error:
        return Claims({}, refused | {vrf: str(error) for vrf in vnis})
    refused = _foreign_names(vnis, actual) | refused
    refused = _repeated_vnis(vnis) | refused
    tables = allot_tables(vnis.keys() - refused.keys(), actual, desired.node)
    for vrf in vnis.keys() - refused.keys() - tables.keys():
        refused[vrf] = _exhausted(desired.node)
    wanted = {
        vrf: wanted_links(vrf, vnis[vrf], table, desired.node.mtu, underlay)
        for vrf, table in tables.items()
    }
    refused = _narrow_underlay(wanted, actual, underlay, desired.node) | refused
    wanted = {vrf: links for vrf, links in wanted.items() if vrf not in refused}
    return _without_conflicts(Claims(wanted, refused), goals, actual)


def doomed(claimed: Claims, goals: Mapping[str, Goal], actual: Actual) -> dict[str, str]:
    """Return the links to delete and why: of VRFs that go, strays, and those to re-create."""
    found: dict[str, str] = {}
    for link in actual.links:
        vrf = link.vrf if link.own else link.stray
        if vrf is None or vrf in claimed.refused or goals.get(vrf) == Goal.LEAVING:
            continue
        if link.stray:
            found[link.name] = f"removed, it was made for VRF {vrf} and renamed since"
        elif goals.get(vrf) == Goal.REMOVED:
            found[link.name] = "removed"
    for vrf, links in claimed.wanted.items():
        for wanted in links:
            actual_link = actual.by_name.get(wanted.name)
            if actual_link is not None:
                found |= _re_creation(vrf, actual_link, wanted)
    return found


def _re_creation(vrf: str, link: Link, wanted: WantedLink) -> dict[str, str]:
    fixed = [
        difference
        for difference in link.attributes.differences(wanted.attributes)
        if difference.needs_re_creation
    ]
    if not fixed:
        return {}
    told = ", ".join(str(difference) for difference in fixed)
    return {link.name: f"{told}, needs re-creation, interrupts {vrf}"}


def _foreign_names(vnis: Mapping[str, int], actual: Actual) -> dict[str, str]:
    refused: dict[str, str] = {}
    for vrf in vnis:
        for name in names_of(vrf).all():
            link = actual.by_name.get(name)
            if link is not None and not link.own:
                refused[vrf] = (
                    f"{name} exists and is not ours (no alias 'netop vrf {vrf}'); "
                    "remove or rename it"
                )
                break
    return refused


def _repeated_vnis(vnis: Mapping[str, int]) -> dict[str, str]:
    first: dict[int, str] = {}
    refused: dict[str, str] = {}
    for vrf, vni in sorted(vnis.items()):
        if first.setdefault(vni, vrf) != vrf:
            refused[vrf] = f"VNI {vni} is already that of VRF {first[vni]}"
    return refused


def _exhausted(node: NodeSettings) -> str:
    count = node.table_last - node.table_first + 1
    return (
        f"all {count} routing tables {node.table_first}-{node.table_last} are in use; "
        "widen tableRange in config.yaml"
    )


def _narrow_underlay(
    wanted: Mapping[str, tuple[WantedLink, ...]],
    actual: Actual,
    underlay: Underlay,
    node: NodeSettings,
) -> dict[str, str]:
    """Refuse what the kernel would: vxlan_change_mtu bounds the MTU by that of the carrier."""
    needed = node.mtu + VXLAN_OVERHEAD
    if underlay.mtu >= needed:
        return {}
    refused: dict[str, str] = {}
    for vrf in wanted:
        link = actual.by_name.get(names_of(vrf).vxlan)
        # One that is wide enough already stays so, whatever becomes of its carrier.
        if link is None or link.attributes.mtu != node.mtu:
            refused[vrf] = (
                f"MTU {node.mtu} does not fit through {underlay.name}, whose MTU is "
                f"{underlay.mtu}; raise that to {needed}, or lower mtu in config.yaml "
                f"to {underlay.mtu - VXLAN_OVERHEAD}"
            )
    return refused


def _without_conflicts(claimed: Claims, goals: Mapping[str, Goal], actual: Actual) -> Claims:
    """Refuse the VRFs whose VNI somebody keeps.

    One that is refused keeps its own VNI, which may block the next: hence the loop,
    which ends because the refused only grow.
    """
    while True:
        left = actual.without(doomed(claimed, goals, actual))
        blocked = _taken_vnis(claimed.wanted, goals, left)
        if not blocked:
            return claimed
        claimed = Claims(
            {vrf: links for vrf, links in claimed.wanted.items() if vrf not in blocked},
            {**claimed.refused, **blocked},
        )


def _taken_vnis(
    wanted: Mapping[str, tuple[WantedLink, ...]], goals: Mapping[str, Goal], left: Actual
) -> dict[str, str]:
    holders = {link.attributes.vni: link for link in left.links if _holds_vni(link)}
    blocked: dict[str, str] = {}
    for vrf, links in wanted.items():
        for link in links:
            holder = holders.get(link.attributes.vni)
            if link.attributes.vni is None or holder is None or holder.name == link.name:
                continue
            waits = holder.own and goals.get(holder.vrf or "") == Goal.LEAVING
            hint = (
                ", which stays until FRR has let go of it"
                if waits
                else "; give one of them another VNI, or remove that link"
            )
            blocked[vrf] = f"VNI {link.attributes.vni} is taken by {holder.name}{hint}"
    return blocked


def _holds_vni(link: Link) -> bool:
    """Say whether the kernel would refuse our VXLAN the VNI of this link.

    vxlan_vni_in_use compares VNI, port and address family, whatever the local address.
    """
    attributes = link.attributes
    return (
        attributes.kind == Kind.VXLAN
        and attributes.port == VXLAN_PORT
        and not isinstance(attributes.local, IPv6Address)
    )
