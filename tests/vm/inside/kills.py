# SPDX-License-Identifier: Apache-2.0
"""kill -9 of netop's daemons at random moments, while resources and links change, on the node.

``kills.py SEED COUNT``: changes VRFs green and violet, and a second resource of red, and kills
until COUNT processes have ended so; one line for each thing done, the last is JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MANIFESTS = Path("/etc/netop/manifests")
CGROUPS = Path("/sys/fs/cgroup/system.slice")
DAEMONS = tuple(
    f"netop-{name}.service"
    for name in ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
)
RESOURCE = """
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {{name: {name}}}
spec:
  vrf: {vrf}
  seq: {seq}
  import: [{{cidr: 10.{net}.0.0/24, action: permit}}]
  export: [{{cidr: 10.60.0.0/24, action: permit}}]
"""
#: What an administrator's slip does to a VRF that carries no traffic here. A veth is not
#: among them: FRR 10.3 ends of its loss, whoever removes it.
SLIPS = (
    "ip link set br.{0} mtu 1400",
    "ip link set vx.{0} down",
    "ip link delete vx.{0}",
    "ip link set br.{0} nomaster",
    "tc qdisc del dev vd.{0} clsact",
    "ip -6 route flush table all proto 110 type unreachable",
)


def shell(command: str) -> str:
    return subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=60
    ).stdout


class Trouble:
    """Everything that happens comes from one source of chance."""

    def __init__(self, seed: int, count: int) -> None:
        self._chance = random.Random(seed)
        self._count = count
        self.kills = dict.fromkeys(DAEMONS, 0)
        self.changes = self.slips = 0

    def run(self) -> None:
        doings: list[Callable[[], None]] = [self._change, self._slip, self._kill_one]
        while sum(self.kills.values()) < self._count:
            self._chance.choices(doings, (4, 2, 4))[0]()
            if self._chance.random() < 0.05:
                self._kill(DAEMONS)
            # At once, within the gap of the debounce, and while FRR is being reloaded.
            longest = self._chance.choice((0.0, 1.0, 8.0))
            time.sleep(self._chance.uniform(0, longest))

    def _change(self) -> None:
        """Write or remove one resource, as a tool that renames does."""
        vrf, seq = self._chance.choice(
            (("green", 10), ("green", 20), ("violet", 10), ("violet", 30), ("red", 77))
        )
        path = MANIFESTS / f"soak-{vrf}-{seq}.yaml"
        self.changes += 1
        if path.exists() and self._chance.random() < 0.6:
            path.unlink()
            print("removed", path.name, flush=True)
            return
        fresh = path.with_name(f".{path.name}")
        net = self._chance.randrange(103, 200)
        fresh.write_text(RESOURCE.format(name=path.stem, vrf=vrf, seq=seq, net=net))
        fresh.rename(path)
        print("wrote", path.name, flush=True)

    def _slip(self) -> None:
        command = self._chance.choice(SLIPS).format(self._chance.choice(("green", "violet")))
        self.slips += 1
        shell(command)
        print(command, flush=True)

    def _kill_one(self) -> None:
        self._kill((self._chance.choice(DAEMONS),))

    def _kill(self, units: tuple[str, ...]) -> None:
        """Kill all processes of these units, the compiler's or vtysh's too."""
        for unit in units:
            found = processes(unit)
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.kills[unit] += bool(found)
        print("killed", *units, flush=True)


def processes(unit: str) -> list[int]:
    try:
        return [int(pid) for pid in (CGROUPS / unit / "cgroup.procs").read_text().split()]
    except OSError:
        return []  # between two lives


@contextlib.contextmanager
def no_delays() -> Iterator[None]:
    """Or systemd would wait ten seconds before each start after the sixth."""
    drop_ins = [Path(f"/run/systemd/system/{unit}.d/soak.conf") for unit in DAEMONS]
    for path in drop_ins:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Service]\nRestartSteps=0\n")
    shell("systemctl daemon-reload")
    try:
        yield
    finally:
        for path in drop_ins:
            path.unlink()
        shell("systemctl daemon-reload")


def main(seed: int, count: int) -> None:
    trouble = Trouble(seed, count)
    with no_delays():
        trouble.run()
    for path in MANIFESTS.glob("soak-*.yaml"):
        path.unlink()
    os.sync()
    told = {"kills": trouble.kills, "changes": trouble.changes, "slips": trouble.slips}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
