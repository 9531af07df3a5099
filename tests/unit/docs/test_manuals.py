# SPDX-License-Identifier: Apache-2.0
"""The manual pages name what there is."""

from __future__ import annotations

import dataclasses
import re
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netop.common import documents
from netop.common.documents import Attached, Desired, Links, Served
from netop.common.policy import PrefixRule, ResourcePolicy
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.identity import identities_of
from netop.netlink_reconciler.link import GROUP, VXLAN_PORT
from tests.unit.docs.pages import SOURCE

MANUALS = SOURCE / "packaging" / "man"
UNITS = SOURCE / "units"


def manual(name: str) -> str:
    return (MANUALS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", sorted(UNITS.glob("netop-*.service")), ids=lambda unit: unit.stem)
def test_each_service_names_its_page_which_names_the_unit(unit: Path) -> None:
    name = unit.name
    text = manual(f"{name}.8")
    assert f".Dt {name.upper()} 8" in text
    assert f".Nm {name}" in text
    assert f"Documentation=man:{name}(8)" in unit.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(MANUALS.iterdir()), ids=lambda page: page.name)
def test_references_to_our_own_pages_resolve(page: Path) -> None:
    for name, number in re.findall(r"^\.Xr (netop\S*) (\d)", manual(page.name), re.MULTILINE):
        assert (MANUALS / f"{name}.{number}").is_file()


def test_the_documents_have_the_fields_that_their_page_tells_of() -> None:
    text = manual("netop-documents.5")
    # What the macro Li sets, with the punctuation that mdoc lets stand between.
    lines = re.findall(r"^\.(?:It )?Li (.+)$", text, re.MULTILINE)
    told = {word for line in lines for word in line.split() if re.fullmatch(r"[a-z_]+", word)}
    parts = (
        Desired, documents.DesiredVrf, ResourcePolicy, PrefixRule, NodeSettings,
        Links, documents.LinkedVrf, documents.Link,
        Served, documents.ServedVrf, documents.Reload,
        Attached, documents.Attachment, documents.Counters, Problem,
    )  # fmt: skip
    there = {field.name for part in parts for field in dataclasses.fields(part)} | {"version"}
    assert told == there


@pytest.mark.parametrize("document", [Desired, Links, Served, Attached], ids=lambda kind: kind.FILE)
def test_each_document_has_a_section(document: type[documents.Document]) -> None:
    assert f"\n.Ss {document.WRITER}/{document.FILE}\n" in manual("netop-documents.5")


@pytest.mark.parametrize(
    "words",
    [*documents.VrfState, *documents.ReloadResult, *documents.Source],
)
def test_each_word_of_a_document_is_told(words: str) -> None:
    assert re.search(rf"\b{re.escape(words)}\b", manual("netop-documents.5"))


def test_the_marks_of_links_are_those_of_the_code() -> None:
    text = manual("netop-netlink-reconciler.service.8")
    assert f"the group {GROUP}" in text
    assert f"UDP port {VXLAN_PORT}" in text
    underlay = IPv4Address("10.50.0.11")
    assert str(identities_of("vr.x", underlay)[1].address).startswith("64:ff9b:1::")
    assert "64:ff9b:1::/96" in text
