# SPDX-License-Identifier: Apache-2.0
"""docs/reliability.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_each_test_that_the_page_names_exists() -> None:
    tests = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    functions = set(
        re.findall(r"^(?:async )?def (test_\w+)", "\n".join(tests.values()), re.MULTILINE)
    )
    files = {path.name for path in tests}
    named = set(re.findall(r"`(?:[\w/.]+::)?(test_\w+)`", PAGE))
    assert len(named) > 30
    assert named <= functions, named - functions
    for path in set(re.findall(r"([\w/]+\.py)", PAGE)):
        exists = (ROOT / path).exists() if "/" in path else path in files
        assert exists, path
