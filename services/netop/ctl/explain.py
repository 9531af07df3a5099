# SPDX-License-Identifier: Apache-2.0
"""`netopctl explain`: why a VRF or a resource is served, or why not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netop.common.documents import Desired, DesiredVrf
from netop.common.names import LinkNames
from netop.common.policy import PrefixRule, ResourcePolicy
from netop.common.problem import Problem
from netop.common.store import Store
from netop.ctl.health import Health
from netop.ctl.interfaces import Packets, packets
from netop.ctl.learned import Learned, Passing, learned
from netop.ctl.status import read_documents
from netop.ctl.vrfs import NOTHING, Documents, VrfView, attachment, vrf_views
from netop.ctl.vtysh import Ask, VtyshError, ask_vtysh
from netop.frr_templater.model import Entry, Vrf, has_ipv6, vrf_model

_WORDS = {Health.WELL: "served", Health.WAITING: "under way", Health.BROKEN: "NOT WELL"}


# Of more routes than these, the number says enough.
_ROUTES_SHOWN = 20


@dataclass(frozen=True)
class Sources:
    """What is asked beside the documents: FRR, and the counters of an interface."""

    frr: Ask = ask_vtysh
    packets: Callable[[str], Packets | None] = packets


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the commands of netopctl."""
    parser = commands.add_parser(
        "explain", help="why a VRF or a resource is served or not, down to routes and packets"
    )
    parser.add_argument("name", help="of a VRF, or of a VRFRouteConfiguration")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation and return the exit status."""
    damaged: list[str] = []
    documents = read_documents(Store(), damaged)
    for sentence in damaged:
        print(f"netopctl: {sentence}", file=sys.stderr)
    lines = list(explain(arguments.name, documents))
    if not lines:
        print(f"netopctl: no VRF and no resource is named {arguments.name!r}; netopctl status "
              "lists the VRFs", file=sys.stderr)  # fmt: skip
        return 1
    print("\n".join(lines))
    return 0


def explain(name: str, documents: Documents, sources: Sources | None = None) -> Iterator[str]:
    """Yield the lines about the VRF of that name, and about the resource; none, nothing."""
    view = next((view for view in vrf_views(documents) if view.name == name), None)
    asked = sources or Sources()
    if view is not None:
        yield from _explain_vrf(view, documents, asked)
    if documents.desired is not None:
        yield from _explain_resource(name, documents.desired, documents, asked)


def _explain_vrf(view: VrfView, documents: Documents, sources: Sources) -> Iterator[str]:
    vni = f", VNI {view.vni}" if view.vni else ""
    yield f"VRF {view.name}{vni}: {_WORDS[view.health]}"
    if view.trouble:
        yield f"  because: {view.trouble}"
    desired = documents.desired
    vrf = desired.vrf(view.name) if desired else None
    model = vrf_model(vrf, ipv6=has_ipv6(vrf)) if vrf else None
    told = _learned(model, sources)
    if desired is not None:
        yield from _resources(view.name, vrf, desired, model, told)
    yield from _links(view, documents, sources)
    yield from _bpf(view, documents)
    yield f"FRR: {view.frr.text}{f': {view.frr.reason}' if view.frr.reason else ''}"
    yield from _session(view, told)
    served = documents.served
    if served is not None and served.reload.finished:
        reload = served.reload
        yield f"  last reload: {reload.result}, {reload.finished}, {reload.seconds:.1f} s"
        yield from (f"  FRR said: {error}" for error in reload.errors)


def _learned(model: Vrf | None, sources: Sources) -> Learned | str:
    """Return what FRR tells of a VRF, or why it does not."""
    if model is None:
        return Learned()
    try:
        return learned(model, sources.frr)
    except VtyshError as error:
        return str(error)


def _session(view: VrfView, told: Learned | str) -> Iterator[str]:
    link = LinkNames.of(view.name).veth_default
    if view.bgp != NOTHING:
        session = view.bgp.reason or f"established, prefixes {view.bgp.text}"
        yield f"BGP over {link}: {session}"
    if isinstance(told, str):
        yield f"routes and matches are not known: {told}"
        return
    for passing in told.passing:
        yield from _passing(passing, link)


def _passing(passing: Passing, link: str) -> Iterator[str]:
    name = passing.family.replace("ip", "IP")
    if passing.imports is None or passing.exports is None:
        yield f"  {name}: FRR exchanges no routes of this family over {link}"
        return
    known = "" if passing.known is None else f" of {passing.known} that the VRF has"
    yield f"  {name} routes imported into the cluster: {len(passing.imports)}{known}"
    yield from _few(passing.imports)
    yield f"  {name} routes exported to the VRF: {len(passing.exports)}"
    yield from _few(passing.exports)


def _few(prefixes: tuple[str, ...]) -> Iterator[str]:
    yield from (f"    {prefix}" for prefix in prefixes[:_ROUTES_SHOWN])
    if len(prefixes) > _ROUTES_SHOWN:
        yield f"    and {len(prefixes) - _ROUTES_SHOWN} more"


def _resources(
    name: str, vrf: DesiredVrf | None, desired: Desired, model: Vrf | None, told: Learned | str
) -> Iterator[str]:
    source = f"{desired.source}, generation {desired.generation}"
    yield f"resources, from {source}{f' ({desired.note})' if desired.note else ''}:"
    for policy in vrf.policies if vrf else ():
        yield from _policy(policy, model, told)
    for problem in desired.rejected:
        if problem.vrf == name:
            yield f"  rejected: {problem}"
            yield from _more(problem)


def _more(problem: Problem) -> Iterator[str]:
    if problem.message is not None:
        yield f"  causes and remedies: journalctl --dump-catalog {problem.message}"


def _policy(policy: ResourcePolicy, model: Vrf | None, told: Learned | str) -> Iterator[str]:
    yield f"  {policy.resource}, seq {policy.seq}"
    for family in model.families if model else ():
        for direction, route_map in zip(("import", "export"), family.maps, strict=True):
            entry = next((each for each in route_map.entries if each.seq == policy.seq), None)
            if entry is not None:
                yield f"    {direction}: route-map {route_map.name} permit {entry.seq}"
                yield from _rules(entry, told)


def _rules(entry: Entry, told: Learned | str) -> Iterator[str]:
    for rule in entry.match.rules:
        line = f"{entry.match.command} prefix-list {entry.match.name} {rule_text(rule)}"
        yield f"      {line}{'' if isinstance(told, str) else _matches(entry, rule, told)}"


def _matches(entry: Entry, rule: PrefixRule, told: Learned) -> str:
    hits = told.hits.get((entry.match.command, entry.match.name, rule.seq))
    if hits is None:
        return "  (FRR does not have it)"
    return f"  ({hits} {'match' if hits == 1 else 'matches'})"


def rule_text(rule: PrefixRule) -> str:
    """Return one entry of a prefix-list as FRR writes it."""
    bounds = f"{f' ge {rule.ge}' if rule.ge is not None else ''}"
    bounds += f"{f' le {rule.le}' if rule.le is not None else ''}"
    return f"seq {rule.seq} {rule.action} {rule.cidr}{bounds}"


def _links(view: VrfView, documents: Documents, sources: Sources) -> Iterator[str]:
    if view.links == NOTHING:
        yield "links: none of netop's; provisioning makes them"
        return
    yield f"links: {view.links.text}{f': {view.links.reason}' if view.links.reason else ''}"
    linked = documents.links.vrf(view.name) if documents.links else None
    if linked is None:
        return
    yield f"  VNI {linked.vni or '-'}, routing table {linked.table or '-'}"
    for link in linked.links:
        yield f"  {link.name}, ifindex {link.ifindex}{f', {link.mac}' if link.mac else ''}"
        counted = sources.packets(link.name)
        if counted is not None:
            yield f"    {counted}"


def _bpf(view: VrfView, documents: Documents) -> Iterator[str]:
    if view.bpf == NOTHING or documents.attached is None:
        return
    yield f"eBPF router: {view.bpf.text}"
    own = set(LinkNames.of(view.name).all())
    for item in documents.attached.interfaces:
        if item.interface in own:
            program = f", program {item.program}" if item.program else ""
            yield f"  {item.interface}: {attachment(item)}{program}"


def _explain_resource(
    name: str, desired: Desired, documents: Documents, sources: Sources
) -> Iterator[str]:
    for problem in desired.rejected:
        if problem.resource == name:
            yield f"resource {name}: rejected"
            yield f"  because: {problem}"
            yield from _more(problem)
            return
    for vrf in desired.vrfs:
        for policy in vrf.policies:
            if policy.resource == name:
                view = next(view for view in vrf_views(documents) if view.name == vrf.name)
                yield f"resource {name} of VRF {vrf.name}: {_WORDS[view.health]}"
                if view.trouble:
                    yield f"  because: {view.trouble}"
                model = vrf_model(vrf, ipv6=has_ipv6(vrf))
                told = _learned(model, sources)
                yield from _policy(policy, model, told)
                if isinstance(told, str):
                    yield f"matches are not known: {told}"
