# SPDX-License-Identifier: Apache-2.0
"""The documentation as text, links, headings, code and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

SOURCE = Path(__file__).parents[3]
_NO_PLACE_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Page:
    """One file of Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(SOURCE))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def tokens(self) -> list[Token]:
        return _tokens(self.path)

    @property
    def inlines(self) -> Iterator[Token]:
        for token in self.tokens:
            yield from token.children or ()

    def links(self) -> Iterator[str]:
        """What links and images point at, as written."""
        for token in self.inlines:
            target = token.attrs.get("href") or token.attrs.get("src")
            if target:
                yield str(target)

    def anchors(self) -> set[str]:
        """The names that GitHub gives to the headings."""
        found: set[str] = set()
        tokens = self.tokens
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                words = "".join(
                    each.content
                    for each in tokens[at + 1].children or ()
                    if each.type in {"text", "code_inline"}
                )
                found.add(_NO_PLACE_IN_ANCHORS.sub("", words.lower()).replace(" ", "-"))
        return found

    def prose(self) -> str:
        """What people read: text and inline code, without blocks of code."""
        parts = []
        for token in self.tokens:
            if token.type == "inline":
                shown = (each.content or " " for each in token.children or ())
                parts.append("".join(shown).replace("\n", " "))
        return "\n".join(parts)

    def code(self) -> Iterator[str]:
        """Everything that is set as code: spans as they are, blocks line by line."""
        for token in self.inlines:
            if token.type == "code_inline":
                yield token.content
        for token in self.tokens:
            if token.type in {"fence", "code_block"}:
                yield from token.content.replace("\\\n", " ").splitlines()

    def commands(self) -> Iterator[str]:
        """The lines of blocks of shell commands, without comments."""
        for token in self.tokens:
            shell = token.type == "code_block" or (token.type == "fence" and token.info == "sh")
            if shell:
                for line in token.content.replace("\\\n", " ").splitlines():
                    command = re.sub(r"(^|\s)#.*", "", line).strip()
                    if command:
                        yield command

    def quotes(self) -> Iterator[str]:
        """What stands between typographic quotes: netop's own sentences."""
        yield from re.findall(r"“([^”]+)”", self.prose())


@cache
def _tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))


@cache
def pages() -> tuple[Page, ...]:
    """All pages, in the order of their names."""
    found = [SOURCE / "README.md", SOURCE / "packaging" / "kubernetes" / "README.md"]
    found += sorted((SOURCE / "docs").rglob("*.md"))
    return tuple(Page(path) for path in found)


def page(name: str) -> Page:
    return Page(SOURCE / "docs" / name)
