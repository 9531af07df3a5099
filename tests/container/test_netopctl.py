# SPDX-License-Identifier: Apache-2.0
"""netopctl on a node that serves something: a VRF of provisioning, and the program on lo."""

from __future__ import annotations

import json

import pytest

from tests.container.netop_node import NetopNode
from tests.frr.golden import CASES, Case

TEMPLATE = Case(CASES / "seed").text("template")
MANIFEST = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {name: management}
spec:
  vrf: mgmt_vrf
  seq: 10
  export: [{cidr: 192.168.10.0/24, le: 32, action: permit}]
"""


@pytest.fixture
def serving(netop: NetopNode) -> NetopNode:
    netop.node.write("/etc/netop/manifests/management.yaml", MANIFEST)
    netop.node.run("cat > /etc/frr/frr.conf && systemctl reload frr", input=TEMPLATE)
    # The netlink reconciler tells the router ids only where provisioning was complete.
    netop.node.run("ip link add br.cluster type bridge; ip address add 10.60.0.1/24 dev br.cluster")
    netop.provision("skipVRFConfig: [mgmt_vrf]\nbpfInterfaces: [lo]\n")
    netop.node.wait_until("netopctl status", why="everything to be well", timeout=90)
    return netop


def test_a_node_that_serves_is_well(serving: NetopNode) -> None:
    told = json.loads(serving.node.output("netopctl status --json"))
    assert told["verdict"] == {"health": "well", "text": "1 of 1 VRFs served", "reason": ""}
    assert told["vrfs"][0]["stages"]["frr"]["text"] == "route-maps"
    assert told["interfaces"][0]["name"] == "lo"
    # It is for everybody; only frr.conf is not.
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    assert serving.node.output(f"{as_nobody} netopctl status").startswith("1 of 1 VRFs served")
    serving.node.run(f"{as_nobody} netopctl counters")


def test_what_is_served_is_what_would_be_rendered(serving: NetopNode) -> None:
    assert serving.node.output("netopctl render --diff") == ""
    assert serving.node.output("netopctl plan") == "nothing would change"
    rendered = serving.node.run("netopctl render").stdout
    assert rendered == serving.node.read("/etc/frr/frr.conf")


def test_cleanup_leaves_the_operators_own(serving: NetopNode) -> None:
    asked = serving.node.run("netopctl cleanup", check=False)
    assert asked.code == 1
    assert "the eBPF program on lo" in asked.stdout
    assert "netop_router" in serving.node.output("tc filter show dev lo ingress")
    serving.node.run("netopctl cleanup --yes", timeout=200)
    assert serving.node.output("tc filter show dev lo ingress") == ""
    assert serving.active() == set()
    conf = serving.node.read("/etc/frr/frr.conf")
    assert "netop" not in conf
    assert "pl_mgmt_vrf_export" not in serving.node.output("vtysh -c 'show running-config'")
    assert serving.node.output("stat -c %U:%G /etc/frr/frr.conf") == "frr:frr"
    serving.node.run("systemctl start netop.target")
    serving.node.wait_until("netopctl status", why="all to be made anew", timeout=90)


def test_cleanup_removes_no_link_that_frr_still_has(serving: NetopNode) -> None:
    node = serving.node
    node.run("systemctl stop netop.target 'netop-*.service'")
    # A container has neither VRFs nor veths, but a session over any link will do.
    node.run("ip link add dv.red type bridge; ip link set dv.red up group 7237488")
    node.run("vtysh -c 'configure terminal' -c 'router bgp 64512'"
             " -c 'neighbor dv.red interface remote-as internal'")  # fmt: skip
    pids = node.output("pidof zebra bgpd")
    reload = "/run/systemd/system/frr.service.d/reload.conf"
    node.write(reload, "[Service]\nExecReload=\nExecReload=/bin/false\n")
    node.run("systemctl daemon-reload")
    for _ in range(2):
        told = node.run("netopctl cleanup --yes", check=False, timeout=200)
        assert told.code == 1
        assert "links stay, because FRR must let go of them first" in told.stderr
        assert "netop" not in node.read("/etc/frr/frr.conf")
        node.run("ip link show dv.red")
    node.run(f"rm {reload}; systemctl daemon-reload")
    node.run("netopctl cleanup --yes", timeout=200)
    assert "dv.red" not in node.output("vtysh -c 'show running-config'")
    assert node.run("ip link show dv.red", check=False).code != 0
    assert node.output("pidof zebra bgpd") == pids
