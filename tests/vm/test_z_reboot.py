# SPDX-License-Identifier: Apache-2.0
"""A reboot brings everything back, also without the API server. Last: it takes a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.apiserver import SEEN_FROM_QEMU, ApiServer, documents
from tests.lab.fabric import RED, WORKLOAD
from tests.lab.progress import Progress
from tests.vm.served_node import DEMO, PATIENCE, ServedNode

KUBECONFIG = "/etc/netop/kubeconfig"


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer.found(Progress()) as server:
        server.apply_crd()
        for manifest in sorted((DEMO / "manifests").glob("*.yaml")):
            for text in documents(manifest.read_text(encoding="utf-8")):
                server.routes().apply(text)
        yield server


@pytest.fixture(scope="module")
def cluster_node(node: ServedNode, server: ApiServer) -> ServedNode:
    """The node with its resources from the API server."""
    config = server.kubeconfig(SEEN_FROM_QEMU)
    node.machine.write(KUBECONFIG, config.read_bytes(), mode=0o640)
    node.machine.run(["chgrp", "netop-crd-watcher", KUBECONFIG])
    node.machine.wait_until(
        'grep -q \'"source": "kubernetes"\' /run/netop/crd-watcher/desired.json',
        why="the API server to be asked",
        timeout=PATIENCE,
    )
    node.await_served(node.generation())
    return node


def test_a_change_reaches_frr_after_the_gap_and_only_then(
    cluster_node: ServedNode, server: ApiServer
) -> None:
    node, generation, reloads = cluster_node, cluster_node.generation(), cluster_node.reloads()
    name = server.routes().names()[-1]
    for number in range(10):
        rule = {"cidr": f"10.101.{number}.0/24", "action": "permit"}
        server.routes().patch(name, {"spec": {"import": [rule]}})
    assert node.generation() == generation, "not before the gap"
    node.await_served(generation + 1)
    assert node.generation() == generation + 1
    assert node.reloads() == reloads + 1
    assert any("10.101.9.0/24" in line for line in node.running())
    for text in documents((DEMO / "manifests" / "red.yaml").read_text(encoding="utf-8")):
        server.routes().apply(text)
    node.await_served(generation + 2)


def test_a_reboot_without_the_api_server(cluster_node: ServedNode, server: ApiServer) -> None:
    node = cluster_node
    server.stop()
    before = node.running()
    node.machine.reboot()
    node.await_traffic()
    node.await_served(1)
    assert "last good" in node.status("crd-watcher")
    assert node.running() == before
    assert RED.host.reaches(node.machine, WORKLOAD.ipv6)
    server.start()
    node.machine.wait_until(
        'grep -q \'"source": "kubernetes"\' /run/netop/crd-watcher/desired.json',
        why="the API server to be found again",
        timeout=PATIENCE,
    )
