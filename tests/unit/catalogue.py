# SPDX-License-Identifier: Apache-2.0
"""packaging/catalog/netop.catalog, read as journalctl reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2]
CATALOGUE = SOURCE / "packaging" / "catalog" / "netop.catalog"

_FIELD = re.compile(r"@([A-Z_]+)@")


@dataclass(frozen=True)
class Entry:
    """One message: its id, header fields and text."""

    id: str
    headers: dict[str, str]
    text: str

    @property
    def subject(self) -> str:
        return self.headers["Subject"]

    @property
    def fields(self) -> frozenset[str]:
        """The journal's fields that subject and text show."""
        return frozenset(_FIELD.findall(self.subject + self.text))


def entries(text: str) -> list[Entry]:
    """Return the entries in order; systemd.io/CATALOG has the format."""
    parts = re.split(r"^-- ([0-9a-f]{32})\n", text, flags=re.MULTILINE)[1:]
    return [_entry(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


def _entry(name: str, content: str) -> Entry:
    head, _, text = content.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    return Entry(name, headers, text)


ENTRIES = {entry.id: entry for entry in entries(CATALOGUE.read_text(encoding="utf-8"))}
