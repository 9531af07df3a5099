# SPDX-License-Identifier: Apache-2.0
"""From the documents of all daemons to the state that the node tells of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop import __version__
from netop.common.documents import DesiredVrf, Source
from netop.common.problem import Problem
from netop.crd_watcher.report.rejection import Rejection
from netop.crd_watcher.report.state import Condition, ConditionType, Entry, NodeState, Status
from netop.crd_watcher.report.verdict import (
    Documents,
    Verdict,
    bad,
    good,
    interfaces_verdicts,
    links_verdict,
    programs_verdict,
    resource_problem,
    routes_verdict,
)
from netop.crd_watcher.resource import Resource

Named = tuple[str, Verdict]


@dataclass(frozen=True)
class Intent:
    """What crd-watcher knows beyond its document: the resources that it was made of, with
    their generations, and what was refused.
    """

    resources: tuple[Resource, ...] = ()
    rejections: tuple[Rejection, ...] = ()


def assess(intent: Intent, documents: Documents) -> NodeState:
    """Return the state of the node, without the times of its conditions."""
    desired = documents.desired
    verdicts = (
        (ConditionType.RESOURCES_ACCEPTED, _accepted(intent, documents)),
        (ConditionType.LINKS_READY, _links(documents)),
        (ConditionType.ROUTES_SERVED, _routes(documents)),
        (ConditionType.PROGRAMS_ATTACHED, _programs(documents)),
    )
    conditions = tuple(_condition(type_, verdict) for type_, verdict in verdicts)
    return NodeState(
        generation=desired.generation,
        version=__version__,
        conditions=(_ready(conditions, documents), *conditions),
        vrfs=tuple(_vrf_entry(vrf, documents) for vrf in desired.vrfs),
        resources=tuple(_resource_entries(intent, documents)),
        rejected=len(intent.rejections),
        settled=not any(verdict.passing for _, verdict in verdicts),
    )


def _condition(type_: ConditionType, verdict: Verdict) -> Condition:
    return Condition(type_, verdict.status, verdict.reason, verdict.message)


def _ready(conditions: Iterable[Condition], documents: Documents) -> Condition:
    """Return the condition that depends on all others: the first that is False, or unknown."""
    troubles = [each for each in conditions if each.status is not Status.TRUE]
    troubles.sort(key=lambda each: each.status is Status.UNKNOWN)
    if not troubles:
        number = len(documents.desired.vrfs)
        message = "1 VRF is served" if number == 1 else f"{number} VRFs are served"
        return Condition(ConditionType.READY, Status.TRUE, "AllServed", message)
    first = troubles[0]
    return Condition(ConditionType.READY, first.status, first.reason, first.message)


def _accepted(intent: Intent, documents: Documents) -> Verdict:
    desired = documents.desired
    if intent.rejections:
        return _worst((("", bad("Rejected", str(each.problem))) for each in intent.rejections), "")
    if desired.rejected:
        # Entries of config.yaml, and pieces of files.
        problems = (("", bad("ConfigurationWrong", str(each))) for each in desired.rejected)
        return _worst(problems, "")
    if desired.source is Source.LAST_GOOD:
        message = desired.note or "the resources are those of before the start"
        # Not passing: it lasts as long as the API server is away.
        return Verdict(Status.UNKNOWN, "LastGood", message)
    return good("AllAccepted")


def _links(documents: Documents) -> Verdict:
    problems = documents.links.problems if documents.links else ()
    vrfs = ((f"VRF {vrf.name}", links_verdict(vrf, documents)) for vrf in documents.desired.vrfs)
    return _worst((*_complaints(problems, "LinksFailed"), *vrfs), "LinksUp")


def _routes(documents: Documents) -> Verdict:
    problems = documents.served.problems if documents.served else ()
    own = [("", bad("Refused", str(each))) for each in problems if each.resource and each.vrf]
    vrfs = ((f"VRF {vrf.name}", routes_verdict(vrf, documents)) for vrf in documents.desired.vrfs)
    return _worst((*_complaints(problems, "FRRTrouble"), *own, *vrfs), "AllServed")


def _programs(documents: Documents) -> Verdict:
    attached = documents.attached
    interfaces = {each.interface for each in attached.interfaces} if attached else set()
    problems = [
        each
        for each in (attached.problems if attached else ())
        # What is wrong with one interface is told with that interface.
        if each.subject not in interfaces
    ]
    vrfs = ((f"VRF {vrf.name}", programs_verdict(vrf, documents)) for vrf in documents.desired.vrfs)
    others = interfaces_verdicts(documents)
    return _worst((*_complaints(problems, "ProgramTrouble"), *vrfs, *others), "AllAttached")


def _complaints(problems: Iterable[Problem], reason: str) -> list[Named]:
    """Return what is wrong with no VRF in particular."""
    return [("", bad(reason, str(each))) for each in problems if not each.vrf]


def _worst(named: Iterable[Named], well: str) -> Verdict:
    """Return one verdict for many: that of the worst, with how many there are beside it."""
    troubles = [(name, verdict) for name, verdict in named if not verdict.good]
    if not troubles:
        return good(well)
    # What needs somebody stands before what passes, and that before what nobody knows.
    troubles.sort(key=lambda each: (each[1].passing, each[1].status is Status.UNKNOWN))
    name, first = troubles[0]
    message = f"{name}: {first.message}" if name else first.message
    if len(troubles) > 1:
        message += f" (and {len(troubles) - 1} more)"
    passing = any(verdict.passing for _, verdict in troubles)
    return Verdict(first.status, first.reason, message, passing)


def _vrf_entry(vrf: DesiredVrf, documents: Documents) -> Entry:
    """Return one VRF; it is served without its eBPF programs too, by the kernel's own stack."""
    carried = _first_bad(links_verdict(vrf, documents), routes_verdict(vrf, documents))
    shown = carried if not carried.good else _first_bad(programs_verdict(vrf, documents), carried)
    reason = "Served" if shown.good else shown.reason
    return Entry(vrf.name, carried.good, reason, shown.message, number=vrf.vni or 0)


def _resource_entries(intent: Intent, documents: Documents) -> Iterable[Entry]:
    """Yield the resources in the order of names."""
    refused = {each.name: each for each in intent.rejections}
    generations = {each.name: each.generation for each in intent.resources}
    vrfs = {policy.resource: vrf for vrf in documents.desired.vrfs for policy in vrf.policies}
    for name in sorted(refused.keys() | vrfs.keys()):
        rejection = refused.get(name)
        if rejection is not None:
            yield Entry(
                name, False, rejection.refusal.value, str(rejection.problem),
                rejection.generation, rejection.problem.vrf,
            )  # fmt: skip
        else:
            yield _accepted_entry(name, generations.get(name, 0), vrfs[name], documents)


def _accepted_entry(name: str, generation: int, vrf: DesiredVrf, documents: Documents) -> Entry:
    problem = resource_problem(name, documents.served.problems if documents.served else ())
    verdict = _first_bad(
        good("Served") if problem is None else bad("Refused", str(problem)),
        links_verdict(vrf, documents),
        routes_verdict(vrf, documents),
    )
    reason = "Served" if verdict.good else verdict.reason
    return Entry(name, verdict.good, reason, verdict.message, generation, vrf.name)


def _first_bad(*verdicts: Verdict) -> Verdict:
    """Return the first that is not as it should be, or the last."""
    return next((each for each in verdicts if not each.good), verdicts[-1])
