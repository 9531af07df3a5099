# SPDX-License-Identifier: Apache-2.0
"""The main job, to be watched: from resources to traffic across the fabric."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import deb, left_running
from tests.lab.fabric import BLUE, MGMT, RED, UNEXPORTED, WORKLOAD, Host, Tenant
from tests.lab.kubernetes import Cluster
from tests.lab.lab import Lab
from tests.lab.left_running import LeftRunning
from tests.lab.parallel import both
from tests.lab.process import LabError
from tests.lab.vm import VirtualMachine

NETOP = Path(__file__).parent / "fabric/netop"
TENANTS = (RED, BLUE, MGMT)
UNITS = "'netop-*.service'"
#: Seconds for what takes some ten on an idle machine: emulation on a busy one is slow.
PATIENCE = 240.0
PINGS = 3
#: A host, and the address that it pings.
Pair = tuple[Host, str]


def run(lab: Lab, source: Path, *, kubernetes: bool) -> None:
    """Build, boot, install, configure, show and check; leaves the machine running.

    Raises LabError for the first thing that does not come true.
    """
    if left_running.take_down(lab.cache, lab.progress):
        lab.progress.say("took down the machine of an earlier demo")
    lab.prepare_node_root()
    try:
        package, machine = both(lambda: deb.build(lab, source), lambda: start(lab))
    except LabError:
        left_running.take_down(lab.cache, lab.progress)
        raise
    try:
        cluster = Cluster.start(lab, source) if kubernetes else None
        if cluster:
            left_running.remember(lab.cache, LeftRunning(machine.running, cluster.process))
        Demo(lab, machine).run(package, cluster)
    except Exception as error:
        error.add_note(f"the node's journal and state: {machine.collect()}")
        error.add_note(farewell(machine))
        raise
    print(farewell(machine))


def start(lab: Lab) -> VirtualMachine:
    """A machine that outlives this process, and can be found again from now on."""
    lab.prepare_machine()
    with lab.progress.step("starting the node and the fabric around it"):
        machine = lab.machine(name="demo", survives=True)
    left_running.remember(lab.cache, LeftRunning(machine.running))
    return machine


def farewell(machine: VirtualMachine) -> str:
    return (
        f"\nThe node is still running. Log in and look around: make login\n"
        f"  (or: {' '.join(machine.ssh.login)})\n"
        "  there: netopctl status; netopctl counters; journalctl -u 'netop-*';"
        " ip netns exec red ping 10.60.0.10\n"
        "Take it down: make demo-down"
    )


@dataclass(frozen=True)
class Demo:
    """One run on a machine that has just started."""

    lab: Lab
    machine: VirtualMachine

    def run(self, package: Path, cluster: Cluster | None) -> None:
        step = self.lab.progress.step
        with step("installing netop"):
            self.machine.install(package)
        with step(f"creating resources ({'API server' if cluster else 'manifests'})"):
            self.configure(cluster)
        with step("waiting for routes in both directions in every VRF"):
            self.wait_for_routes()
        before = self.counted()
        self.show()
        with step("sending packets across the fabric"):
            self.check_traffic()
        self.check_counters(before)

    def configure(self, cluster: Cluster | None) -> None:
        self.machine.write("/opt/network-operator/config.yaml",
                           (NETOP / "config.yaml").read_bytes())  # fmt: skip
        if cluster is None:
            self.machine.copy_in(NETOP / "manifests", "/etc/netop/manifests")
        else:
            cluster.bring_to(self.machine, sorted((NETOP / "manifests").glob("*.yaml")))

    def wait_for_routes(self) -> None:
        """Each tenant's routes in the node's default VRF, the cluster's on the gateway."""
        for tenant in TENANTS:
            for family, tenant_prefix, cluster_prefix in (
                ("-4", tenant.prefix, "10.60.0.0/24"), ("-6", tenant.prefix6, "fd00:60::/64"),
            ):  # fmt: skip
                self.machine.wait_until(
                    f"ip {family} route show {tenant_prefix} | grep . && "
                    f"ip -n gw {family} route show vrf {tenant.name} {cluster_prefix} | grep .",
                    why=f"the routes {tenant_prefix} and {cluster_prefix} of {tenant.name}",
                    timeout=PATIENCE,
                )  # fmt: skip
        for tenant in (RED, BLUE):
            self.machine.wait_until(
                f"ip -br link show dev vr.{tenant.name} up | grep .",
                why=f"the links of {tenant.name}", timeout=PATIENCE,
            )  # fmt: skip

    def show(self) -> None:
        for title, command in VIEWS:
            print(f"\n━━ {title}\n   # {command}\n")
            print(self.machine.run(command, check=False, timeout=60).stdout.rstrip(), flush=True)
        print()

    def check_traffic(self) -> None:
        """Ping from each tenant's host to the workload and back, and where nobody may reach."""
        allowed = [pair for tenant in TENANTS for pair in both_ways(tenant)]
        refused = (RED.host, UNEXPORTED.ipv4)
        answered = self.ping([*allowed, refused])
        for source, target in [*allowed, refused]:
            verdict = "answered" if (source, target) in answered else "no answer"
            reason = "  (right so: no resource exports it)" if (source, target) == refused else ""
            print(f"  {source.namespace:>5} → {target:<14} {verdict}{reason}", flush=True)
        if wrong := {*allowed} ^ answered:
            named = ", ".join(f"{source.namespace} → {target}" for source, target in wrong)
            raise LabError(f"not as it should be: {named}")

    def ping(self, pairs: Sequence[Pair]) -> set[Pair]:
        """Those that are answered; all are tried at the same time."""
        tries = [
            f"{{ ip netns exec {source.namespace} ping -n -q -c {PINGS} -i 0.3 -W 3 {target}"
            f" >/dev/null && echo {number}; }} &"
            for number, (source, target) in enumerate(pairs)
        ]
        answered = self.machine.output("\n".join([*tries, "wait"]))
        return {pairs[int(number)] for number in answered.split()}

    def counted(self) -> dict[str, int]:
        """Packets by decision of the eBPF router."""
        answer = json.loads(self.machine.output("netopctl counters --json"))
        return {name: row["packets"] for name, row in answer["decisions"].items()}

    def check_counters(self, before: dict[str, int]) -> None:
        time.sleep(0.5)
        print("\n━━ What the eBPF router has counted\n")
        print(self.machine.output("netopctl counters"))
        after = self.counted()
        routed = after["forwarded"] - before["forwarded"]
        print(f"\n{routed} packets of these pings were routed by it.")
        # Each ping crosses the node twice, on the way there and on the way back.
        if routed < (expected := 2 * PINGS * len(TENANTS) * 4):
            raise LabError(f"the eBPF router forwarded less than {expected} packets: {after}")


def both_ways(tenant: Tenant) -> list[Pair]:
    """From the tenant's host to the workload and back, for each family."""
    there = [(tenant.host, address) for address in WORKLOAD.addresses]
    back = [(WORKLOAD, address) for address in tenant.host.addresses]
    return there + back


#: What is shown, with the command that shows it.
VIEWS = (
    ("The four daemons", f"systemctl status --no-pager -n0 {UNITS}"),
    ("The VRFs", "netopctl status"),
    ("The links", "ip -br link show type vrf; ip -br link | grep -E '^(br|vx|vd|dv)[.]'"),
    ("What netop added to FRR's configuration",
     "diff --unchanged-line-format= --new-line-format='%L' --old-line-format="
     " /etc/frr/frr.conf.tpl /etc/frr/frr.conf"),
    ("VNIs", "vtysh -c 'show vrf vni'"),
    ("Routes of the tenants, in the node's default VRF",
     "ip route show proto bgp; ip -6 route show proto bgp"),
    ("Routes of the cluster, in the gateway's tenant VRFs",
     "for vrf in red blue mgmt; do for family in -4 -6; do "
     "ip -n gw $family route show vrf $vrf proto bgp | sed s/^/$vrf:\\ /; done; done"),
)  # fmt: skip
