# SPDX-License-Identifier: Apache-2.0
"""From a changed resource to FRR verified to serve it, by the installed frr-templater."""

from __future__ import annotations

import subprocess
import time

from netop.common.documents import Desired, DesiredVrf, Served
from netop.common.edge import Field
from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, median, say, tell
from tests.container.inside.frr_node import (
    BASE,
    FRR_CONF,
    UNIT,
    Documents,
    restart_frr,
    write_frr_conf,
)

SIZES = {1: 7, 29: 7, 250: 5}
PREFIXES = 20
AIM = Aim("at most 1.1 × plus 0.2 s", factor=1.1, plus=0.2)
RELOAD = "/usr/lib/frr/frr-reload.py"
OTHERS = ("netop.target", "netop-netlink-reconciler.path", "netop-bpf-guardian.path")


def main() -> None:
    for name in OTHERS:
        netop.sh("systemctl", "stop", name)
    write_frr_conf(BASE)
    restart_frr()
    documents = Documents()
    documents.clear()
    lines, generation = [], 0
    for size, runs in SIZES.items():
        generation += 1
        documents.want(generation, *vrfs(size, 0))
        netop.sh("systemctl", "start", UNIT)
        documents.await_generation(generation, 300)
        say(f"{size} VRFs are served")
        ours, alone = [], []
        for _ in range(runs):
            generation += 1
            before = FRR_CONF.read_text()
            ours.append(changed(documents, generation, size))
            alone.append(by_frr_reload(before, FRR_CONF.read_text()))
        say(f"{size} VRFs: {median(ours):.2f} s, frr-reload.py alone {median(alone):.2f} s")
        lines.append(Line(f"one of {size} VRFs changes", "s", tuple(ours), "`frr-reload.py` alone",
                          tuple(alone), AIM))  # fmt: skip
    tell(Finding(tuple(lines), (
        f"A resource of {PREFIXES} prefixes for each VRF; one prefix of one changes. Counted from "
        "the replaced `desired.json` to the replaced `served.json`. `frr-reload.py` has the same "
        "two files and the same FRR, right afterwards; it does not verify.",
    )))  # fmt: skip


def vrfs(size: int, turn: int) -> list[DesiredVrf]:
    return [vrf(number, turn if number == 0 else 0) for number in range(size)]


def vrf(number: int, turn: int) -> DesiredVrf:
    """A VRF; `turn` makes its first prefix another one."""
    cidrs = [f"10.{number % 250}.{item}.0/24" for item in range(1, PREFIXES)]
    items = [{"cidr": cidr, "action": "permit"} for cidr in (f"172.16.{turn}.0/24", *cidrs)]
    half = PREFIXES // 2
    policy = {"resource": f"r{number}", "seq": 10, "imports": items[:half], "exports": items[half:]}
    return DesiredVrf.parse(Field({"name": f"v{number}", "vni": 5000 + number,
                                   "policies": [policy]}))  # fmt: skip


def changed(documents: Documents, generation: int, size: int) -> float:
    """Seconds until the daemon has verified a change, by the times of the two documents."""
    documents.want(generation, *vrfs(size, generation))
    path = documents.store.path(Served)
    netop.await_true(
        lambda: documents.served()["generation"] == generation, f"generation {generation}"
    )
    reload = documents.served()["reload"]
    assert reload["result"] == "verified", reload
    # Replacing a file changes its inode; nothing touches it afterwards.
    return path.stat().st_ctime - documents.store.path(Desired).stat().st_ctime


def by_frr_reload(before: str, after: str) -> float:
    """Take the change back, and have frr-reload.py make it; seconds of the latter."""
    netop.sh("systemctl", "stop", UNIT)
    for text in (before, after):
        write_frr_conf(text)
        began = time.perf_counter()
        subprocess.run([RELOAD, "--reload", str(FRR_CONF)], check=True, capture_output=True)
        took = time.perf_counter() - began
    netop.await_true(lambda: started(UNIT), f"{UNIT} to start")
    return took


def started(unit: str) -> bool:
    return subprocess.run(["systemctl", "start", unit], check=False).returncode == 0


if __name__ == "__main__":
    main()
