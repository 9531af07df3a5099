# SPDX-License-Identifier: Apache-2.0
"""What the tests do again and again with a node that has netop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.lab.node import Node

DAEMONS = ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
UNITS = "/usr/lib/systemd/system"
CONFIG = "/opt/network-operator/config.yaml"
#: `lo` is an interface that a container has, for the guardian to attach to.
CONFIG_TEXT = "vnimap: {red: 5001}\nskipVRFConfig: [mgmt_vrf]\nbpfInterfaces: [lo]\n"

_PROBE = Path(__file__).with_name("probe.py")
_PROBE_AT = "/run/probe.py"


def service(daemon: str) -> str:
    return f"netop-{daemon}.service"


@dataclass(frozen=True)
class NetopNode:
    """A node on which the package is installed."""

    node: Node

    def provision(self, config: str = CONFIG_TEXT) -> None:
        """Bring what makes the daemons start; in a container no VRF can come of it."""
        self.node.write(CONFIG, config)

    def active(self) -> set[str]:
        """The daemons that run and said READY."""
        return {daemon for daemon in DAEMONS if self.state(service(daemon)) == "active"}

    def await_active(self, *daemons: str) -> None:
        names = " ".join(service(daemon) for daemon in daemons or DAEMONS)
        # Of several units, is-active is content with one.
        self.node.wait_until(
            f"systemctl is-active {names}; ! systemctl is-active {names} | grep -qvx active",
            why="the daemons to be ready",
        )

    def state(self, unit: str) -> str:
        return self.property(unit, "ActiveState")

    def property(self, unit: str, name: str) -> str:
        return self.node.output(["systemctl", "show", "--value", f"--property={name}", unit])

    def failed(self) -> str:
        """The units that failed, one a line."""
        return self.node.output(
            "systemctl list-units --failed --no-legend --plain 'netop*' frr.service"
        )

    def pids(self) -> dict[str, str]:
        return {daemon: self.property(service(daemon), "MainPID") for daemon in DAEMONS}

    def probe(self, daemon: str) -> dict[str, str]:
        """Run probe.py in the sandbox of a daemon, in its stead: what it tried → how it went."""
        self.node.copy_in(_PROBE, _PROBE_AT)
        answer = f"/run/probe-{daemon}.json"
        self.node.write(
            f"/run/systemd/system/{service(daemon)}.d/probe.conf",
            "[Unit]\nWants=\n[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\n"
            f"ExecStart=/usr/bin/python3 -I {_PROBE_AT}\nStandardOutput=truncate:{answer}\n",
        )
        self.node.run(f"systemctl daemon-reload && systemctl start {service(daemon)}")
        told: dict[str, str] = json.loads(self.node.read(answer))
        return told
