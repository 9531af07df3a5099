# SPDX-License-Identifier: Apache-2.0
"""The installed netop on the node that a row runs on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.container.inside.frr_node import BASE, restart_frr, write_frr_conf

CONFIG = Path("/opt/network-operator/config.yaml")
MANIFESTS = Path("/etc/netop/manifests")
DAEMONS = ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
PATIENCE = 120.0


def sh(*command: str) -> str:
    """Run a command that must succeed; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def unit(daemon: str) -> str:
    return f"netop-{daemon}.service"


def provision(config: str) -> None:
    """Bring what makes the daemons start, and an FRR with places for what they make."""
    write_frr_conf(BASE)
    restart_frr()
    CONFIG.parent.mkdir(parents=True, exist_ok=True)
    CONFIG.write_text(config)


def await_active(*daemons: str) -> None:
    def all_are() -> bool:
        return all(shown(unit(daemon), "ActiveState") == "active" for daemon in daemons)

    await_true(all_are, f"{', '.join(daemons)} to be ready")


def shown(name: str, what: str) -> str:
    """A property of a unit."""
    return sh("systemctl", "show", "--value", f"--property={what}", name)


def pids(name: str) -> list[int]:
    """The processes of a unit. Containers side by side share control groups, so its numbers and
    processes that are not of this one (0) are not to be counted.
    """
    group = Path(f"/sys/fs/cgroup{shown(name, 'ControlGroup')}/cgroup.procs")
    return [pid for pid in map(int, group.read_text().split()) if pid]


def await_true(
    true: Callable[[], object], why: str, patience: float = PATIENCE, every: float = 0.05
) -> None:
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {patience:.0f} s for {why}")
        time.sleep(every)


def manifest(name: str, vrf: str, seq: int, prefixes: int) -> str:
    """A resource with that many prefixes, half of them imported, half exported."""
    rules = [f"{{cidr: 10.{seq % 256}.{item}.0/24, action: permit}}" for item in range(prefixes)]
    half = prefixes // 2
    return (
        "apiVersion: network.schiff.telekom.de/v1alpha1\n"
        f"kind: VRFRouteConfiguration\nmetadata: {{name: {name}}}\nspec:\n"
        f"  vrf: {vrf}\n  seq: {seq}\n"
        f"  import: [{', '.join(rules[:half])}]\n  export: [{', '.join(rules[half:])}]\n"
    )
