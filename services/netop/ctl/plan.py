# SPDX-License-Identifier: Apache-2.0
"""`netopctl plan`: what would change now, and whether it interrupts traffic."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from netop.common.documents import (
    Desired,
    DesiredVrf,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
)
from netop.common.store import Store
from netop.ctl.intent import IntentError, add_arguments, published, wanted
from netop.ctl.render import RenderError, add_router_id, links_of, read_template, rendered
from netop.frr_templater.files import Files
from netop.frr_templater.plan import file_diff
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from netop.netlink_reconciler.observe import KernelError
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.step import Delete
from netop.netlink_reconciler.story import sentences
from netop.netlink_reconciler.table import tables_lacking

_NO_RELOAD = Reload(ReloadResult.NONE, "", 0, 0, "", ())


@dataclass(frozen=True)
class Change:
    """What happens to one VRF.

    `links` are sentences about them; `interrupts` says that its traffic stops meanwhile,
    or for good.
    """

    vrf: str
    resources: str
    links: tuple[str, ...]
    refused: str
    interrupts: bool


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `plan` to the commands of netopctl."""
    parser = commands.add_parser(
        "plan",
        help="what would change, and whether it interrupts traffic",
        description="Compares the node with what is wanted, and touches nothing. Exit status: 0 "
        "nothing would change, 1 it cannot be told, 2 something would change.",
    )
    add_arguments(parser)
    add_router_id(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan and return the exit status."""
    store = Store()
    try:
        after = wanted(arguments.file, arguments.config, store)
        before = published(store)
        actual = _look(after)
    except (IntentError, KernelError, OSError) as error:
        print(f"netopctl: {error}", file=sys.stderr)
        return 1
    for problem in after.rejected:
        print(f"rejected: {problem}")
    planned = changes(before, after, actual)
    for line in told(planned):
        print(line)
    diff, untold = "", False
    try:
        diff = _frr(after, store, arguments.router_id)
    except (RenderError, OSError) as error:
        print(f"netopctl: frr.conf: cannot be told: {error}", file=sys.stderr)
        untold = True
    if diff:
        print(f"\n{diff}")
    if planned or diff:
        return 2
    if untold:
        return 1
    print("nothing would change")
    return 0


def _look(desired: Desired) -> Actual:
    kernel = RtnetlinkKernel()
    try:
        return kernel.observe(desired.node, partial(tables_lacking, desired))
    finally:
        kernel.close()


def _frr(desired: Desired, store: Store, router_id: ipaddress.IPv4Address | None) -> str:
    """Return the difference in frr.conf; raises RenderError and OSError."""
    files = Files()
    text = rendered(desired, links_of(store), read_template(files, None), router_id)
    return file_diff(files.read() or "", text).text


def changes(before: Desired | None, after: Desired, actual: Actual) -> tuple[Change, ...]:
    """Return what happens to each VRF that is concerned, in the order of their names.

    FRR is taken to follow: VRFs that are wanted count as served, others as let go.
    """
    serving = Served(
        after.generation, tuple(ServedVrf(v.name, v.vni) for v in after.vrfs), _NO_RELOAD, ()
    )
    plan = make_plan(after, serving, actual)
    names = {vrf.name for vrf in after.vrfs} | {step.vrf for step in plan.steps} | set(plan.refused)
    asking = plan.asking
    names |= {vrf.name for vrf in before.vrfs} if before else set()
    found = (
        Change(
            vrf=name,
            resources=_resources(before.vrf(name) if before else None, after.vrf(name)),
            links=(asking[name],) if name in asking else sentences(name, plan.steps_of(name)),
            refused=plan.refused.get(name, ""),
            interrupts=name in asking
            or any(isinstance(step, Delete) for step in plan.steps_of(name)),
        )
        for name in sorted(names - {""})
    )
    return tuple(change for change in found if change.resources or change.links or change.refused)


def _resources(before: DesiredVrf | None, after: DesiredVrf | None) -> str:
    if before is None or after is None:
        return "" if before == after else ("added" if before is None else "removed")
    old = {policy.resource: policy for policy in before.policies}
    new = {policy.resource: policy for policy in after.policies}
    parts = [f"+{name}" for name in sorted(new.keys() - old.keys())]
    parts += [f"-{name}" for name in sorted(old.keys() - new.keys())]
    parts += [f"~{name}" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]
    if before.vni != after.vni:
        parts.append(f"VNI {before.vni} → {after.vni}")
    return " ".join(parts)


def told(planned: tuple[Change, ...]) -> Iterator[str]:
    """Yield the lines of a plan."""
    for change in planned:
        effect = "INTERRUPTS its traffic" if change.interrupts else "no interruption"
        what = f" ({change.resources})" if change.resources else ""
        yield f"{change.vrf}{what}: {change.refused or effect}"
        yield from (f"  {sentence}" for sentence in change.links)
