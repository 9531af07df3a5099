# SPDX-License-Identifier: Apache-2.0
"""The package's own tests, as Debian's autopkgtest runs them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.container import Bind
from tests.lab.lab import Lab

SOURCE = Path(__file__).parents[2]
CONTROL = SOURCE / "packaging" / "debian" / "tests" / "control"


def test_autopkgtest_passes(lab: Lab, deb: Path) -> None:
    """The machine of its own that the tests ask for is this container, which they may ruin."""
    names = re.search(r"^Tests: (.+)$", CONTROL.read_text(encoding="utf-8"), re.MULTILINE)
    assert names is not None
    with lab.booted_workshop([Bind(SOURCE, "/src")]) as node:
        node.copy_in(deb, f"/tmp/{deb.name}")
        node.run("mkdir /tmp/tree && cp -r /src/packaging/debian /tmp/tree")
        done = node.run(
            "autopkgtest --ignore-restrictions=isolation-machine"
            f" /tmp/{deb.name} /tmp/tree/ -- null 2>&1",
            check=False,
            timeout=600,
        )
    _, _, summary = done.stdout.partition("@ summary\n")
    assert done.code == 0, done.stdout
    passed = re.findall(r"^(\S+) +PASS", summary, re.MULTILINE)
    assert passed == names[1].split()
