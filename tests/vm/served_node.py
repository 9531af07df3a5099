# SPDX-License-Identifier: Apache-2.0
"""What the stories do with a node that serves the demo's resources."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.lab.fabric import BLUE, MGMT, RED, WORKLOAD, Tenant
from tests.lab.vm import VirtualMachine

DEMO = Path(__file__).parents[1] / "lab" / "fabric" / "netop"
CONFIG = "/opt/network-operator/config.yaml"
MANIFESTS = "/etc/netop/manifests"
SETTLED = Path(__file__).parent / "inside" / "settled.py"
SETTLED_AT = "/root/settled.py"
DAEMONS = ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
#: Emulation is slow, and a reload of FRR alone may take ten seconds.
PATIENCE = 120.0


@dataclass(frozen=True)
class ServedNode:
    """A machine on which netop serves red, blue and mgmt_vrf."""

    machine: VirtualMachine

    def configure(self) -> None:
        self.machine.copy_in(DEMO / "config.yaml", CONFIG)
        self.machine.copy_in(DEMO / "manifests", MANIFESTS)
        self.machine.copy_in(SETTLED, SETTLED_AT)

    def await_traffic(self) -> None:
        """Wait until every tenant reaches the workload, by IPv4 and IPv6."""
        for tenant in (RED, BLUE, MGMT):
            self.await_tenant(tenant, PATIENCE * 2)

    def await_tenant(self, tenant: Tenant, timeout: float = PATIENCE) -> None:
        """Wait until the tenant reaches the workload, by IPv4 and IPv6."""
        for address in WORKLOAD.addresses:
            self.machine.wait_until(
                f"ip netns exec {tenant.name} ping -n -q -c 1 -W 1 {address}",
                why=f"traffic between {tenant.name} and {address}",
                timeout=timeout,
            )

    def frr_processes(self) -> str:
        """What changes when zebra or bgpd ends."""
        return self.machine.output("cat /run/frr/zebra.pid /run/frr/bgpd.pid")

    def manifest(self, name: str, text: str) -> None:
        self.machine.write(f"{MANIFESTS}/{name}.yaml", text)

    def resource(self, name: str, *, vrf: str, seq: int, imports: str, exports: str) -> None:
        """Write a manifest of one permitted prefix each way."""
        self.manifest(
            name,
            f"""
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {{name: {name}}}
spec:
  vrf: {vrf}
  seq: {seq}
  import: [{{cidr: {imports}, action: permit}}]
  export: [{{cidr: {exports}, action: permit}}]
""",
        )

    def remove(self, name: str) -> None:
        self.machine.run(["rm", f"{MANIFESTS}/{name}.yaml"])

    def generation(self, daemon: str = "crd-watcher", file: str = "desired.json") -> int:
        document = json.loads(self.machine.read(f"/run/netop/{daemon}/{file}"))
        return int(document["generation"])

    def await_served(self, generation: int) -> None:
        """Wait until what a generation asks for was verified in FRR and its links follow."""
        self.machine.wait_until(
            f"python3 -I {SETTLED_AT} {generation}",
            why=f"generation {generation} to be served",
            timeout=PATIENCE,
            interval=1,
        )

    def running(self) -> list[str]:
        """The running configuration of FRR, line by line.

        Without empty VRF stanzas: FRR takes none out while the kernel has the VRF ("Only
        inactive VRFs can be deleted"), frr-reload.py does not try later, and they are gone
        when FRR starts anew.
        """
        shown = self.machine.output("vtysh -c 'show running-config no-header'")
        return re.sub(r"^vrf vr\.\S+\nexit-vrf\n!\n", "", shown, flags=re.MULTILINE).splitlines()

    def status(self, daemon: str) -> str:
        return self.machine.output(
            ["systemctl", "show", "--value", "--property=StatusText", f"netop-{daemon}.service"]
        )

    def await_status(self, daemon: str, part: str, why: str) -> None:
        unit = f"netop-{daemon}.service"
        self.machine.wait_until(
            f"systemctl show --value --property=StatusText {unit} | tee /dev/stderr"
            f" | grep -qF -- '{part}'",
            why=why,
            timeout=PATIENCE,
        )

    def await_good_input(self, why: str) -> None:
        """Wait until the demo's resources are all there is, with nothing to complain about.

        The whole line counts: with a complaint, it begins the same.
        """
        self.machine.wait_until(
            "systemctl show --value --property=StatusText netop-crd-watcher.service"
            " | tee /dev/stderr | grep -qxE '3 VRFs from 3 resources, generation [0-9]+'",
            why=why,
            timeout=PATIENCE,
        )

    def links(self) -> dict[str, int]:
        """The links by name, with their ifindex."""
        shown = json.loads(self.machine.output("ip -json link"))
        return {link["ifname"]: link["ifindex"] for link in shown}

    def reloads(self) -> int:
        """How many times systemd has reloaded FRR since the boot."""
        # SD_MESSAGE_UNIT_RELOADED of sd-messages(3).
        told = self.machine.output(
            "journalctl -b -q --output=cat UNIT=frr.service"
            " MESSAGE_ID=7b05ebc668384222baa8881179cfda54 | wc -l"
        )
        return int(told)
