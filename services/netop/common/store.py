# SPDX-License-Identifier: Apache-2.0
"""The state directory: reading documents, and replacing them atomically."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from netop.common.documents import Document
from netop.common.edge import Field, FieldError

STATE_ROOT = Path("/run/netop")

# What tempfile.mkstemp puts behind a prefix.
_TEMPORARY = re.compile(r"[a-z0-9_]{8}")

D = TypeVar("D", bound=Document)


class DocumentError(Exception):
    """A document is there but cannot be used; the message names file and place."""


@dataclasses.dataclass(frozen=True)
class Store:
    """The documents below `root`, which is /run/netop but for tests.

    What was read is kept as long as the file says the same: daemons look at all documents
    whenever one has changed, and parsing one with 5,000 rules takes 0.1 s.
    """

    root: Path = STATE_ROOT
    _last: dict[Path, tuple[str, Document]] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def path(self, kind: type[Document]) -> Path:
        """Return where a document of that kind stands."""
        return self.root / kind.WRITER / kind.FILE

    def read(self, kind: type[D]) -> D | None:
        """Return the document, or None where it is not written yet; raises DocumentError."""
        path = self.path(kind)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DocumentError(f"{path}: cannot be read: {error}") from error
        last = self._last.get(path)
        if last is not None and last[0] == text and isinstance(last[1], kind):
            return last[1]
        document = parse_document(kind, text, str(path))
        self._last[path] = text, document
        return document

    def publish(self, document: Document) -> bool:
        """Replace the document on disk; return False where it already says the same.

        Not writing what is already there keeps two daemons from waking each other for ever.
        Raises OSError where the disk refuses.
        """
        path = self.path(type(document))
        text = document_text(document)
        try:
            if path.read_text(encoding="utf-8") == text:
                return False
        except (OSError, UnicodeDecodeError):
            pass  # absent or damaged: writing it is the cure
        replace_file(path, text)
        return True


def parse_document(kind: type[D], text: str, origin: str) -> D:
    """Return the document that `text` holds; raises DocumentError."""
    try:
        field = Field(json.loads(text))
        version = field["version"].integer(0, 1 << 31)
        if version != kind.VERSION:
            raise field["version"].fail(
                f"is {version}, this netop reads {kind.VERSION}; "
                f"restart netop-{kind.WRITER}.service to have it written anew"
            )
        return kind.parse(field)
    except (ValueError, RecursionError) as error:
        place = f"{error}" if isinstance(error, FieldError) else f"is not JSON: {error}"
        raise DocumentError(f"{origin}: {place}") from error


def document_text(document: Document) -> str:
    """Return the document as JSON, with its schema version: a line for each item of a list."""
    members: dict[str, object] = {"version": document.VERSION, **_members(document)}
    lines = (f" {json.dumps(key)}: {_member_text(value)}" for key, value in members.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _member_text(value: object) -> str:
    # json.dumps(indent=) would give up its encoder in C, which is ten times faster.
    if not isinstance(value, tuple) or not value:
        return json.dumps(value, default=encode)
    return "[\n  " + ",\n  ".join(json.dumps(item, default=encode) for item in value) + "\n ]"


def replace_file(path: Path, text: str, mode: int = 0o644, *, lasting: bool = True) -> None:
    """Replace `path` so that a reader, or a crash, sees the old text or the new, never half.

    Temporary file in the same directory, fsync, rename, fsync of the directory (rename(2)).
    One that is not `lasting` may be lost or empty after a power cut, and waits for no disk.
    Raises OSError that names `path`; the temporary file is gone then.
    """
    try:
        _replace(path, text, mode, lasting=lasting)
    except OSError as error:
        # The name of a temporary file would make each attempt another complaint.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _replace(path: Path, text: str, mode: int, *, lasting: bool) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    if not lasting:
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def remove_leftovers(path: Path) -> None:
    """Remove temporary files that a killed `replace_file(path)` left beside `path`.

    And no others, such as the swap file of an editor that somebody has open.
    """
    prefix = f".{path.name}."
    for leftover in path.parent.glob(f"{prefix}*"):
        ours = _TEMPORARY.fullmatch(leftover.name.removeprefix(prefix))
        if ours and leftover.is_file() and not leftover.is_symlink():
            leftover.unlink(missing_ok=True)


def encode(value: Any) -> Any:
    """Return what JSON has for a dataclass or an address; `json.dumps` takes it as `default`."""
    if dataclasses.is_dataclass(value):
        return _members(value)
    if isinstance(
        value,
        ipaddress.IPv4Address
        | ipaddress.IPv6Address
        | ipaddress.IPv4Network
        | ipaddress.IPv6Network,
    ):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _members(instance: Any) -> dict[str, Any]:
    """Return the members of a dataclass as they are; dataclasses.asdict would copy them all."""
    return {each.name: getattr(instance, each.name) for each in dataclasses.fields(instance)}
