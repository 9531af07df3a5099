# SPDX-License-Identifier: Apache-2.0
"""Resources that this node refuses, and the event that tells of each.

An event is seen where the resource is: `kubectl describe vrf NAME`. Three things decide
its form.

A resource that is wrong is wrong on each node, and ten thousand nodes would make ten
thousand events. So the name of an event is a function of the resource's uid, its
generation and the reason, and of nothing that differs between nodes. The first node
creates it, every other one is answered AlreadyExists and is content: the cluster stores
one event, and it costs each node one small request, spread over some seconds like its
write of the status (`pace`). How many nodes refuse the resource is told by their
VRFNodeStates, not by the series of an event, which all of them would have to update.

Nothing is repeated. A node asks once for each (resource, generation, reason), and a
restarted daemon finds in the status of its own VRFNodeState what it has told before. An
event leaves the API server an hour after it was made (kube-apiserver, --event-ttl), while
the VRFNodeStates go on saying what is refused.

events.k8s.io/v1 is the API of today, stored together with the core/v1 events, so that one
right, `create` in one namespace, is all that a node needs. Events on cluster-scoped
objects belong into the namespace `default` (kube-apiserver validates it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netop.common.problem import Problem
from netop.crd_watcher.resource import API_VERSION, KIND, Resource
from netop.crd_watcher.snapshot import Unreadable

EVENTS_PATH = "/apis/events.k8s.io/v1/namespaces/default/events"
CONTROLLER = "network.schiff.telekom.de/netop"

# events.k8s.io/v1: a note has up to 1 kB, a name up to 253 characters.
_NOTE_LONGEST = 1000
_OBJECT_NAME_LONGEST = 253 - 1 - 16


class Refusal(StrEnum):
    """Why a resource has no effect, in a word for machines."""

    INVALID = "Invalid"  # a field of it is wrong
    UNKNOWN_VRF = "UnknownVRF"  # the node's config.yaml does not name the VRF
    SEQ_TAKEN = "SeqTaken"  # an older resource of the VRF has the number


@dataclass(frozen=True)
class Rejection:
    """One resource that this node refuses in its present generation.

    `uid` and `generation` are the API server's, empty and 0 for a resource of a file.
    """

    name: str
    uid: str
    generation: int
    refusal: Refusal
    problem: Problem

    @property
    def event_name(self) -> str:
        """The name of its event: the same on each node, and never that of another."""
        key = f"{self.uid}/{self.generation}/{self.refusal}"
        return f"{self.name[:_OBJECT_NAME_LONGEST]}.{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def event(self, node: str, now: str) -> dict[str, Any]:
        """Return the event as JSON; `now` is in RFC 3339 with microseconds (metav1.MicroTime)."""
        note = f"refused by node {node}, and by each that finds the same: {self.problem}"
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": self.event_name, "namespace": "default"},
            "eventTime": now,
            "reportingController": CONTROLLER,
            "reportingInstance": node[:128],
            "action": "Reject",
            "reason": self.refusal.value,
            "type": "Warning",
            "note": note if len(note) <= _NOTE_LONGEST else f"{note[: _NOTE_LONGEST - 1]}…",
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": self.name,
                "uid": self.uid,
            },
        }


def rejections(
    unreadable: Iterable[Unreadable], resources: Iterable[Resource], refused: Iterable[Problem]
) -> tuple[Rejection, ...]:
    """Return what is refused, in the order of names.

    `unreadable` is what could not be read, `refused` are the problems of `merge` with some
    of the `resources`. What has no name has no place in the cluster.
    """
    found = {
        each.name: Rejection(each.name, each.uid, each.generation, Refusal.INVALID, each.problem)
        for each in unreadable
        if each.name
    }
    by_name = {resource.name: resource for resource in resources}
    for problem in refused:
        resource = by_name.get(problem.resource)
        if resource is not None:
            refusal = Refusal.SEQ_TAKEN if problem.field == "spec.seq" else Refusal.UNKNOWN_VRF
            made = Rejection(resource.name, resource.uid, resource.generation, refusal, problem)
            found.setdefault(resource.name, made)
    return tuple(found[name] for name in sorted(found))
