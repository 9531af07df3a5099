# SPDX-License-Identifier: Apache-2.0
"""Puts a node into the fabric, as provisioning would: by files and units that survive a reboot."""

from pathlib import Path

from tests.lab.node import Node
from tests.lab.roots import contents_of

TREE = Path(__file__).with_name("tree")
FABRIC_INPUTS = tuple(contents_of(TREE))

#: Established sessions of a gateway whose node has the management VRF and nothing else.
SESSION = "vtysh -c 'show bgp l2vpn evpn summary established json' | grep -q '\"10.49.0.0\"'"


def provision(node: Node) -> None:
    """The node's own part: underlay, cluster bridge, management VRF, base frr.conf."""
    node.copy_in(TREE, "/")
    node.run(
        "chown frr:frr /etc/frr/frr.conf && chmod 0640 /etc/frr/frr.conf && "
        "systemctl daemon-reload && systemctl restart systemd-sysctl systemd-networkd && "
        "systemctl enable -q lab-provision && systemctl start lab-provision && "
        "systemctl restart frr"
    )


def join(node: Node) -> None:
    """The node's part and the rest of the fabric; returns when the underlay's BGP is up."""
    node.copy_in(TREE, "/")
    node.run("systemctl daemon-reload && systemctl enable -q lab-fabric lab-gateway lab-timestamps")
    provision(node)
    node.run("systemctl start lab-timestamps lab-fabric lab-gateway", timeout=180)
    node.wait_until(SESSION, timeout=120, why="BGP between the node and the gateway")
