# SPDX-License-Identifier: Apache-2.0
"""Fresh network namespaces for the stories of links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from netop.netlink_reconciler.kernel import RtnetlinkKernel
from tests.vm.inside.links.namespace import (
    Node,
    ip,
    links,
    pictures,
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    os.unshare(os.CLONE_NEWNET)
    ip("link set lo up")
    kernel = RtnetlinkKernel()
    try:
        yield Node(tmp_path, kernel)
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node with two VRFs up, which many tests break and see mended."""
    os.unshare(os.CLONE_NEWNET)
    ip("link set lo up")
    kernel = RtnetlinkKernel()
    made = Node(tmp_path_factory.mktemp("shared"), kernel)
    made.bring_up({"red": 5001, "blue": 5002})
    made.good = pictures()
    made.blue = links()["vx.blue"]["ifindex"]
    try:
        yield made
    finally:
        kernel.close()
