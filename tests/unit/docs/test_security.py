# SPDX-License-Identifier: Apache-2.0
"""What security.md says of checks and rules is what the code does."""

from __future__ import annotations

import re

from netop.common import names
from netop.frr_templater import render
from tests.unit.docs.pages import SOURCE, page

PAGE = page("security.md")


def test_the_patterns_are_those_of_the_code() -> None:
    code = set(PAGE.code())
    assert names._VRF_NAME.pattern in code
    assert render._SAFE.pattern in code
    assert f"at most {names.VRF_NAME_LONGEST} characters" in " ".join(PAGE.prose().split())


def test_no_command_goes_through_a_shell() -> None:
    for path in (SOURCE / "services").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"shell=True|os\.system|os\.popen|subprocess_shell", text), path


def test_the_rule_of_polkit_demands_what_the_page_says() -> None:
    rule = (SOURCE / "packaging" / "debian" / "netop.rules").read_text(encoding="utf-8")
    demands = dict(re.findall(r"(?:action|subject)\.(\w+(?:\(\"\w+\"\))?) == \"([^\"]+)\"", rule))
    assert set(demands.values()) == {
        "org.freedesktop.systemd1.manage-units",
        "frr.service",
        "reload",
        "frr",
        "netop-frr-templater.service",
    }
    assert "subject.no_new_privileges" in rule
    code = set(PAGE.code())
    assert set(demands.values()) <= code


def test_every_document_and_its_only_writer_are_told() -> None:
    from netop.common.documents import Attached, Desired, Links, Served

    for document in (Desired, Links, Served, Attached):
        unit = (SOURCE / "units" / f"netop-{document.WRITER}.service").read_text(encoding="utf-8")
        user = re.search(r"^User=(.+)$", unit, re.MULTILINE)
        assert user is not None
        row = f"| `/run/netop/{document.WRITER}/{document.FILE}` | `{user[1]}` |"
        assert row in PAGE.text
