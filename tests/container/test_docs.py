# SPDX-License-Identifier: Apache-2.0
"""What the documentation tells an operator to do, done as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.container.netop_node import NetopNode
from tests.lab.node import Node

SOURCE = Path(__file__).parents[2]
EXAMPLE = "/src/docs/examples/node"


def block(page: str, containing: str) -> str:
    """The block of shell commands of a page in which these words stand."""
    text = (SOURCE / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    found = [each for each in blocks if containing in each]
    assert len(found) == 1, f"{page} has {len(found)} blocks with {containing!r}"
    return str(found[0])


def test_each_program_takes_its_example_files(bare: Node) -> None:
    bare.run(f"cp -rT {EXAMPLE} / && chown frr:frr /etc/frr /etc/frr/daemons /etc/frr/frr.conf")
    bare.run("systemctl daemon-reload")
    bare.run(block("installation.md", "systemctl enable systemd-networkd.service"))
    unit = "local-table-behind-vrfs.service"
    assert bare.output(f"systemd-analyze verify --man=no {unit} 2>&1") == ""
    bare.run(f"systemctl start {unit}")
    rules = bare.output("ip rule")
    assert "0:\t" not in rules.splitlines()[0]
    assert "32765:\tfrom all lookup local" in rules
    bare.run("systemctl restart systemd-networkd")
    bare.wait_until(
        "ip address show br.cluster | grep -qF 10.60.0.1/24",
        why="networkd to read all",
        timeout=180,
    )
    said = bare.journal("-u", "systemd-networkd")
    assert not re.findall(r".*/etc/systemd/network.*(?:nknown|gnoring|nvalid|ailed).*", said)
    bare.run("/usr/lib/systemd/systemd-sysctl /etc/sysctl.d/60-netop-node.conf")
    assert bare.output("sysctl -n net.ipv4.ip_forward") == "1"
    bare.run("vtysh -C -f /etc/frr/frr.conf")
    bare.run("systemctl restart frr", timeout=300)
    bare.wait_until(
        "vtysh -c 'show running-config' | grep -q 'call rm_mgmt_vrf_export'",
        why="FRR to read the example",
        timeout=180,
    )


def test_config_yaml_at_another_place(netop: NetopNode) -> None:
    netop.node.run(block("configuration.md", "OPERATOR_CONFIG"))
    netop.node.run("systemctl restart netop.target")
    assert netop.active() == set()
    netop.node.run("mkdir -p /etc/site")
    netop.node.write("/etc/site/netop.yaml", "skipVRFConfig: [mgmt_vrf]\nbpfInterfaces: [lo]\n")
    netop.await_active("crd-watcher", "bpf-guardian")
    netop.node.wait_until(
        "tc filter show dev lo ingress | grep -q netop_router",
        why="the program to be on lo",
        timeout=180,
    )


def test_a_control_plane_node(netop: NetopNode) -> None:
    commands = block("installation.md", "install -D -m 0644 config.yaml")
    netop.node.run("cd /tmp && echo 'bpfInterfaces: [lo]' > config.yaml\n" + commands)
    netop.await_active("bpf-guardian")
    netop.node.wait_until("netopctl status", why="the node to be content", timeout=180)
    assert netop.active() == {"bpf-guardian"}


def test_netop_starts_only_when_it_is_unmasked(bare: Node, deb: Path) -> None:
    """The order of docs/migration.md: installed beside what the original made, and asleep."""
    netop = NetopNode(bare)
    netop.provision()
    bare.run("systemctl mask netop.target")
    bare.install(deb)
    assert netop.active() == set()
    assert netop.state("netop-crd-watcher.path") == "inactive"
    bare.run(block("migration.md", "systemctl enable --now netop.target").partition("netopctl")[0])
    netop.await_active()
