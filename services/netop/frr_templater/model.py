# SPDX-License-Identifier: Apache-2.0
"""What the sections are rendered from: VRFs, route-maps and prefix-lists with their names.

A resource with IPv4 rules is one entry of `rm_<vrf>_import` and one of `rm_<vrf>_export`,
at its `seq`, each matching a prefix-list of its own, `pl_<vrf>_import_<seq>`. An entry can
match one family only, and each `seq` is taken by a resource, so IPv6 has maps of its own,
`rm_<vrf>_import_v6` and `rm_<vrf>_export_v6`; the lists share their names, because FRR
keeps `ip` and `ipv6` prefix-lists apart. Nothing is named after what else there is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.common.names import LinkNames
from netop.common.policy import PrefixRule, ResourcePolicy


@dataclass(frozen=True)
class PrefixList:
    """One prefix-list; `command` is "ip" or "ipv6"."""

    command: str
    name: str
    rules: tuple[PrefixRule, ...]


@dataclass(frozen=True)
class Entry:
    """One entry of a route-map: what the list permits, it permits."""

    seq: int
    match: PrefixList


@dataclass(frozen=True)
class RouteMap:
    """One route-map. FRR refuses nothing by itself, so its end is an explicit deny."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Family:
    """The policy of one VRF for one address family, as seen from the cluster.

    `name` is FRR's, "ipv4" or "ipv6".
    """

    name: str
    imports: RouteMap
    exports: RouteMap

    @property
    def maps(self) -> tuple[RouteMap, RouteMap]:
        """Both route-maps."""
        return (self.imports, self.exports)


@dataclass(frozen=True)
class Vrf:
    """One VRF as the sections see it; `vni` None is one of `skipVRFConfig`."""

    name: str
    vni: int | None
    links: LinkNames
    ipv4: Family
    ipv6: Family | None

    @property
    def families(self) -> tuple[Family, ...]:
        """The policies that are rendered."""
        return (self.ipv4,) if self.ipv6 is None else (self.ipv4, self.ipv6)


def vrf_model(vrf: DesiredVrf, *, ipv6: bool) -> Vrf:
    """Return what is rendered for one VRF.

    `ipv6` says whether the template has a place for IPv6 neighbors. Then every VRF
    exchanges IPv6, also one without a rule for it, which denies all: activating the
    family later would reset the session. A VRF of `skipVRFConfig` has no session, so
    its IPv6 maps need only a rule.
    """
    wanted = ipv6 or (vrf.vni is None and has_ipv6(vrf))
    return Vrf(
        name=vrf.name,
        vni=vrf.vni,
        links=LinkNames.of(vrf.name),
        ipv4=_family(vrf, 4),
        ipv6=_family(vrf, 6) if wanted else None,
    )


def has_ipv6(vrf: DesiredVrf) -> bool:
    """Return whether any resource of that VRF has an IPv6 rule."""
    return any(
        rule.cidr.version == 6
        for policy in vrf.policies
        for rule in (*policy.imports, *policy.exports)
    )


def route_maps(vrfs: Iterable[Vrf]) -> frozenset[str]:
    """Return the names of all route-maps that are rendered for `vrfs`."""
    return frozenset(m.name for vrf in vrfs for family in vrf.families for m in family.maps)


def _family(vrf: DesiredVrf, version: int) -> Family:
    suffix = "" if version == 4 else "_v6"
    imports = [_entry(vrf.name, "import", policy, version) for policy in vrf.policies]
    exports = [_entry(vrf.name, "export", policy, version) for policy in vrf.policies]
    return Family(
        name=f"ipv{version}",
        imports=RouteMap(f"rm_{vrf.name}_import{suffix}", _present(imports)),
        exports=RouteMap(f"rm_{vrf.name}_export{suffix}", _present(exports)),
    )


def _present(entries: Iterable[Entry | None]) -> tuple[Entry, ...]:
    found = [entry for entry in entries if entry is not None]
    return tuple(sorted(found, key=lambda entry: entry.seq))


def _entry(vrf: str, direction: str, policy: ResourcePolicy, version: int) -> Entry | None:
    """Return the entry of one resource; None where it has no rule for that family.

    An entry without a list would permit everything.
    """
    wanted = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    source = policy.imports if direction == "import" else policy.exports
    rules = tuple(rule for rule in source if isinstance(rule.cidr, wanted))
    if not rules:
        return None
    command = "ip" if version == 4 else "ipv6"
    return Entry(policy.seq, PrefixList(command, f"pl_{vrf}_{direction}_{policy.seq}", rules))
