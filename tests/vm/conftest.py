# SPDX-License-Identifier: Apache-2.0
"""A machine in the lab's fabric, with netop installed and the demo's resources served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import deb as package
from tests.lab.lab import Lab
from tests.vm.served_node import ServedNode

SOURCE = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="session")
def deb(lab: Lab) -> Path:
    return package.build(lab, SOURCE)


@pytest.fixture(scope="session")
def node(lab: Lab, deb: Path) -> Iterator[ServedNode]:
    """One machine for all stories; each leaves it as it found it."""
    with lab.machine(name="stories") as machine:
        machine.install(deb)
        served = ServedNode(machine)
        served.configure()
        served.await_traffic()
        yield served


@pytest.fixture(autouse=True)
def evidence(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the node's journal and state when a story fails."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before and "node" in request.fixturenames:
        node: ServedNode = request.getfixturevalue("node")
        print(f"the node's journal and state: {node.machine.collect(request.node.name)}")
