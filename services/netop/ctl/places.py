# SPDX-License-Identifier: Apache-2.0
"""Where in a YAML file a field stands, for messages that editors can jump to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from netop.common import yamltext

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def line_of_field(text: str, field: str) -> int:
    """Return the line, from 1, of a field such as ``vnimap.red`` in a file of one document."""
    root = _compose(text)
    return 1 if root is None else _deepest(root, field).start_mark.line + 1


def line_of_object(text: str, name: str, field: str) -> int:
    """Return the line, from 1, of `field` in the Kubernetes object `name`; 1 where it is not.

    Where the field is missing, it is the line of what should have it.
    """
    for part in yamltext.parts(text):
        root = _compose(part.text)
        for body in _objects(root):
            if _text(_deepest(body, "metadata.name")) == name:
                return part.line + _deepest(body, field).start_mark.line
    return 1


def _compose(text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return node


def _objects(root: yaml.Node | None) -> Iterator[yaml.Node]:
    items = _member(root, "items") if root is not None else None
    if isinstance(items, yaml.SequenceNode):
        yield from items.value
    elif root is not None:
        yield root


def _deepest(node: yaml.Node, field: str) -> yaml.Node:
    """Return the node that a path leads to, or the last one on the way that exists."""
    for key, index in _STEP.findall(field):
        below = _member(node, key) if key else _item(node, int(index))
        if below is None:
            return node
        node = below
    return node


def _member(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if _text(name) == key), None)


def _item(node: yaml.Node, index: int) -> yaml.Node | None:
    if not isinstance(node, yaml.SequenceNode) or index >= len(node.value):
        return None
    found: yaml.Node = node.value[index]
    return found


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
