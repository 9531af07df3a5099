# SPDX-License-Identifier: Apache-2.0
"""A booted node, fresh for each story, and the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.netop_node import NetopNode
from tests.lab import deb as package
from tests.lab.container import Bind
from tests.lab.lab import Lab
from tests.lab.node import Node

SOURCE = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="session")
def deb(lab: Lab) -> Path:
    return package.build(lab, SOURCE)


@pytest.fixture
def bare(lab: Lab) -> Iterator[Node]:
    """A node without netop, which sees the tree at /src."""
    with lab.container([Bind(SOURCE, "/src")]) as node:
        yield node


@pytest.fixture
def netop(bare: Node, deb: Path) -> NetopNode:
    """A node with netop installed, not provisioned."""
    bare.install(deb)
    return NetopNode(bare)


@pytest.fixture(scope="module")
def shared(lab: Lab, deb: Path) -> Iterator[NetopNode]:
    """As `netop`, for tests that leave it as it was."""
    with lab.container() as node:
        node.install(deb)
        yield NetopNode(node)
