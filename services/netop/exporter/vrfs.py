# SPDX-License-Identifier: Apache-2.0
"""Resources and VRFs: what is wanted, what there is, what is served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netop.common.documents import Desired, DesiredVrf, Links, Served, Source, VrfState
from netop.exporter import catalogue
from netop.exporter.metric import Sample

# How a rejected resource is named; what else was rejected stands in config.yaml.
_RESOURCE = "VRFRouteConfiguration "
_POLICY_ONLY = "policy-only"


def wanted(desired: Desired) -> Iterator[Sample]:
    """Yield the resources by what became of them, and where they came from."""
    subjects = {problem.subject for problem in desired.rejected}
    rejected = {subject for subject in subjects if subject.startswith(_RESOURCE)}
    others = [problem for problem in desired.rejected if problem.subject not in rejected]
    accepted = sum(len(vrf.policies) for vrf in desired.vrfs)
    yield catalogue.RESOURCES.at(accepted, "accepted")
    yield catalogue.RESOURCES.at(len(rejected), "rejected")
    yield catalogue.PROBLEMS.at(len(others), f"{desired.WRITER}/{desired.FILE}")
    for source in Source:
        yield catalogue.SOURCE.at(desired.source is source, source)
    yield catalogue.TABLES.at(desired.node.table_last - desired.node.table_first + 1)


def linked(desired: Desired | None, links: Links) -> Iterator[Sample]:
    """Yield the VRFs by state, and the tables they have taken."""
    states = Counter(str(vrf.state) for vrf in links.vrfs)
    if desired is not None:
        states[_POLICY_ONLY] = sum(1 for vrf in desired.vrfs if vrf.vni is None)
        tables = range(desired.node.table_first, desired.node.table_last + 1)
        used = {vrf.table for vrf in links.vrfs if vrf.table in tables}
        yield catalogue.TABLES_USED.at(len(used))
    for state in (*VrfState, _POLICY_ONLY):
        yield catalogue.VRFS.at(states[state], state)


def served(desired: Desired, links: Links | None, served: Served | None) -> Iterator[Sample]:
    """Yield for each VRF that is wanted whether traffic can flow."""
    for vrf in desired.vrfs:
        in_frr = served is not None and served.serves(vrf.name, vrf.vni)
        yield catalogue.VRF_SERVED.at(in_frr and _is_up(vrf, links), vrf.name)


def _is_up(vrf: DesiredVrf, links: Links | None) -> bool:
    if vrf.vni is None:
        return True  # its links are the provisioning's
    found = links.vrf(vrf.name) if links is not None else None
    return found is not None and found.state is VrfState.UP and found.vni == vrf.vni
