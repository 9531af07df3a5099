# SPDX-License-Identifier: Apache-2.0
"""`netopctl validate`: checks resources before a cluster or a node sees them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netop.common.problem import Problem
from netop.common.settings import Settings, SettingsError, read_settings
from netop.crd_watcher.manifests import manifests_in, read_files
from netop.crd_watcher.merge import merge
from netop.crd_watcher.resource import origin_of, resource_of
from netop.crd_watcher.snapshot import Snapshot
from netop.ctl.places import line_of_field, line_of_object

_LINE = re.compile(r"\bline (\d+)\b")


@dataclass(frozen=True, order=True)
class Complaint:
    """What is wrong, and where: `line` counts from 1."""

    origin: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.origin}:{self.line}: {self.sentence}"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `validate` to the commands of netopctl."""
    parser = commands.add_parser(
        "validate",
        help="check resources offline, with file and line of what is wrong",
        description="Checks resources in YAML or JSON files, without a node or a cluster. "
        "Exit status: 0 they are right, 1 something is wrong.",
    )
    parser.add_argument("file", nargs="+", type=Path, help="a file, or a directory of them")
    parser.add_argument(
        "--config", type=Path, help="config.yaml of the site: are the VRFs known to it?"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the complaints and return the exit status."""
    complaints, count = validate(arguments.file, arguments.config)
    for complaint in complaints:
        print(complaint)
    if complaints:
        wrong = len(complaints)
        print(f"netopctl: {wrong} thing{'' if wrong == 1 else 's'} to mend", file=sys.stderr)
        return 1
    print(f"{count} resource{'' if count == 1 else 's'}: nothing is wrong")
    return 0


def validate(paths: Sequence[Path], config: Path | None) -> tuple[list[Complaint], int]:
    """Return what is wrong, in the order of files and lines, and how many resources are right."""
    files: list[Path] = []
    complaints: list[Complaint] = []
    for path in paths:
        try:
            files += _files(path)
        except OSError as error:
            complaints.append(Complaint(str(path), 1, f"cannot be read: {error.strerror}"))
    snapshot = read_files(files)
    settings = _settings(config, snapshot, complaints)
    merged = merge(snapshot.resources, settings)
    complaints += _unreadable(snapshot)
    complaints += _rejected((*snapshot.problems, *merged.rejected))
    return sorted(set(complaints)), len(snapshot.resources) - len(merged.rejected)


def _files(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return manifests_in(path)
    path.stat()  # one that is named must exist
    return [path]


def _settings(config: Path | None, snapshot: Snapshot, complaints: list[Complaint]) -> Settings:
    """Return the site's settings; without a file, ones that know every VRF."""
    known = Settings(skip_vrfs=tuple({resource.vrf for resource in snapshot.resources}))
    if config is None:
        return known
    try:
        settings = read_settings(config)
    except (SettingsError, OSError) as error:
        line = _LINE.search(str(error))
        complaints.append(Complaint(str(config), int(line[1]) if line else 1, str(error)))
        return known
    text = config.read_text(encoding="utf-8")
    complaints += (
        Complaint(str(config), line_of_field(text, problem.field), _sentence("", problem))
        for problem in settings.problems
    )
    return settings


def _unreadable(snapshot: Snapshot) -> Iterator[Complaint]:
    for each in snapshot.unreadable:
        yield _complaint(each.origin, each.name, each.problem)


def _rejected(problems: Iterable[Problem]) -> Iterator[Complaint]:
    for problem in problems:
        origin = origin_of(problem.subject) or problem.subject
        yield _complaint(origin, resource_of(problem.subject), problem)


def _complaint(origin: str, name: str, problem: Problem) -> Complaint:
    # What has no name, or one that stands twice, says itself at which line it stands; the last
    # one is the nearest.
    lines = _LINE.findall(problem.reason)
    line = int(lines[-1]) if lines else 1
    if name and not (lines and problem.field == "metadata.name"):
        try:
            line = line_of_object(Path(origin).read_text(encoding="utf-8-sig"), name, problem.field)
        except (OSError, UnicodeDecodeError):
            line = 1
    return Complaint(origin, line, _sentence(name, problem))


def _sentence(name: str, problem: Problem) -> str:
    subject = f"{name}: " if name else ""
    field = f"{problem.field}: " if problem.field else ""
    # "mend it" tells nothing to somebody who is at it.
    remedy = "" if problem.remedy.startswith("mend it") else f"; {problem.remedy}"
    return f"{subject}{field}{problem.reason}{remedy if problem.remedy else ''}"
