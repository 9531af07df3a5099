# SPDX-License-Identifier: Apache-2.0
"""The tables that are made from the tree are those of today's tree."""

from __future__ import annotations

from tests.unit.docs.pages import page
from tests.unit.docs.tables import PAGE, UNITS, directives, sandboxes, with_tables


def test_the_sandboxes_are_those_of_the_units() -> None:
    text = PAGE.read_text(encoding="utf-8")
    again = "make it anew: python3 -m tests.unit.docs.tables"
    assert text == with_tables(text), f"{PAGE.name} tells of other sandboxes; {again}"
    assert sandboxes() in text


def test_what_all_sandboxes_have_is_true_of_all() -> None:
    """The paragraph below the table."""
    told = page("security.md").prose()
    for words, key, value in (
        ("no new privileges", "NoNewPrivileges", "yes"),
        ("a read-only file system", "ProtectSystem", "strict"),
        ("no /home", "ProtectHome", "yes"),
        ("no devices", "PrivateDevices", "yes"),
        ("a private /tmp", "PrivateTmp", "disconnected"),
        ("no kernel modules", "ProtectKernelModules", "yes"),
        ("tunables", "ProtectKernelTunables", "yes"),
        ("logs", "ProtectKernelLogs", "yes"),
        ("clock", "ProtectClock", "yes"),
        ("writable and executable", "MemoryDenyWriteExecute", "yes"),
        ("no namespaces", "RestrictNamespaces", "yes"),
        ("no set-uid files", "RestrictSUIDSGID", "yes"),
        ("no realtime", "RestrictRealtime", "yes"),
        ("only native system calls", "SystemCallArchitectures", "native"),
        ("no other processes in /proc", "ProtectProc", "invisible"),
    ):
        assert words in told
        for unit in UNITS.glob("netop-*.service"):
            assert directives(unit).get(key) == [value], f"{unit.name}: {key}"
