# SPDX-License-Identifier: Apache-2.0
"""The directory of manifests: resources for a node without a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from netop.common import names, yamltext
from netop.common.documents import Source
from netop.common.edge import Field, FieldError
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.crd_watcher.resource import API_VERSION, KIND, Resource
from netop.crd_watcher.snapshot import Snapshot, Unreadable, read_object

DEFAULT_DIRECTORY = Path("/etc/netop/manifests")

# JSON is YAML; kubectl takes the same three.
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def read_manifests(directory: Path) -> Snapshot:
    """Return what the files directly in `directory` say.

    Of two objects with the same name, the first in the order of file names, then of
    places in the file, counts; the other is refused. Raises OSError where the directory
    itself cannot be listed; a file that cannot be read is one complaint.
    """
    return read_files(manifests_in(directory))


def manifests_in(directory: Path) -> list[Path]:
    """Return the files directly in `directory` that are read, in their order; raises OSError."""
    return [
        path
        for path in sorted(directory.iterdir())
        if path.suffix in _SUFFIXES and not path.name.startswith(".")
    ]


def read_files(paths: Iterable[Path]) -> Snapshot:
    """Return what these files say, as `read_manifests` does."""
    reading = _Reading()
    for path in paths:
        reading.file(path)
    return reading.snapshot()


@dataclass(frozen=True)
class _Document:
    """One document of a file."""

    path: Path
    part: yamltext.Part
    last: bool

    @property
    def place(self) -> str:
        return f"at line {self.part.line}"

    @property
    def around(self) -> str:
        """The text in which the names of all stand that a broken piece of it may be.

        Empty where it is the last: of a file that is cut off nobody knows what stood behind.
        """
        return "" if self.last else self.part.text

    def may_cut(self, name: str) -> bool:
        """Return whether the file may be cut off in the middle of this name."""
        return self.last and self.part.text.rstrip().endswith(name)


@dataclass
class _Reading:
    """One pass over the directory."""

    _resources: dict[str, Resource] = field(default_factory=dict)
    _unreadable: list[Unreadable] = field(default_factory=list)
    _problems: list[Problem] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        resources = tuple(self._resources[name] for name in sorted(self._resources))
        return Snapshot(Source.MANIFESTS, resources, tuple(self._unreadable), tuple(self._problems))

    def file(self, path: Path) -> None:
        try:
            if not path.is_file() and path.exists():
                self._broken(path, "is no regular file")
                return
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            # Removed since the directory was listed, unless a link points nowhere.
            if path.is_symlink():
                self._broken(path, "is a symbolic link to a file that does not exist")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            self._broken(path, f"cannot be read: {reason}")
        else:
            parts = list(yamltext.parts(text))
            if not parts:
                # What an editor or a full disk leaves behind; to remove a file is no accident.
                self._broken(path, "is empty", remedy="remove it to mean that")
            for part in parts:
                self._document(_Document(path, part, part is parts[-1]))

    def _document(self, document: _Document) -> None:
        place, around = document.place, document.around
        try:
            objects = _objects(Field(yamltext.load(document.part.text, document.part.line)))
        except yamltext.YamlError as error:
            reason = f"the document {place} is not YAML: {error}"
            self._broken(document.path, reason, text=around)
        except FieldError as error:
            reason = f"the document {place} is no Kubernetes object: {error}"
            self._broken(document.path, reason, text=around)
        else:
            for index, body in enumerate(objects):
                within = f"{place}, items[{index}]" if len(objects) > 1 else place
                self._object(document, body, within)

    def _object(self, document: _Document, body: Field, place: str) -> None:
        path, around = document.path, document.around
        try:
            api_version, kind = body["apiVersion"].text(), body["kind"].text()
        except FieldError as error:
            self._broken(path, f"the object {place} is no Kubernetes object: {error}", text=around)
            return
        if (api_version, kind) != (API_VERSION, KIND):
            shown = f"a {kind[:80]!r} of {api_version[:80]!r}, not a {KIND!r} of {API_VERSION!r}"
            reason = f"the object {place} is {shown}"
            self._foreign(path, body, reason, cut=document.may_cut(kind))
            return
        found = read_object(body, str(path), place, around)
        if isinstance(found, Unreadable):
            known = not document.may_cut(found.name)
            self._unreadable.append(found if known else replace(found, name=""))
            return
        first = self._resources.setdefault(found.name, found)
        if first is not found:
            self._repeated(found, first, place)

    def _broken(
        self, path: Path, reason: str, name: str = "", text: str = "", remedy: str = "mend it"
    ) -> None:
        message = Message.RESOURCE_UNREADABLE
        problem = Problem(str(path), reason, remedy=remedy, message=message)
        self._unreadable.append(Unreadable(problem, name, str(path), text))

    def _foreign(self, path: Path, body: Field, reason: str, *, cut: bool) -> None:
        try:
            # A slip in `kind` is one more way for a resource to become unreadable.
            self._broken(path, reason, names.object_name(body["metadata"]["name"]))
        except FieldError:
            if cut:
                self._broken(path, reason)
                return
            message = Message.RESOURCE_UNREADABLE
            remedy = "it has no effect"
            self._problems.append(Problem(str(path), reason, remedy=remedy, message=message))

    def _repeated(self, second: Resource, first: Resource, place: str) -> None:
        where = "earlier in this file" if second.origin == first.origin else f"in {first.origin}"
        self._problems.append(
            Problem(
                second.subject,
                f"the one {place} is the second of this name; the first, {where}, counts",
                field="metadata.name",
                value=second.name,
                remedy="files are read in the order of their names; rename or remove one",
                vrf=second.vrf,
                message=Message.RESOURCE_REJECTED,
            )
        )


def _objects(loaded: Field) -> list[Field]:
    """Return the objects of one document, which may be a list; raises FieldError."""
    if not isinstance(loaded.value, dict):
        raise loaded.misfit("neither an object nor a list of objects")
    if loaded["kind"].text() not in {"List", f"{KIND}List"}:
        return [loaded]
    # Messages name the object itself, so its path begins anew.
    return [Field(item.value) for item in loaded["items"].items()]
