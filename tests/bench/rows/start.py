# SPDX-License-Identifier: Apache-2.0
"""From `systemctl start` of each daemon to its READY."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, median, say, tell

RUNS = 7
LIMITS = {"crd-watcher": 1.0, "netlink-reconciler": 0.5, "bpf-guardian": 0.5, "frr-templater": 0.5}
CONFIG = "skipVRFConfig: [mgmt_vrf]\nbpfInterfaces: [one, two]\n"
BARE = """\
[Service]
Type=notify
ExecStart=/usr/bin/python3 -c "import systemd.daemon, time; systemd.daemon.notify('READY=1'); \
time.sleep(999)"
"""
YARDSTICK = "a unit of Python that only says READY"


def main() -> None:
    Path("/run/systemd/system/bare.service").write_text(BARE)
    netop.sh("systemctl", "daemon-reload")
    netop.sh("ip", "link", "add", "one", "type", "veth", "peer", "two")
    netop.MANIFESTS.mkdir(parents=True, exist_ok=True)
    (netop.MANIFESTS / "one.yaml").write_text(netop.manifest("one", "mgmt_vrf", 10, 20))
    netop.provision(CONFIG)
    netop.await_active(*netop.DAEMONS)
    lines = []
    for daemon, limit in LIMITS.items():
        ours, bare = [], []
        for _ in range(RUNS):
            ours.append(started(netop.unit(daemon)))
            bare.append(started("bare.service"))
        aim = Aim(f"below {limit:g} s", plus=limit)
        lines.append(Line(daemon, "s", tuple(ours), YARDSTICK, tuple(bare), aim))
        say(f"{daemon}: {median(ours):.2f} s")
    lines.append(compiling())
    tell(Finding(tuple(lines), (
        "crd-watcher reads manifests; with a kubeconfig it imports the Kubernetes client too.",
        "A guardian that is restarted goes on with the program that systemd kept for it; the last "
        "line is the first start after a boot, which compiles.",
    )))  # fmt: skip


def started(unit: str) -> float:
    """Seconds that starting a stopped unit takes."""
    netop.sh("systemctl", "stop", unit)
    began = time.perf_counter()
    netop.sh("systemctl", "start", unit)
    return time.perf_counter() - began


def compiling() -> Line:
    guardian, ours, bare = netop.unit("bpf-guardian"), [], []
    for _ in range(RUNS):
        netop.sh("systemctl", "stop", guardian)
        netop.sh("systemctl", "clean", "--what=fdstore", guardian)
        ours.append(started(guardian))
        bare.append(started("bare.service"))
    return Line("bpf-guardian, compiling", "s", tuple(ours), YARDSTICK, tuple(bare))


if __name__ == "__main__":
    main()
