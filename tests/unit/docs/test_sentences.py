# SPDX-License-Identifier: Apache-2.0
"""What the pages quote is what netop says: each “quote” stands in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.unit.docs.pages import SOURCE, page

# In a quote this stands for a name or a number; in the source, for what is filled in.
GAP = "…"
#: Words around a gap that are too short to tell anything.
SHORTEST = 4
QUOTING = ("cluster-status.md", "installation.md", "migration.md", "operations.md")


@cache
def sentences() -> frozenset[str]:
    """Every text in the source of the daemons, with a gap for each value that is filled in."""
    found: set[str] = set()
    for path in (SOURCE / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = "".join(_parts(node))
            if text:
                # In a page these make code, and are gone.
                found.add(text.replace("`", ""))
    return frozenset(found)


def _parts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.replace("{0.reason}", GAP)
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield str(value.value) if isinstance(value, ast.Constant) else GAP


def said(quote: str) -> bool:
    """Whether the words of `quote` stand in this order in one sentence of the source."""
    pieces = [piece.strip(" ,;:.()'") for piece in quote.split(GAP)]
    words = [piece for piece in pieces if piece]
    if any(_in_order(words, sentence) for sentence in sentences()):
        return True
    # A complaint may be put together of several texts, such as reason and remedy.
    long = all(len(word) >= SHORTEST for word in words)
    return long and all(any(word in sentence for sentence in sentences()) for word in words)


def _in_order(words: list[str], sentence: str) -> bool:
    at = 0
    for word in words:
        at = sentence.find(word, at)
        if at < 0:
            return False
        at += len(word)
    return bool(words) and max(map(len, words)) >= SHORTEST


@pytest.mark.parametrize("name", QUOTING)
def test_each_quote_is_a_sentence_of_netop(name: str) -> None:
    quotes = list(page(name).quotes())
    assert [quote for quote in quotes if not said(quote)] == []


def test_a_sentence_that_nobody_says_is_found_out() -> None:
    assert said("VNI … is taken by …")
    assert not said("VNI … is stolen by …")
