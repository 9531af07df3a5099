# SPDX-License-Identifier: Apache-2.0
"""Tables that are made from the tree: `python3 -m tests.unit.docs.tables` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[3]
UNITS = SOURCE / "units"
PAGE = SOURCE / "docs" / "security.md"

_MARKED = re.compile(r"(<!-- begin: sandboxes .*?-->\n).*?(<!-- end: sandboxes -->\n)", re.DOTALL)
_COLUMNS = ("unit", "user", "capabilities", "sockets", "network", "writes", "further system calls")


def directives(unit: Path) -> dict[str, list[str]]:
    """The values of each key of `[Service]`."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            inside = line == "[Service]"
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def sandboxes() -> str:
    """The table of all services."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    lines += [_row(unit) for unit in sorted(UNITS.glob("netop-*.service"))]
    return "\n".join(lines) + "\n"


def _row(unit: Path) -> str:
    keys = directives(unit)
    cells = (
        f"`{unit.stem}`",
        ", ".join(f"`{name}`" for name in _users(keys)),
        " ".join(f"`{name}`" for name in _words(keys, "CapabilityBoundingSet")) or "none",
        " ".join(f"`{name}`" for name in _words(keys, "RestrictAddressFamilies")),
        _network(keys),
        " ".join(f"`{path}`" for path in _writes(keys)) or "nothing",
        " ".join(f"`{path}`" for path in _words(keys, "SystemCallFilter") if path[0] not in "@~")
        or "-",
    )
    return f"| {' | '.join(cells)} |"


def _words(keys: dict[str, list[str]], key: str) -> list[str]:
    return [word for value in keys.get(key, []) for word in value.split()]


def _users(keys: dict[str, list[str]]) -> Iterator[str]:
    yield from keys["User"]
    yield from (f"+{group}" for group in _words(keys, "SupplementaryGroups"))


def _network(keys: dict[str, list[str]]) -> str:
    if keys.get("PrivateNetwork") == ["yes"]:
        return "none of its own"
    if keys.get("IPAddressDeny") == ["any"]:
        return "the node's, no packets"
    return "the node's"


def _writes(keys: dict[str, list[str]]) -> Iterator[str]:
    yield from (f"/run/{name}" for name in _words(keys, "RuntimeDirectory"))
    yield from (f"/var/lib/{name}" for name in _words(keys, "StateDirectory"))
    yield from _words(keys, "ReadWritePaths")


def with_tables(text: str) -> str:
    """The page with its table as it has to be."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{sandboxes()}\n{match[2]}", text)


def main() -> None:
    """Write the tables anew."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text), encoding="utf-8")


if __name__ == "__main__":
    main()
