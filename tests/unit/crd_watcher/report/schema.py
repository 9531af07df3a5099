# SPDX-License-Identifier: Apache-2.0
"""Checks an object against the schema of the CRD, as far as that schema goes.

The real API server is asked in tests/apiserver; this is for thousands of objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).parents[4] / "packaging/kubernetes/crd-node-state.yaml"
TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


@cache
def schema() -> dict[str, Any]:
    crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def complaints(body: dict[str, Any]) -> list[str]:
    """What the schema has against an object."""
    return list(_complaints(body, schema(), ""))


def _complaints(value: Any, rules: dict[str, Any], path: str) -> Iterator[str]:
    kind = TYPES[rules["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {rules['type']}"
    elif isinstance(value, dict):
        known = rules.get("properties", {})
        yield from (f"{path}.{key}: is unknown" for key in value.keys() - known.keys())
        yield from (
            f"{path}.{key}: is missing" for key in set(rules.get("required", ())) - value.keys()
        )
        for key in value.keys() & known.keys():
            yield from _complaints(value[key], known[key], f"{path}.{key}")
    elif isinstance(value, list):
        if len(value) > rules["maxItems"]:
            yield f"{path}: has {len(value)} items"
        for index, item in enumerate(value):
            yield from _complaints(item, rules["items"], f"{path}[{index}]")
    elif isinstance(value, str):
        yield from _text_complaints(value, rules, path)
    elif not rules.get("minimum", 0) <= value <= rules.get("maximum", 1 << 63):
        yield f"{path}: {value} is out of bounds"


def _text_complaints(value: str, rules: dict[str, Any], path: str) -> Iterator[str]:
    if not rules.get("minLength", 0) <= len(value) <= rules.get("maxLength", 1 << 20):
        yield f"{path}: has {len(value)} characters"
    if "enum" in rules and value not in rules["enum"]:
        yield f"{path}: {value!r} is not one of {rules['enum']}"
    if "pattern" in rules and not re.search(rules["pattern"], value):
        yield f"{path}: {value!r} does not match"
