# SPDX-License-Identifier: Apache-2.0
"""The templater and its golden files with a real FRR: what stands in inside/ runs in a node."""

from __future__ import annotations

import pytest

from tests.lab.node import Node


@pytest.mark.parametrize("story", ["frr_golden", "frr_templater"])
def test_with_a_real_frr(bare: Node, story: str) -> None:
    tests = f"python3 -m pytest -q -p no:cacheprovider tests/container/inside/{story}.py"
    said = bare.run(f"cd /src && {tests}", check=False, timeout=1500)
    assert said.ok, said.stdout + said.stderr
    assert " passed" in said.stdout
