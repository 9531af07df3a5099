# SPDX-License-Identifier: Apache-2.0
"""Documents and shortcuts for the tests of the reconciler."""

from __future__ import annotations

from netop.common.documents import (
    Desired,
    DesiredVrf,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
    Source,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.plan import Plan, make_plan
from tests.unit.netlink_reconciler.fake_kernel import FakeKernel

ROUNDS = 6


def desired(
    vrfs: dict[str, int | None], node: NodeSettings | None = None, generation: int = 1
) -> Desired:
    return Desired(
        generation=generation,
        source=Source.MANIFESTS,
        note="",
        node=node or NodeSettings(),
        vrfs=tuple(DesiredVrf(name, vni, ()) for name, vni in sorted(vrfs.items())),
        rejected=(),
    )


def served(vrfs: dict[str, int | None], generation: int = 1) -> Served:
    return Served(
        generation=generation,
        vrfs=tuple(ServedVrf(name, vni) for name, vni in sorted(vrfs.items())),
        reload=Reload(ReloadResult.NONE, "", 0.0, 0, "", ()),
        problems=(),
    )


def converge(
    kernel: FakeKernel, wanted: Desired, serving: Served | None, *, rounds: int = ROUNDS
) -> Plan:
    """Plan and apply until nothing is left; the last plan has no steps then."""
    for _ in range(rounds):
        plan = make_plan(wanted, serving, kernel.observe(wanted.node))
        if not plan.steps:
            return plan
        failures = kernel.apply(plan.steps)
        assert not failures, [str(failure) for failure in failures]
    raise AssertionError(f"no end after {rounds} rounds: {[str(step) for step in plan.steps]}")


def follow(kernel: FakeKernel, vrfs: dict[str, int]) -> Plan:
    """As `converge`, beside an FRR that serves these VRFs and lets go of what it is asked to."""
    wanted = desired(dict(vrfs))
    plan = converge(kernel, wanted, served(dict(vrfs)))
    if plan.asking:
        converge(kernel, wanted, served({k: v for k, v in vrfs.items() if k not in plan.asking}))
        plan = converge(kernel, wanted, served(dict(vrfs)))
    assert not plan.asking
    return plan


def working(vrfs: dict[str, int]) -> FakeKernel:
    """A node on which these VRFs are up."""
    kernel = FakeKernel()
    kernel.add_underlay()
    converge(kernel, desired(dict(vrfs)), served(dict(vrfs)))
    kernel.applied.clear()
    return kernel
