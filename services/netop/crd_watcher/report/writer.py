# SPDX-License-Identifier: Apache-2.0
"""Brings the cluster's copy of the state up to date, with as few requests as that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from netop.common.edge import FieldError
from netop.crd_watcher.fault import ClusterError
from netop.crd_watcher.report.node_object import Found, NodeObject
from netop.crd_watcher.report.rejection import Rejection
from netop.crd_watcher.report.state import Condition, NodeState, read_conditions


@dataclass(frozen=True)
class Draft:
    """What shall be in the cluster. Rejections without a uid are of files: no events."""

    state: NodeState
    rejections: tuple[Rejection, ...]


class Writer:
    """Remembers what was written last to the object `identity`, so as not to write it again.

    `wall` is the time of day, in UTC.
    """

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._identity: tuple[str, str] | None = None
        self._generation = 0
        self._written: dict[str, Any] | None = None
        self._conditions: tuple[Condition, ...] = ()
        self._told: frozenset[str] = frozenset()

    def differs(self, draft: Draft) -> bool:
        """Return whether there is anything to write or to tell, as far as is known."""
        body = self._stamped(draft).body(self._generation)
        return body != self._written or bool(self._untold(draft))

    def write(self, draft: Draft, node: NodeObject) -> None:
        """Tell what is new and write the status where it differs.

        Events first: the status is what a restarted daemon takes for told. Where they are
        refused the status is written all the same. Raises ClusterError, the first one.
        """
        self._look(draft, node)
        refused = self._tell(draft, node)
        state = self._stamped(draft)
        body = state.body(self._generation)
        if body != self._written:
            if self._written is None or not node.write(body):
                self._adopt(node.create(), draft)
                state = self._stamped(draft)
                body = state.body(self._generation)
                node.write(body)
            self._written, self._conditions = body, state.conditions
        if refused is not None:
            raise refused

    def forget(self) -> None:
        """Take nothing for known: the next write may go to another cluster."""
        self._identity = self._written = None

    def _look(self, draft: Draft, node: NodeObject) -> None:
        """Read what another run of this daemon has left, where that is not known yet."""
        identity = (node.connection.access.identity, node.name)
        if identity != self._identity:
            self._written, self._conditions, self._told = None, (), frozenset()
            found = node.find()
            self._identity = identity
            if found is not None:
                self._adopt(found, draft)

    def _adopt(self, found: Found, draft: Draft) -> None:
        self._generation = found.generation
        status = found.status.value
        self._written = status if isinstance(status, dict) else {}
        self._conditions = read_conditions(found.status)
        self._told |= _told_by(found, draft.rejections)

    def _tell(self, draft: Draft, node: NodeObject) -> ClusterError | None:
        now = self._wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # What is no longer refused may be refused again, and is told again then.
        self._told &= {each.event_name for each in draft.rejections}
        for rejection in self._untold(draft):
            try:
                node.tell(rejection.event(node.name, now))
            except ClusterError as error:
                return error
            self._told |= {rejection.event_name}
        return None

    def _untold(self, draft: Draft) -> list[Rejection]:
        return [each for each in draft.rejections if each.uid and each.event_name not in self._told]

    def _stamped(self, draft: Draft) -> NodeState:
        now = self._wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        return draft.state.since(self._conditions, now)


def _told_by(found: Found, rejections: Iterable[Rejection]) -> frozenset[str]:
    """Return the events that must have been told, as the status already knows of them."""
    try:
        entries = () if found.status.absent else tuple(found.status["resources"].items())
        known = {
            (each["name"].value, each["observedGeneration"].value, each["reason"].value)
            for each in entries
        }
    except (FieldError, TypeError):
        return frozenset()
    return frozenset(
        each.event_name
        for each in rejections
        if (each.name, each.generation, each.refusal.value) in known
    )
