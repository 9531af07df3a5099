# SPDX-License-Identifier: Apache-2.0
"""`netopctl explain`: why a VRF or a resource is served, or why not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from netop.common.documents import Desired, DesiredVrf
from netop.common.names import LinkNames
from netop.common.policy import PrefixRule, ResourcePolicy
from netop.common.store import Store
from netop.crd_watcher.resource import resource_of
from netop.ctl.health import Health
from netop.ctl.status import read_documents
from netop.ctl.vrfs import NOTHING, Documents, VrfView, attachment, vrf_views
from netop.frr_templater.model import Entry, Vrf, has_ipv6, vrf_model

_WORDS = {Health.WELL: "served", Health.WAITING: "under way", Health.BROKEN: "NOT WELL"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the commands of netopctl."""
    parser = commands.add_parser(
        "explain", help="why a VRF or a resource is served or not, down to its prefix-lists"
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


def explain(name: str, documents: Documents) -> Iterator[str]:
    """Yield the lines about the VRF of that name, or else about the resource; none, nothing."""
    view = next((view for view in vrf_views(documents) if view.name == name), None)
    if view is not None:
        yield from _explain_vrf(view, documents)
    elif documents.desired is not None:
        yield from _explain_resource(name, documents.desired, documents)


def _explain_vrf(view: VrfView, documents: Documents) -> Iterator[str]:
    vni = f", VNI {view.vni}" if view.vni else ""
    yield f"VRF {view.name}{vni}: {_WORDS[view.health]}"
    if view.trouble:
        yield f"  because: {view.trouble}"
    desired = documents.desired
    vrf = desired.vrf(view.name) if desired else None
    if desired is not None:
        yield from _resources(view.name, vrf, desired)
    yield from _links(view, documents)
    yield from _bpf(view, documents)
    yield f"FRR: {view.frr.text}{f': {view.frr.reason}' if view.frr.reason else ''}"
    if view.bgp != NOTHING:
        session = view.bgp.reason or f"established, prefixes {view.bgp.text}"
        yield f"BGP over {LinkNames.of(view.name).veth_default}: {session}"
    served = documents.served
    if served is not None and served.reload.finished:
        reload = served.reload
        yield f"  last reload: {reload.result}, {reload.finished}, {reload.seconds:.1f} s"
        yield from (f"  FRR said: {error}" for error in reload.errors)


def _resources(name: str, vrf: DesiredVrf | None, desired: Desired) -> Iterator[str]:
    source = f"{desired.source}, generation {desired.generation}"
    yield f"resources, from {source}{f' ({desired.note})' if desired.note else ''}:"
    model = vrf_model(vrf, ipv6=has_ipv6(vrf)) if vrf else None
    for policy in vrf.policies if vrf else ():
        yield from _policy(policy, model)
    for problem in desired.rejected:
        if problem.vrf == name:
            yield f"  rejected: {problem}"


def _policy(policy: ResourcePolicy, model: Vrf | None) -> Iterator[str]:
    yield f"  {policy.resource}, seq {policy.seq}"
    for family in model.families if model else ():
        for direction, route_map in zip(("import", "export"), family.maps, strict=True):
            entry = next((each for each in route_map.entries if each.seq == policy.seq), None)
            if entry is not None:
                yield f"    {direction}: route-map {route_map.name} permit {entry.seq}"
                yield from _rules(entry)


def _rules(entry: Entry) -> Iterator[str]:
    for rule in entry.match.rules:
        yield f"      {entry.match.command} prefix-list {entry.match.name} {rule_text(rule)}"


def rule_text(rule: PrefixRule) -> str:
    """Return one entry of a prefix-list as FRR writes it."""
    bounds = f"{f' ge {rule.ge}' if rule.ge is not None else ''}"
    bounds += f"{f' le {rule.le}' if rule.le is not None else ''}"
    return f"seq {rule.seq} {rule.action} {rule.cidr}{bounds}"


def _links(view: VrfView, documents: Documents) -> Iterator[str]:
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


def _bpf(view: VrfView, documents: Documents) -> Iterator[str]:
    if view.bpf == NOTHING or documents.attached is None:
        return
    yield f"eBPF router: {view.bpf.text}"
    own = set(LinkNames.of(view.name).all())
    for item in documents.attached.interfaces:
        if item.interface in own:
            program = f", program {item.program}" if item.program else ""
            yield f"  {item.interface}: {attachment(item)}{program}"


def _explain_resource(name: str, desired: Desired, documents: Documents) -> Iterator[str]:
    for problem in desired.rejected:
        if resource_of(problem.subject) == name:
            yield f"resource {name}: rejected"
            yield f"  because: {problem}"
            return
    for vrf in desired.vrfs:
        for policy in vrf.policies:
            if policy.resource == name:
                view = next(view for view in vrf_views(documents) if view.name == vrf.name)
                yield f"resource {name} of VRF {vrf.name}: {_WORDS[view.health]}"
                if view.trouble:
                    yield f"  because: {view.trouble}"
                yield from _policy(policy, vrf_model(vrf, ipv6=has_ipv6(vrf)))
