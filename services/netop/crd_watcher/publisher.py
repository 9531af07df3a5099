# SPDX-License-Identifier: Apache-2.0
"""Numbers each new content of `desired`, saves what it was made of, and publishes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from netop.common.documents import Desired
from netop.common.store import DocumentError, Store, document_text, remove_leftovers
from netop.crd_watcher.last_good import LastGood, StateDirectory

T = TypeVar("T")


@dataclass(frozen=True)
class Mark:
    """A generation and the digest of its content; an empty digest fits no content."""

    generation: int
    digest: str = ""


def digest_of(document: Desired) -> str:
    """Return a digest of all that the document says but its generation."""
    return hashlib.sha256(document_text(replace(document, generation=0)).encode()).hexdigest()


def next_mark(digest: str, known: tuple[Mark, ...]) -> Mark:
    """Return the mark of a content: the latest known one where it is the same, else one more.

    Marks of older generations do not count: the same content after another one is new.
    """
    latest = max((mark.generation for mark in known), default=0)
    if Mark(latest, digest) in known:
        return Mark(latest, digest)
    return Mark(latest + 1, digest)


class Publisher:
    """Owns `desired` and the state directory.

    `damage` says what could not be read at the start; `unsaved` what could not be written
    to the state directory by the last `publish`, empty where all is well.
    """

    def __init__(self, store: Store, state: StateDirectory) -> None:
        self._store = store
        self._state = state
        self.unsaved = ""
        remove_leftovers(store.path(Desired))
        damage: list[str] = []
        self.published: Desired | None = _read(lambda: store.read(Desired), damage)
        self.last_good: LastGood | None = _read(state.load, damage)
        self.damage = tuple(damage)
        self._marks = self._known_marks()

    def publish(self, draft: Desired, basis: LastGood) -> Desired:
        """Publish the draft under its generation, and return it as published.

        `basis` is what it was made of; generation and digest are put in here. A state
        directory that cannot be written is told in `unsaved` and keeps nobody from being
        served. Raises OSError where `desired` itself cannot be written.
        """
        mark = next_mark(digest_of(draft), self._marks)
        self._marks = (mark,)
        self._save(replace(basis, generation=mark.generation, digest=mark.digest))
        document = replace(draft, generation=mark.generation)
        self._store.publish(document)
        self.published = document
        return document

    def _save(self, wanted: LastGood) -> None:
        known, self.last_good = self.last_good, wanted
        if known == wanted and not self.unsaved:
            return
        try:
            self._state.save(wanted)
            self.unsaved = ""
        except OSError as error:
            self.unsaved = f"{self._state.path} cannot be written: {error.strerror or error}"

    def _known_marks(self) -> tuple[Mark, ...]:
        marks = [Mark(self._state.generation())]
        if self.last_good is not None:
            marks.append(Mark(self.last_good.generation, self.last_good.digest))
        if self.published is not None:
            marks.append(Mark(self.published.generation, digest_of(self.published)))
        return tuple(marks)


def _read(read: Callable[[], T], damage: list[str]) -> T | None:
    try:
        return read()
    except DocumentError as error:
        damage.append(str(error))
        return None
