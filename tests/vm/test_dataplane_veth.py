# SPDX-License-Identifier: Apache-2.0
"""A veth that goes with a session over it: what FRR 10.3 itself dies of, and what comes back."""

from __future__ import annotations

from tests.vm.served_node import ServedNode
from tests.vm.test_dataplane_repair import recreated


def test_a_deleted_veth_comes_back(node: ServedNode) -> None:
    """zebra may die of it, and FRR starts anew: no VRF has routes until it has."""
    red, blue = recreated(node, "vd.red")
    assert red.flows
    assert blue.flows
