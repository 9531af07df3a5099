# SPDX-License-Identifier: Apache-2.0
"""A node on which everything is known, for tests to spoil."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from netop.common.counters import CountersError
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
from netop.common.policy import ResourcePolicy
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.common.store import Store
from netop.common.tally import FILE, Count, Level, Tally
from netop.exporter.metric import Sample
from netop.exporter.node import Node, observe
from netop.exporter.samples import samples

REJECTED = Problem("VRFRouteConfiguration green-a", "is in neither", "spec.vrf", vrf="green")
WRONG_ENTRY = Problem("/opt/network-operator/config.yaml", "is no whole number", "mtu")

DESIRED = Desired(
    generation=18,
    source=Source.KUBERNETES,
    note="",
    node=NodeSettings(),
    vrfs=(
        DesiredVrf("blue", 5002, (ResourcePolicy("blue-a", 1, (), ()),)),
        DesiredVrf("mgmt_vrf", None, (ResourcePolicy("mgmt", 1, (), ()),)),
        DesiredVrf(
            "red",
            5001,
            (ResourcePolicy("red-a", 1, (), ()), ResourcePolicy("red-b", 2, (), ())),
        ),
    ),
    rejected=(REJECTED, WRONG_ENTRY),
)
LINKS = Links(
    generation=18,
    router_id=None,
    host_router_id=None,
    vrfs=(
        LinkedVrf("blue", 5002, 50, VrfState.PREPARED, "", ()),
        LinkedVrf("red", 5001, 51, VrfState.UP, "", ()),
    ),
    problems=(),
)
SERVED = Served(
    generation=17,
    vrfs=(ServedVrf("mgmt_vrf", None), ServedVrf("red", 5001)),
    reload=Reload(ReloadResult.ROLLED_BACK, "2026-11-23T01:02:03+00:00", 2.5, 2, "+ x", ("no",)),
    problems=(Problem("VRF blue", "FRR refuses it", vrf="blue"),),
)
ATTACHED = Attached(
    generation=18,
    program=7,
    tag="abcdef",
    source="1234",
    interfaces=(
        Attachment("br.red", 11, 7, ""),
        Attachment("vx.red", 12, 0, "operation not supported"),
        Attachment("br.mgmt_vrf", 0, 0, "does not exist (yet)"),
    ),
    counters=(),
    problems=(),
)
COUNTERS = json.dumps({
    "program": 7,
    "decisions": {"forwarded": {"packets": 5, "bytes": 500, "meaning": "sent"}},
    "fib_results": {"success": {"packets": 4, "bytes": 400, "meaning": "found"}},
})  # fmt: skip
RUNNING = (
    "LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=2\n"
    "MemoryCurrent=1048576\nCPUUsageNSec=1500000000"
)


def filled(root: Path) -> Store:
    """A state directory as four busy daemons leave it."""
    store = Store(root)
    for document in (DESIRED, LINKS, SERVED, ATTACHED):
        store.path(type(document)).parent.mkdir(parents=True)
        store.publish(document)
    for daemon, count, label, level in (
        ("crd-watcher", Count.API_FAILURES, "unreachable", Level.API_CONNECTED),
        ("crd-watcher", Count.API_LISTS, "", Level.API_LISTED_AT),
        ("crd-watcher", Count.API_WATCHES, "", Level.API_WATCHED_AT),
        ("netlink-reconciler", Count.LINK_REPAIRS, "red", None),
        ("frr-templater", Count.FRR_RELOADS, "rolled-back", Level.FRR_RESIDUALS),
        ("frr-templater", Count.FRR_RELOAD_SECONDS, "", None),
        ("frr-templater", Count.FRR_RELOAD_PASSES, "", None),
        ("bpf-guardian", Count.BPF_ATTACHMENTS, "gone", None),
        ("bpf-guardian", Count.BPF_PROGRAMS, "", None),
    ):
        tally = Tally(root / daemon / FILE)
        tally.add(count, label)
        if level is not None:
            tally.set(level, 1)
        tally.save()
    return store


def systemctl(names: Sequence[str]) -> str:
    """What systemctl says where everything runs."""
    return "\n\n".join(f"Id={name}\n{RUNNING}" for name in names)


def nobody(_path: Path, _patience: float) -> str:
    """A guardian that is not there."""
    raise CountersError("netop-bpf-guardian is not running")


def no_systemd(_names: Sequence[str]) -> str:
    """A systemd that does not answer."""
    raise OSError("systemctl did not answer")


def look(store: Store) -> Node:
    """Observe a node whose guardian and systemd answer."""
    return observe(store, systemctl, lambda _path, _patience: COUNTERS)


def values(node: Node) -> dict[str, float]:
    """All samples as Prometheus writes them: name and labels → value."""
    return {written(sample): sample.value for sample in samples(node)}


def written(sample: Sample) -> str:
    pairs = zip(sample.metric.labels, sample.labels, strict=True)
    labels = ",".join(f'{key}="{value}"' for key, value in pairs)
    return f"{sample.metric.name}{{{labels}}}" if labels else sample.metric.name
