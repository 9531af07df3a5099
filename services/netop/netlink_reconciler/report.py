# SPDX-License-Identifier: Apache-2.0
"""What a pass came to: the `links` document and the status line."""

from __future__ import annotations

from netop.common.documents import Desired, Link, LinkedVrf, Links, VrfState
from netop.common.messages import Message
from netop.common.names import few
from netop.common.problem import Problem
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.link import names_of
from netop.netlink_reconciler.plan import Plan
from netop.netlink_reconciler.underlay import router_ids

# Of so many complaints a status tells; the rest would hide them.
SHOWN = 5


def links_document(desired: Desired, plan: Plan, actual: Actual) -> Links:
    """Return the document. `plan` is the last one, made from `actual`."""
    router_id, host_router_id = router_ids(actual, desired.node)
    vrfs = tuple(_linked(name, plan, actual) for name in plan.goals)
    problems = tuple(_problem(vrf, plan) for vrf in vrfs if vrf.error)
    problems += plan.warnings
    return Links(desired.generation, router_id, host_router_id, vrfs, problems)


def _problem(vrf: LinkedVrf, plan: Plan) -> Problem:
    refusal = plan.refused.get(vrf.name)
    message = Message.LINKS_ASKING if vrf.name in plan.asking else Message.LINKS_REFUSED
    return Problem(
        f"VRF {vrf.name}",
        vrf.error,
        vrf=vrf.name,
        interface=refusal.interface if refusal is not None else "",
        message=refusal.message if refusal is not None else message,
    )


def _linked(name: str, plan: Plan, actual: Actual) -> LinkedVrf:
    names = names_of(name)
    found = (actual.by_name.get(link) for link in names.all())
    own = {link.name: link for link in found if link is not None and link.own}
    error = _error(name, plan)
    vxlan, vrf = own.get(names.vxlan), own.get(names.vrf)
    return LinkedVrf(
        name=name,
        vni=(vxlan.attributes.vni or 0) if vxlan else 0,
        table=(vrf.attributes.table or 0) if vrf else 0,
        state=_state(name, plan, error),
        error=error,
        links=tuple(
            Link(link, own[link].index, own[link].attributes.mac or "")
            for link in names.all()
            if link in own
        ),
    )


def _state(vrf: str, plan: Plan, error: str) -> VrfState:
    if vrf in plan.asking:
        return VrfState.RENEWING
    if error:
        return VrfState.FAILED
    goal = plan.goals[vrf]
    if goal in {Goal.LEAVING, Goal.REMOVED}:
        return VrfState.LEAVING
    return VrfState.UP if goal == Goal.UP else VrfState.PREPARED


def _error(vrf: str, plan: Plan) -> str:
    if vrf in plan.asking:
        return plan.asking[vrf]
    if vrf in plan.refused:
        return plan.refused[vrf]
    left = plan.steps_of(vrf)
    return f"not settled yet, next is {left[0].attempt}" if left else ""


def status(links: Links) -> str:
    """Return the sentence for `systemctl status`."""
    up = _named(links, VrfState.UP)
    waiting = _named(links, VrfState.PREPARED)
    leaving = _named(links, VrfState.LEAVING)
    parts = [f"{_vrfs(len(up))} in sync" if up or links.vrfs else "no VRF with links is desired"]
    if waiting:
        parts.append(f"{_vrfs(len(waiting))} waiting for FRR to serve {few(waiting)}")
    if leaving:
        parts.append(f"{_vrfs(len(leaving))} staying until FRR lets go of {few(leaving)}")
    line = ", ".join([*parts, f"generation {links.generation}"])
    return "; ".join([line, *_complaints(links)])


def _complaints(links: Links) -> list[str]:
    """Return the errors, each once with the VRFs that suffer from it."""
    suffering: dict[str, list[str]] = {}
    for vrf in links.vrfs:
        if vrf.error:
            suffering.setdefault(vrf.error, []).append(vrf.name)
    found = [f"{few(names)}: {error}" for error, names in suffering.items()]
    named = {vrf.name for vrf in links.vrfs if vrf.error}
    found += [str(problem) for problem in links.problems if problem.vrf not in named]
    more = len(found) - SHOWN
    return [*found[:SHOWN], f"and {more} more; the journal tells all"] if more > 0 else found


def _named(links: Links, state: VrfState) -> list[str]:
    return [vrf.name for vrf in links.vrfs if vrf.state == state]


def _vrfs(count: int) -> str:
    return "1 VRF" if count == 1 else f"{count} VRFs"
