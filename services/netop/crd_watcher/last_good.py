# SPDX-License-Identifier: Apache-2.0
"""What must survive a boot: the last good set of resources, and the generation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from netop.common import names
from netop.common.documents import Document, Source, parse_generation
from netop.common.edge import Field
from netop.common.settings import NodeSettings, Settings
from netop.common.store import (
    DocumentError,
    document_text,
    parse_document,
    remove_leftovers,
    replace_file,
)
from netop.crd_watcher.resource import Resource


@dataclass(frozen=True)
class LastGood(Document):
    """The resources that the latest generation was made of.

    `digest` is of the content of `desired` in that generation, `source` where the
    resources came from, `saved` since when they are so (ISO 8601). `settings` are those
    of config.yaml then, without its problems.
    """

    WRITER: ClassVar[str] = "crd-watcher"
    FILE: ClassVar[str] = "last-good.json"
    VERSION: ClassVar[int] = 1

    digest: str
    source: Source
    saved: str
    settings: Settings
    resources: tuple[Resource, ...]

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the set; raises FieldError."""
        source = field["source"]
        if source.text() not in set(Source):
            raise source.fail(f"{source.text()!r} is no source of resources")
        return cls(
            generation=parse_generation(field),
            digest=field["digest"].text(longest=128),
            source=Source(source.text()),
            saved=field["saved"].text(longest=64),
            settings=_settings(field["settings"]),
            resources=tuple(Resource.parse(item) for item in field["resources"].items()),
        )

    def since(self, known: LastGood | None) -> Self:
        """Return the set as of the time of `known`, where the resources are the same since."""
        if known is None or (known.source, known.resources) != (self.source, self.resources):
            return self
        return replace(self, saved=known.saved)


@dataclass(frozen=True)
class StateDirectory:
    """`path` is systemd's StateDirectory: /var/lib/netop/crd-watcher.

    The generation stands in a file of its own, too: a damaged set costs the set, but the
    generation must not go back.
    """

    path: Path

    def load(self) -> LastGood | None:
        """Return the last good set, None where there is none yet; raises DocumentError."""
        path = self.path / LastGood.FILE
        try:
            remove_leftovers(path)
            remove_leftovers(self._counter)
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DocumentError(f"{path}: cannot be read: {error}") from error
        return parse_document(LastGood, text, str(path))

    def generation(self) -> int:
        """Return the latest generation that was written, 0 where that is not known."""
        try:
            text = self._counter.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return 0
        return int(text) if text.isdecimal() and len(text) < 19 else 0

    def save(self, last_good: LastGood) -> None:
        """Replace what is saved; raises OSError where the disk refuses."""
        replace_file(self.path / LastGood.FILE, document_text(last_good))
        replace_file(self._counter, f"{last_good.generation}\n")

    @property
    def _counter(self) -> Path:
        return self.path / "generation"


def _settings(field: Field) -> Settings:
    return Settings(
        vni_map=tuple(_vni(entry) for entry in field["vni_map"].items()),
        skip_vrfs=tuple(names.vrf_name(item) for item in field["skip_vrfs"].items()),
        bpf_interfaces=tuple(
            names.interface_name(item) for item in field["bpf_interfaces"].items()
        ),
        debounce=field["debounce"].number(0, 3600),
        node=NodeSettings.parse(field["node"]),
        # A set that was saved by an older netop has none.
        node_name=field["node_name"].optional_text() or "",
    )


def _vni(field: Field) -> tuple[str, int]:
    pair = tuple(field.items())
    if len(pair) != 2:
        raise field.fail("is no pair of a VRF and its VNI")
    return names.vrf_name(pair[0]), names.vni(pair[1])
