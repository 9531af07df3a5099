# SPDX-License-Identifier: Apache-2.0
"""What a desired VRF lays claim to, and why it may be refused.

A refused VRF is left alone entirely: what it has keeps running, and the others go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address

from netop.common.documents import Desired
from netop.common.messages import Message
from netop.common.names import few
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import VXLAN_OVERHEAD, VXLAN_PORT, Kind, Link, names_of
from netop.netlink_reconciler.refusal import Refusal
from netop.netlink_reconciler.table import allot_tables
from netop.netlink_reconciler.underlay import UnderlayError, find_underlay
from netop.netlink_reconciler.wanted import Mtu, Underlay, WantedLink, wanted_links

# RFC 8200, section 5: a link that carries less does without IPv6.
NARROWEST = 1280


@dataclass(frozen=True)
class Claims:
    """The links that each VRF shall have, by VRF, and the reasons of those that were refused.

    `asking` are VRFs that wait until FRR lets go of them, with what will be done then;
    `warnings` are about VRFs that get less than they were to have.
    """

    wanted: Mapping[str, tuple[WantedLink, ...]]
    refused: Mapping[str, Refusal]
    asking: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


def claims(
    desired: Desired,
    goals: Mapping[str, Goal],
    actual: Actual,
    held: Mapping[str, Refusal],
    peered: Collection[str] = (),
) -> Claims:
    """Return what each desired VRF shall have.

    `held` are VRFs to leave alone, with reasons; `peered` those over whose links FRR has
    sessions, so that it has to be asked before they go.
    """
    vnis = {vrf.name: vrf.vni for vrf in desired.vrfs if vrf.vni is not None}
    refused = dict(held)
    try:
        underlay = find_underlay(actual, desired.node)
    except UnderlayError as error:
        lacking = Refusal(str(error), Message.UNDERLAY_MISSING, desired.node.underlay)
        return Claims({}, refused | dict.fromkeys(vnis, lacking))
    refused = _foreign_names(vnis, actual) | refused
    refused = _repeated_vnis(vnis) | refused
    tables = allot_tables(vnis.keys() - refused.keys(), actual, desired.node)
    for vrf in vnis.keys() - refused.keys() - tables.keys():
        refused[vrf] = Refusal(_exhausted(desired.node), Message.TABLES_EXHAUSTED)
    mtus = {vrf: _mtu(vrf, actual, underlay, desired.node) for vrf in tables}
    if underlay.mtu < NARROWEST + VXLAN_OVERHEAD:
        refused |= {vrf: _too_narrow(underlay) for vrf in tables if mtus[vrf].tunnel < NARROWEST}
    wanted = {
        vrf: wanted_links(vrf, vnis[vrf], table, mtus[vrf], underlay)
        for vrf, table in tables.items()
        if vrf not in refused
    }
    clipped = [vrf for vrf in wanted if mtus[vrf].tunnel < desired.node.mtu]
    warnings = (_clipped(clipped, underlay, desired.node),) if clipped else ()
    asking = {vrf: _asking(vrf, wanted[vrf], actual) for vrf in sorted({*peered} & wanted.keys())}
    asking = {vrf: reason for vrf, reason in asking.items() if reason}
    wanted = {vrf: links for vrf, links in wanted.items() if vrf not in asking}
    return _without_conflicts(Claims(wanted, refused, asking, warnings), goals, actual)


def doomed(claimed: Claims, goals: Mapping[str, Goal], actual: Actual) -> dict[str, str]:
    """Return the links to delete and why: of VRFs that go, strays, and those to re-create."""
    found: dict[str, str] = {}
    for link in actual.links:
        vrf = link.vrf if link.own else link.stray
        if vrf is None or vrf in claimed.refused or vrf in claimed.asking:
            continue
        if goals.get(vrf) == Goal.LEAVING:
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
    told = _fixed(link, wanted)
    return {link.name: f"{told}, needs re-creation, interrupts {vrf}"} if told else {}


def _fixed(link: Link, wanted: WantedLink) -> str:
    """Return the differences that cannot be put right in place; empty where there are none."""
    return ", ".join(map(str, link.attributes.fixed_differences(wanted.attributes)))


def _asking(vrf: str, links: tuple[WantedLink, ...], actual: Actual) -> str:
    """Return what has to be made anew of that over which FRR has sessions, or nothing.

    zebra 10.3 ends when an interface goes over which BGP peers by its name (farewell.py of
    frr-templater), and keeps the VNI of a VRF that goes before its configuration. While it
    lives there is no end to waiting: one VRF that is broken is better than all of them.
    """
    names = names_of(vrf)
    for wanted in links:
        link = actual.by_name.get(wanted.name)
        if link is None or link.name not in {names.vrf, names.veth_vrf, names.veth_default}:
            continue
        if told := _fixed(link, wanted):
            return (
                f"{link.name}: {told}, needs re-creation, interrupts {vrf}; "
                "waiting until FRR has let go of it"
            )
    return ""


def _foreign_names(vnis: Mapping[str, int], actual: Actual) -> dict[str, Refusal]:
    refused: dict[str, Refusal] = {}
    for vrf in vnis:
        for name in names_of(vrf).all():
            link = actual.by_name.get(name)
            if link is not None and not link.own:
                reason = (
                    f"{name} exists and is not ours (no alias 'netop vrf {vrf}'); "
                    "remove or rename it"
                )
                refused[vrf] = Refusal(reason, Message.FOREIGN_LINK, name)
                break
    return refused


def _repeated_vnis(vnis: Mapping[str, int]) -> dict[str, Refusal]:
    first: dict[int, str] = {}
    refused: dict[str, Refusal] = {}
    for vrf, vni in sorted(vnis.items()):
        if first.setdefault(vni, vrf) != vrf:
            reason = f"VNI {vni} is already that of VRF {first[vni]}"
            refused[vrf] = Refusal(reason, Message.VNI_TAKEN)
    return refused


def _exhausted(node: NodeSettings) -> str:
    count = node.table_last - node.table_first + 1
    return (
        f"all {count} routing tables {node.table_first}-{node.table_last} are in use; "
        "widen tableRange in config.yaml"
    )


def _mtu(vrf: str, actual: Actual, underlay: Underlay, node: NodeSettings) -> Mtu:
    """Return what fits: vxlan_change_mtu bounds the MTU of a VXLAN by that of its carrier."""
    link = actual.by_name.get(names_of(vrf).vxlan)
    now = (link.attributes.mtu or 0) if link is not None and link.own else 0
    fits = underlay.mtu - VXLAN_OVERHEAD
    # One that is wider already stays so, whatever becomes of its carrier; but to something
    # between, which is too wide as well, the kernel does not change it.
    return Mtu(now if fits < now <= node.mtu else min(fits, node.mtu), node.mtu)


def _too_narrow(underlay: Underlay) -> Refusal:
    reason = (
        f"{underlay.name} has MTU {underlay.mtu}, which leaves less than {NARROWEST} for a "
        f"VXLAN; raise it to {NARROWEST + VXLAN_OVERHEAD} at least"
    )
    return Refusal(reason, Message.UNDERLAY_TOO_NARROW, underlay.name)


def _clipped(vrfs: Collection[str], underlay: Underlay, node: NodeSettings) -> Problem:
    fits = underlay.mtu - VXLAN_OVERHEAD
    return Problem(
        underlay.name,
        f"leaves {fits} for VXLANs, less than the mtu {node.mtu} of config.yaml: larger packets "
        f"of {few(sorted(vrfs))} are answered with too big",
        field="mtu",
        value=str(underlay.mtu),
        remedy=f"raise it to {node.mtu + VXLAN_OVERHEAD}, or set mtu in config.yaml to {fits}",
        interface=underlay.name,
        message=Message.UNDERLAY_TOO_NARROW,
    )


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
        claimed = replace(
            claimed,
            wanted={vrf: links for vrf, links in claimed.wanted.items() if vrf not in blocked},
            refused={**claimed.refused, **blocked},
        )


def _taken_vnis(
    wanted: Mapping[str, tuple[WantedLink, ...]], goals: Mapping[str, Goal], left: Actual
) -> dict[str, Refusal]:
    holders = {link.attributes.vni: link for link in left.links if _holds_vni(link)}
    blocked: dict[str, Refusal] = {}
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
            reason = f"VNI {link.attributes.vni} is taken by {holder.name}{hint}"
            blocked[vrf] = Refusal(reason, Message.VNI_TAKEN, holder.name)
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
