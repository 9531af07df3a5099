# SPDX-License-Identifier: Apache-2.0
"""Routing tables for VRFs: the first free one of the node's range."""

from __future__ import annotations

from collections.abc import Iterable

from netop.common.documents import Desired
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.link import Kind, names_of


def allot_tables(vrfs: Iterable[str], actual: Actual, node: NodeSettings) -> dict[str, int]:
    """Return a table for each of `vrfs`; those for which none is left are missing.

    A VRF keeps the table it has, unless it is out of range or somebody else's too: two
    VRFs in one table would leak every route to each other.
    """
    wanted = sorted(vrfs)
    allotted = _kept(wanted, actual, node)
    free = iter(actual.free_tables)
    for vrf in wanted:
        if vrf not in allotted:
            table = next(free, None)
            if table is None:
                break
            allotted[vrf] = table
    return allotted


def tables_lacking(desired: Desired, actual: Actual) -> int:
    """Return how many tables have to be chosen."""
    wanted = [vrf.name for vrf in desired.vrfs if vrf.vni is not None]
    return len(wanted) - len(_kept(wanted, actual, desired.node))


def _kept(wanted: list[str], actual: Actual, node: NodeSettings) -> dict[str, int]:
    ours = {names_of(vrf).vrf: vrf for vrf in wanted}
    # VRFs of others, and those that are on their way out, have the older right.
    shared = {
        link.attributes.table
        for link in actual.links
        if link.attributes.kind == Kind.VRF and not (link.own and link.name in ours)
    }
    kept: dict[str, int] = {}
    for name, vrf in ours.items():
        link = actual.by_name.get(name)
        if link is None or not link.own or link.attributes.kind != Kind.VRF:
            continue
        table = link.attributes.table
        if table is None or table in shared or not node.table_first <= table <= node.table_last:
            continue
        kept[vrf] = table
        shared.add(table)
    return kept
