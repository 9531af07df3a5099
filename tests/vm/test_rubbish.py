# SPDX-License-Identifier: Apache-2.0
"""Rubbish in each of the inputs is named, and what was right goes on working."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.fabric import RED, WORKLOAD
from tests.vm.served_node import CONFIG, DEMO, ServedNode

RESOURCE = """
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {name: rubbish}
spec:
  vrf: %s
  seq: 50
  import: []
  export: [{cidr: %s, action: permit}]
"""
CONFIG_TEXT = (DEMO / "config.yaml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def as_before(node: ServedNode) -> Iterator[None]:
    running = node.running()
    yield
    node.machine.run("rm -f /etc/netop/manifests/rubbish.yaml")
    node.machine.write(CONFIG, CONFIG_TEXT)
    node.await_good_input("the rubbish to be forgotten")
    node.await_served(node.generation())
    assert node.running() == running


def told(node: ServedNode, daemon: str) -> str:
    return node.machine.journal("-b", "-o", "cat", "-n", "30", "-u", f"netop-{daemon}.service")


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (RESOURCE % ("red", "10.0.0.0/33"), "spec.export[0].cidr"),
        (RESOURCE % ("red", '"10.0.0.0/8\\nrouter bgp 1"'), "spec.export[0].cidr"),
        (RESOURCE % ('"red\\nend"', "10.0.0.0/8"), "spec.vrf"),
        (RESOURCE % ("nowhere", "10.0.0.0/8"), "nowhere"),
        ((RESOURCE % ("red", "10.0.0.0/8")).replace("seq: 50", "seq: 10"), "red-workloads"),
        ("kind: [broken", "rubbish.yaml"),
    ],
    ids=["prefix", "injection", "name", "unknown-vrf", "seq-taken", "no-yaml"],
)
def test_a_wrong_resource_is_rejected_alone(node: ServedNode, manifest: str, sentence: str) -> None:
    node.manifest("rubbish", manifest)
    node.await_status("crd-watcher", "rejected 1", "the rejection")
    assert sentence in node.status("crd-watcher")
    assert sentence in told(node, "crd-watcher")
    assert RED.host.reaches(node.machine, WORKLOAD.ipv4)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (CONFIG_TEXT.replace("debounce: 3", "green: x\ndebounce: 3"), "green"),
        (CONFIG_TEXT.replace("blue: 5002", "blue: 5002\n  green: 16777216"), "vnimap.green"),
        ("vnimap: [", "is not YAML"),
    ],
    ids=["unknown-key", "vni", "no-yaml"],
)
def test_a_wrong_config_costs_only_what_is_wrong(
    node: ServedNode, config: str, sentence: str
) -> None:
    node.machine.write(CONFIG, config)
    node.await_status("crd-watcher", sentence, "the complaint")
    assert sentence in told(node, "crd-watcher")
    assert RED.host.reaches(node.machine, WORKLOAD.ipv4)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("/{{.RouteMaps}}/d", "{{.RouteMaps}}"),
        ("s/ vrf default$//", "vrf default"),
    ],
    ids=["no-hint", "no-vrf-default"],
)
def test_a_wrong_template_is_named_and_not_used(
    node: ServedNode, spoil: str, sentence: str
) -> None:
    template = "/etc/frr/frr.conf.tpl"
    node.machine.run(f"cp -p {template} /root/kept && sed -i '{spoil}' {template}")
    node.await_status("frr-templater", sentence, "the complaint")
    assert sentence in told(node, "frr-templater")
    assert RED.host.reaches(node.machine, WORKLOAD.ipv4)
    node.machine.run(f"cp -p /root/kept {template}")
    node.await_status("frr-templater", "3 VRFs served", "the template to be taken again")


def test_without_underlay_the_node_says_so_and_comes_back(node: ServedNode) -> None:
    address = node.machine.output("ip -4 -br addr show dum.underlay | awk '{print $3}'")
    node.machine.run(f"ip addr del {address} dev dum.underlay")
    node.await_status("netlink-reconciler", "dum.underlay has no IPv4 address", "the complaint")
    node.machine.run(f"ip addr add {address} dev dum.underlay")
    node.await_status("netlink-reconciler", "2 VRFs in sync", "the links")
    node.await_traffic()
