# SPDX-License-Identifier: Apache-2.0
"""What a source held at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netop.common import names
from netop.common.documents import Source
from netop.common.edge import Field, FieldError
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.crd_watcher.resource import KIND, Resource, problem_of, read_resource


@dataclass(frozen=True)
class Unreadable:
    """A resource, or a piece of a file, that cannot be read as it stands now.

    `name` is empty where not even that can be read. Then any resource from `origin`, or
    from the API server, may be meant whose name stands somewhere in `text`, or just any
    where there is no text.
    `uid` and `generation` are the API server's, empty and 0 where it is of a file.
    """

    problem: Problem
    name: str
    origin: str
    text: str = ""
    uid: str = ""
    generation: int = 0

    def may_be(self, resource: Resource) -> bool:
        """Return whether this is what has become of `resource`."""
        if self.name:
            return resource.name == self.name
        # Files that take the API server's place may hold all that was in it.
        if resource.origin not in {"", self.origin}:
            return False
        return not self.text or resource.name in self.text


@dataclass(frozen=True)
class Snapshot:
    """All of a source: what can be read, in the order of names, and what cannot.

    `problems` are about things that are no resources of ours, or not one too many.
    """

    source: Source
    resources: tuple[Resource, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_object(body: Field, origin: str, place: str = "", text: str = "") -> Resource | Unreadable:
    """Return what an object of our kind says, or why it cannot be read.

    `place` says where in `origin` it stands, and `text` is what stands around it, for an
    object without a usable name.
    """
    try:
        name = names.object_name(body["metadata"]["name"])
    except FieldError as error:
        subject = f"{origin}: the {KIND} {place}" if origin else f"a {KIND}"
        message = Message.RESOURCE_UNREADABLE
        problem = Problem.of(subject, error, "give it a name", message=message)
        return Unreadable(problem, "", origin, text)
    try:
        return read_resource(body, name, origin)
    except FieldError as error:
        problem = problem_of(body, name, origin, error)
        uid, generation = _identity(body["metadata"])
        return Unreadable(problem, name, origin, uid=uid, generation=generation)


def _identity(metadata: Field) -> tuple[str, int]:
    """Return uid and generation of an object, as far as they are what they should be."""
    uid, generation = metadata["uid"].value, metadata["generation"].value
    return (
        uid if isinstance(uid, str) else "",
        generation if isinstance(generation, int) else 0,
    )


def keep_accepted(snapshot: Snapshot, accepted: Iterable[Resource]) -> Snapshot:
    """Return the snapshot with resources that have become unreadable as they last were.

    `accepted` are those of the snapshot before. A slip of the pen, or a file that an
    editor has written half, must not take down what was running; only deleting does.
    """
    readable = {resource.name for resource in snapshot.resources}
    kept = tuple(
        resource
        for resource in accepted
        if resource.name not in readable
        and any(unreadable.may_be(resource) for unreadable in snapshot.unreadable)
    )
    unreadable = tuple(_with_consequence(each, kept) for each in snapshot.unreadable)
    resources = sorted((*snapshot.resources, *kept), key=lambda resource: resource.name)
    return replace(snapshot, resources=tuple(resources), unreadable=unreadable)


def _with_consequence(unreadable: Unreadable, kept: tuple[Resource, ...]) -> Unreadable:
    names = [resource.name for resource in kept if unreadable.may_be(resource)]
    if not names:
        consequence = "until then it has no effect"
    elif unreadable.name:
        consequence = "until then its last accepted version stays in force"
    else:
        consequence = f"until then there stays in force what it held before: {', '.join(names)}"
    remedy = f"{unreadable.problem.remedy}; {consequence}"
    return replace(unreadable, problem=replace(unreadable.problem, remedy=remedy))
