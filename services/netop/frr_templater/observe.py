# SPDX-License-Identifier: Apache-2.0
"""What the daemon sees at the beginning of a pass, with all that is wrong about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from netop.common.documents import Desired, Document, Links, Served
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.store import DocumentError, Store
from netop.frr_templater.files import Files, Loaded
from netop.frr_templater.template import TemplateError

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class View:
    """The documents and files as they are; None what is absent or cannot be used.

    `ours` says that frr.conf is netop's to put back: it could be read, or is absent, and is
    not what the template is yet to be made from.
    """

    desired: Desired | None
    links: Links | None
    loaded: Loaded | None
    disk: str | None
    ours: bool
    problems: tuple[Problem, ...]


def observe(store: Store, files: Files) -> View:
    """Read everything; what cannot be read is a problem, and hides nothing else."""
    problems: list[Problem] = []
    desired, links = _read(store, Desired, problems), _read(store, Links, problems)
    loaded, disk, ours = _load(files, problems), None, False
    try:
        disk, ours = files.read(), files.template.exists()
    except OSError as error:
        problems.append(_unreadable(files.configuration, f"cannot be read: {error}"))
    return View(desired, links, loaded, disk, ours, tuple(problems))


def own_document(store: Store) -> Served | None:
    """Return what an earlier life published; a damaged document is as good as none."""
    try:
        return store.read(Served)
    except DocumentError:
        return None


def _read(store: Store, kind: type[D], problems: list[Problem]) -> D | None:
    try:
        return store.read(kind)
    except DocumentError as error:
        remedy, message = "what runs stays as it is", Message.DOCUMENT_DAMAGED
        problems.append(Problem(kind.FILE, str(error), remedy=remedy, message=message))
        return None


def _load(files: Files, problems: list[Problem]) -> Loaded | None:
    try:
        return files.load()
    except TemplateError as error:
        problems += error.problems
    except OSError as error:
        problems.append(_unreadable(files.template, f"cannot be read or made: {error}"))
    return None


def _unreadable(path: Path, reason: str) -> Problem:
    return Problem(str(path), reason, message=Message.FILE_UNREADABLE)
