# SPDX-License-Identifier: Apache-2.0
"""What FRR says during a reload, and what of it is a complaint."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from netop.frr_templater.words import MOST, complaints, journal_words

SAID = [
    "[183|bgpd] sending configuration",
    "The route-map 'rm_blue_import' does not exist.",
    "% Configuration failed.",
    "Invalid prefix range for 10.0.0.0/8: Make sure that mask length <= ge <= le",
    "BGP instance is already running; AS is 65000",
    "line 7: Failure to communicate[13] to bgpd, line: router bgp 64512 vrf vr.green",
    "line 8: Warning[4]...: early exit from config file",
    "[3168|bgpd] Configuration file[/etc/frr/frr.conf] processing failure: 13",
    "[183|zebra] done",
    "Waiting for children to finish applying config...",
    "MGMTD: No changes found to be committed!",
    "Invalid prefix range for 10.0.0.0/8: Make sure that mask length <= ge <= le",
    "Traceback (most recent call last):",
    '  File "/usr/lib/frr/frr-reload.py", line 1373, in ignore_delete_re_add_lines',
    "UnboundLocalError: cannot access local variable 'rm_match'",
]


def test_complaints_are_told_once() -> None:
    assert complaints(SAID) == (
        "Invalid prefix range for 10.0.0.0/8: Make sure that mask length <= ge <= le",
        "BGP instance is already running; AS is 65000",
        "line 7: Failure to communicate[13] to bgpd, line: router bgp 64512 vrf vr.green",
        "UnboundLocalError: cannot access local variable 'rm_match'",
    )


def test_they_are_short_and_few() -> None:
    found = complaints(f"% complaint {n} {'x' * 500}" for n in range(100))
    assert len(found) == MOST
    assert max(map(len, found)) <= 200


def test_a_journal_that_cannot_be_read_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    journal = SimpleNamespace(Reader=fail)
    monkeypatch.setitem(sys.modules, "systemd", SimpleNamespace(journal=journal))
    assert journal_words("frr.service")(0.0) == []
