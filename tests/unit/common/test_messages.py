# SPDX-License-Identifier: Apache-2.0
"""The catalogue of messages, the code and the documentation speak of the same ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from netop.common.messages import Message
from tests.unit.catalogue import CATALOGUE, ENTRIES, SOURCE, Entry, entries

SERVICES = SOURCE / "services" / "netop"
DAEMONS = ("crd_watcher", "netlink_reconciler", "frr_templater", "bpf_guardian", "common")
LEVELS = {"notice", "warning", "error"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SERVICES.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function or method of that name, with its place."""
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                yield f"{path.relative_to(SERVICES)}:{node.lineno}", node


def test_each_message_has_one_entry_and_each_entry_is_a_message() -> None:
    found = [entry.id for entry in entries(CATALOGUE.read_text(encoding="utf-8"))]
    assert found == [message.value for message in Message]


def test_ids_are_random_and_no_two_are_the_same() -> None:
    assert len({message.value for message in Message}) == len(Message)
    # As systemd-id128(1) makes them: version 4 of RFC 9562.
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", id_) for id_ in Message)


def test_each_message_is_told_by_somebody() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in SERVICES.rglob("*.py")
        if path.name != "messages.py"
    )
    told = set(re.findall(r"\bMessage\.([A-Z_0-9]+)", text))
    endings = {message.ending.name for message in Message}
    assert told | endings == {message.name for message in Message}


def test_every_complaint_of_a_daemon_has_a_message() -> None:
    lacking = [
        place
        for name in ("Problem", "of")
        for place, call in calls(name)
        if place.startswith(DAEMONS) and ast.unparse(call.func) in {"Problem", "Problem.of"}
        if "message" not in {keyword.arg for keyword in call.keywords}
    ]
    assert lacking == []


def test_every_entry_above_info_has_a_message() -> None:
    lacking = [
        place
        for level in LEVELS
        for place, call in calls(level)
        if "journal" in ast.unparse(call.func)
        if "message" not in {keyword.arg for keyword in call.keywords}
    ]
    assert lacking == []


@pytest.mark.parametrize("message", list(Message), ids=lambda message: message.name)
def test_an_entry_reads_well(message: Message) -> None:
    entry = ENTRIES[message.value]
    assert set(entry.headers) == {"Subject", "Defined-By", "Documentation"}
    assert entry.headers["Defined-By"] == "netop"
    page = re.sub(r"man:(\S+)\((\d)\)", r"\1.\2", entry.headers["Documentation"])
    assert (SOURCE / "packaging" / "man" / page).is_file()
    assert entry.fields <= {
        "NETOP_GENERATION", "NETOP_VRF", "NETOP_RESOURCE", "NETOP_INTERFACE"
    }  # fmt: skip
    assert all(len(line) <= 90 for line in entry.text.splitlines()), "a terminal is narrow"
    assert quoted_ids(entry) <= set(Message)
    text = " ".join(entry.text.split())
    assert "Nothing needs to be done" in text or re.search(r"^  \S", entry.text, re.MULTILINE)


def quoted_ids(entry: Entry) -> set[str]:
    return set(re.findall(r"[0-9a-f]{32}", entry.text))


def table() -> str:
    """The table of docs/journal.md, as it has to stand there."""
    lines = ["| message | MESSAGE_ID |", "|---|---|"]
    for message in Message:
        subject = re.sub(r"@NETOP_([A-Z]+)@", lambda m: m[1], ENTRIES[message.value].subject)
        lines.append(f"| {subject} | `{message.value}` |")
    return "\n".join(lines)


def test_the_documentation_lists_them_all() -> None:
    text = (SOURCE / "docs" / "journal.md").read_text(encoding="utf-8")
    assert table() in text, f"put this into docs/journal.md:\n{table()}"
