# SPDX-License-Identifier: Apache-2.0
"""How one VRF fares at each daemon: a function of the documents. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.documents import Attached, Desired, DesiredVrf, Links, Served, VrfState
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.crd_watcher.report.state import Status


@dataclass(frozen=True)
class Verdict:
    """A finding. `passing` marks what is expected to change by itself, soon."""

    status: Status
    reason: str
    message: str = ""
    passing: bool = False

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        return self.status is Status.TRUE


def good(reason: str) -> Verdict:
    """Return that all is as it should be."""
    return Verdict(Status.TRUE, reason)


def bad(reason: str, message: str) -> Verdict:
    """Return what somebody has to see to."""
    return Verdict(Status.FALSE, reason, message)


def waiting(reason: str, message: str) -> Verdict:
    """Return what is not so yet."""
    return Verdict(Status.FALSE, reason, message, passing=True)


def unknown(reason: str, message: str) -> Verdict:
    """Return what nobody has told us yet."""
    return Verdict(Status.UNKNOWN, reason, message, passing=True)


@dataclass(frozen=True)
class Documents:
    """What the daemons have published; None where a document is not there or damaged."""

    desired: Desired
    links: Links | None = None
    served: Served | None = None
    attached: Attached | None = None


def links_verdict(vrf: DesiredVrf, documents: Documents) -> Verdict:
    """Return how the links of a VRF are."""
    if vrf.vni is None:
        return good("NoneNeeded")
    behind = _behind("netlink-reconciler", documents.links, documents.desired)
    if behind is not None or documents.links is None:
        return behind or _silent("netlink-reconciler")
    linked = documents.links.vrf(vrf.name)
    if linked is None:
        return bad("LinksMissing", "it has no links; see the journal of netop-netlink-reconciler")
    if linked.state is VrfState.FAILED:
        return bad("LinksFailed", linked.error)
    if linked.state is not VrfState.UP:
        return waiting("LinksPending", f"its links are {linked.state.value}, not up yet")
    if linked.vni != vrf.vni:
        return waiting("LinksPending", f"its VXLAN has VNI {linked.vni}, to become {vrf.vni}")
    return good("LinksUp")


def routes_verdict(vrf: DesiredVrf, documents: Documents) -> Verdict:
    """Return how FRR serves a VRF."""
    served = documents.served
    if served is None:
        return _silent("frr-templater")
    own = (each for each in served.problems if each.vrf == vrf.name)
    problem = next((each for each in own if not each.resource), None)
    if problem is not None:
        return bad("Refused", str(problem))
    general = next((each for each in served.problems if not each.vrf), None)
    behind = _behind("frr-templater", served, documents.desired)
    if behind is not None:
        return behind if general is None else bad("NotReloaded", str(general))
    if not served.alive:
        return bad("FRRTrouble", str(general) if general else "FRR does not run")
    if served.serves(vrf.name, vrf.vni):
        return good("Served")
    if general is not None:
        return bad("NotServed", str(general))
    what = "its route-maps" if vrf.vni is None else f"VNI {vrf.vni}"
    message = f"FRR does not serve {what}"
    links = links_verdict(vrf, documents)
    if links.good or links.passing:
        return waiting("NotServed", f"{message} yet")
    return bad("NotServed", message)


def programs_verdict(vrf: DesiredVrf, documents: Documents) -> Verdict:
    """Return whether the eBPF router is on the links of a VRF."""
    if vrf.vni is None:
        return good("NoneNeeded")
    attached = documents.attached
    if attached is None:
        return _silent("bpf-guardian")
    names = LinkNames.of(vrf.name)
    found = {each.interface: each for each in attached.interfaces}
    for name in (names.vxlan, names.bridge, names.veth_vrf):
        item = found.get(name)
        if item is None or not item.ifindex:
            return waiting("NotAttached", f"{name} does not exist, or is not known yet")
        if item.error:
            return bad("ProgramRefused", f"{name}: {item.error}")
        if not item.program:
            return waiting("NotAttached", f"{name} is without a program yet")
    return good("Attached")


def interfaces_verdicts(documents: Documents) -> Iterable[tuple[str, Verdict]]:
    """Yield how it is with interfaces that `bpfInterfaces` of config.yaml names."""
    attached = documents.attached
    if attached is None:
        return
    linked = documents.links.vrfs if documents.links else ()
    # The links of a VRF of skipVRFConfig are provisioning's, and may be listed there.
    names = {vrf.name for vrf in documents.desired.vrfs if vrf.vni is not None}
    names |= {vrf.name for vrf in linked}
    own = {link for name in names for link in LinkNames.of(name).all()}
    for item in attached.interfaces:
        if item.interface in own:
            continue
        if item.error:
            yield item.interface, bad("ProgramRefused", item.error)
        elif not item.program:
            yield item.interface, waiting("NotAttached", "is without a program yet")


def resource_problem(name: str, problems: Iterable[Problem]) -> Problem | None:
    """Return what a daemon says of a resource by its name, if anything."""
    return next((each for each in problems if each.resource == name), None)


def _behind(daemon: str, document: Links | Served | None, desired: Desired) -> Verdict | None:
    if document is None or document.generation >= desired.generation:
        return None
    message = f"netop-{daemon} has not come to generation {desired.generation} yet"
    return unknown("Pending", message)


def _silent(daemon: str) -> Verdict:
    return unknown("NotReported", f"netop-{daemon} has published nothing yet")
