# SPDX-License-Identifier: Apache-2.0
"""YAML as people write it, read strictly.

Beyond PyYAML's safe loader: a key that stands twice is an error (the last would win,
silently), a timestamp stays text, and every failure is one exception with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

# libyaml parses ten times faster; PyYAML may be built without it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# PyYAML builds nested nodes by recursion in C and dies of a hundred thousand brackets.
_DEEPEST = 100

# YAML 1.2, 9.1.2: three dashes at the start of a line end a document wherever they
# stand, block scalars included; so do three dots.
_BOUNDARY = re.compile(r"(?:---|\.\.\.)(?=\s|$)")
_EMPTY = re.compile(r"%|(?:---)?\s*(?:#|$)")


class YamlError(ValueError):
    """Text that is not the YAML we take; the message says where and why, in one line.

    `place` is where alone, empty where that is not known: the rest may show what stands there.
    """

    def __init__(self, what: str, place: str = "") -> None:
        super().__init__(f"{place}: {what}" if place else what)
        self.place = place


class _Loader(_Base):  # type: ignore[misc]  # chosen at run time
    """The safe loader, stricter."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's way of configuration
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[tuple[str, str]] = set()
        # A tag such as !!set may stand before something else.
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value[:60]!r} stands twice", key.start_mark
                )
            seen.add((key.tag, key.value))
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        # The constructors trust the text behind a tag such as !!bool or !!timestamp.
        except (IndexError, KeyError, AttributeError, TypeError, OverflowError) as error:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            shown = (
                repr(node.value[:60]) if isinstance(node, yaml.ScalarNode) else "what stands here"
            )
            reason = f"{shown} is no {tag[:60]}"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark) from error


@dataclass(frozen=True)
class Part:
    """One document of a YAML stream: its text, and the line it begins at, counted from 1."""

    line: int
    text: str


def load(text: str, first_line: int = 1) -> object:
    """Return the only document of `text`, None where it is empty; raises YamlError.

    `first_line` is the line of `text` in its file, for the message.
    """
    try:
        # Newlines in front make the parser count the file's lines instead of ours.
        placed = "\n" * (first_line - 1) + text
        _check_depth(placed)
        loaded: object = yaml.load(placed, _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise _described(error) from error
    # The constructors raise ValueError for numbers such as 99...9 with 5,000 digits.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(" ".join(str(error).split())) from error
    return loaded


def parts(text: str) -> Iterator[Part]:
    """Yield the documents of a stream, unparsed, so that a broken one hides no other.

    Documents without content are left out.
    """
    begin = 1
    gathered: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if _BOUNDARY.match(line):
            if _has_content(gathered):
                yield Part(begin, "".join(gathered))
                gathered = []
            # Directives stand before the dashes of the document they are meant for.
            elif line.startswith("...") or any(_BOUNDARY.match(each) for each in gathered):
                gathered = []
        if not gathered:
            begin = number
        if not line.startswith("..."):
            gathered.append(line)
    if _has_content(gathered):
        yield Part(begin, "".join(gathered))


def _has_content(lines: list[str]) -> bool:
    return not all(_EMPTY.match(line) for line in lines)


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            place = f"line {event.start_mark.line + 1}"
            raise YamlError(f"more than {_DEEPEST} lists and maps in each other", place)


def _described(error: yaml.MarkedYAMLError) -> YamlError:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(each for each in (error.context, error.problem) if each)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return YamlError(" ".join(what.split()), place)
