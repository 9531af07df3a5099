# SPDX-License-Identifier: Apache-2.0
"""The whole node at a glance. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.documents import Source
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.ctl.health import Finding, Health, broken, waiting, worst
from netop.ctl.units import OFF, DaemonView
from netop.ctl.vrfs import NOTHING, Documents, VrfView, attachment, vrf_views


@dataclass(frozen=True)
class NodeView:
    """Everything that `netopctl status` tells.

    `interfaces` are those that the eBPF router serves beside the VRFs' own. `troubles`
    are complaints about no VRF in particular.
    """

    verdict: Finding
    generation: int
    source: str
    daemons: tuple[DaemonView, ...]
    vrfs: tuple[VrfView, ...]
    interfaces: tuple[tuple[str, Finding], ...]
    troubles: tuple[Finding, ...]


def node_view(
    documents: Documents, damaged: Iterable[str], daemons: tuple[DaemonView, ...]
) -> NodeView:
    """Return the view; `damaged` are the errors of documents that cannot be read."""
    vrfs = vrf_views(documents)
    interfaces = _interfaces(documents, vrfs)
    troubles = (
        *(broken("document", text) for text in damaged),
        *_stopped(daemons),
        *_troubles(documents),
    )
    desired = documents.desired
    return NodeView(
        verdict=_verdict(daemons, vrfs, interfaces, troubles),
        generation=desired.generation if desired else 0,
        source=str(desired.source) if desired else "",
        daemons=daemons,
        vrfs=vrfs,
        interfaces=interfaces,
        troubles=troubles,
    )


def _verdict(
    daemons: tuple[DaemonView, ...],
    vrfs: tuple[VrfView, ...],
    interfaces: tuple[tuple[str, Finding], ...],
    troubles: tuple[Finding, ...],
) -> Finding:
    """Return the node in one line, with the first thing that is wrong."""
    served = sum(1 for vrf in vrfs if vrf.health == Health.WELL)
    told = f"{served} of {len(vrfs)} VRFs served" if vrfs else "no VRF"
    named = [
        *((daemon.name, daemon.finding) for daemon in daemons),
        *(("", trouble) for trouble in troubles),
        *((f"VRF {vrf.name}", Finding(vrf.health, "", vrf.trouble)) for vrf in vrfs),
        *interfaces,
    ]
    health = worst(finding for _, finding in named)
    if health != Health.WELL:
        name, first = next(item for item in named if item[1].health == health)
        told = f"{told}; {name}: {first}" if name else f"{told}; {first}"
    return Finding(health, told)


def _interfaces(documents: Documents, vrfs: tuple[VrfView, ...]) -> tuple[tuple[str, Finding], ...]:
    attached = documents.attached
    if attached is None:
        return ()
    own = {link for vrf in vrfs if vrf.bpf != NOTHING for link in LinkNames.of(vrf.name).all()}
    return tuple(
        (item.interface, attachment(item))
        for item in attached.interfaces
        if item.interface not in own
    )


def _stopped(daemons: tuple[DaemonView, ...]) -> Iterable[Finding]:
    if all(daemon.finding == OFF for daemon in daemons if daemon.name.startswith("netop-")):
        yield waiting("netop", "is stopped; systemctl start netop.target starts it")


def _troubles(documents: Documents) -> Iterable[Finding]:
    """Yield what is wrong with no VRF in particular, each once."""
    desired, links = documents.desired, documents.links
    served, attached = documents.served, documents.attached
    if desired is not None and desired.note:
        yield waiting("resources", desired.note)
    elif desired is not None and desired.source == Source.LAST_GOOD:
        yield waiting("resources", "they are the last good ones, from before the start")
    problems: list[Problem] = [
        *(desired.rejected if desired else ()),
        *(links.problems if links else ()),
        *(served.problems if served else ()),
        *(attached.problems if attached else ()),
    ]
    own = {item.interface for item in attached.interfaces if item.error} if attached else set()
    told = (str(problem) for problem in problems if not problem.vrf and problem.subject not in own)
    for sentence in dict.fromkeys(told):
        yield broken("problem", sentence)
