# SPDX-License-Identifier: Apache-2.0
"""kill -9 of netop's daemons at random moments, while resources and links change, on the node.

``kills.py SEED COUNT``: changes VRFs green and violet, and a second resource of red, and kills
until COUNT processes have ended so; one line for each thing done, the last is JSON.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

MANIFESTS = Path("/etc/netop/manifests")
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
            weights = (3, 1, 5)
            self._chance.choices(doings, weights)[0]()
            if self._chance.random() < 0.1:
                self._kill(DAEMONS)
            time.sleep(self._chance.choice((0.0, self._chance.uniform(0, 1), 3.0)))

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
        names = " ".join(units)
        pids = dict(zip(units, shell(f"systemctl show -P MainPID {names}").split(), strict=False))
        shell(f"systemctl kill --signal=KILL --kill-whom=all {names}")
        for unit, pid in pids.items():
            self.kills[unit] += pid != "0"
        # Or systemd would wait ten seconds before each start after the sixth.
        shell(f"systemctl reset-failed {names}")
        print("killed", names, flush=True)


def main(seed: int, count: int) -> None:
    trouble = Trouble(seed, count)
    trouble.run()
    for path in MANIFESTS.glob("soak-*.yaml"):
        path.unlink()
    os.sync()
    told = {"kills": trouble.kills, "changes": trouble.changes, "slips": trouble.slips}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
