# SPDX-License-Identifier: Apache-2.0
"""The documents of a node on which all is well, for tests to spoil."""

from __future__ import annotations

from dataclasses import replace

from netop.common.documents import (
    Attached,
    Attachment,
    Desired,
    DesiredVrf,
    LinkedVrf,
    Links,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
    Source,
    VrfState,
)
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.crd_watcher.merge import merge
from netop.crd_watcher.report.assess import Intent, assess
from netop.crd_watcher.report.rejection import Refusal, Rejection
from netop.crd_watcher.report.state import Condition, ConditionType, Entry, NodeState
from netop.crd_watcher.report.verdict import Documents
from netop.crd_watcher.resource import Resource
from tests.unit.crd_watcher.objects import resource

NONE_YET = Reload(ReloadResult.NONE, "", 0, 0, "", ())
GENERATION = 17
VNIS = {"red": 5001, "blue": 5002}


def resources() -> tuple[Resource, ...]:
    """Two of red, one of blue, one of mgmt, which has route-maps only."""
    found = (
        resource("blue", "blue"),
        resource("mgmt", "mgmt"),
        resource("red-a", "red", 10),
        resource("red-b", "red", 20),
    )
    return tuple(replace(each, uid=f"uid-{each.name}", generation=3) for each in found)


def rejection(name: str = "bad", refusal: Refusal = Refusal.INVALID) -> Rejection:
    problem = Problem(
        f"VRFRouteConfiguration {name}", "0 is not between 1 and 65534", "spec.seq", vrf="red"
    )
    return Rejection(name, f"uid-{name}", 2, refusal, problem)


def desired(generation: int = GENERATION, *rejected: Problem) -> Desired:
    from netop.common.settings import Settings

    merged = merge(resources(), Settings(tuple(VNIS.items()), ("mgmt",)))
    return Desired(generation, Source.KUBERNETES, "", NodeSettings(), merged.vrfs, rejected)


def linked(vrf: DesiredVrf, state: VrfState = VrfState.UP, error: str = "") -> LinkedVrf:
    return LinkedVrf(vrf.name, vrf.vni or 0, 50, state, error, ())


def links(wanted: Desired, *changed: LinkedVrf, problems: tuple[Problem, ...] = ()) -> Links:
    """All up, but for `changed`."""
    instead = {each.name: each for each in changed}
    vrfs = tuple(instead.get(v.name, linked(v)) for v in wanted.vrfs if v.vni is not None)
    return Links(wanted.generation, None, None, vrfs, problems)


def served(wanted: Desired, *problems: Problem, without: str = "") -> Served:
    vrfs = tuple(ServedVrf(v.name, v.vni) for v in wanted.vrfs if v.name != without)
    return Served(wanted.generation, vrfs, NONE_YET, problems)


def attached(wanted: Desired, *changed: Attachment, problems: tuple[Problem, ...] = ()) -> Attached:
    """On all links, but for `changed`, which may be further interfaces too."""
    names = [LinkNames.of(v.name) for v in wanted.vrfs if v.vni is not None]
    places = {p: Attachment(p, 7, 5, "") for n in names for p in (n.vxlan, n.bridge, n.veth_vrf)}
    places |= {each.interface: each for each in changed}
    return Attached(wanted.generation, 5, "tag", "source", tuple(places.values()), (), problems)


def well() -> Documents:
    wanted = desired()
    return Documents(wanted, links(wanted), served(wanted), attached(wanted))


def state(documents: Documents, *rejections: Rejection) -> NodeState:
    return assess(Intent(resources(), rejections), documents)


def condition(found: NodeState, type_: ConditionType) -> Condition:
    return next(each for each in found.conditions if each.type is type_)


def entry(entries: tuple[Entry, ...], name: str) -> Entry:
    return next(each for each in entries if each.name == name)
