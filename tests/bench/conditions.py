# SPDX-License-Identifier: Apache-2.0
"""On what the figures came about."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

from tests.bench.row import Place
from tests.lab.lab import Lab
from tests.lab.process import run

#: Of the node: what bears on the figures.
PACKAGES = ("systemd", "frr", "python3", "python3-pyroute2", "python3-bpfcc", "libbpf1",
            "iproute2", "nftables", "linux-image-cloud-amd64")  # fmt: skip


def conditions(place: Place) -> str:
    """Place, time, commit, and how busy the machine was before."""
    commit = run(["git", "rev-parse", "--short", "HEAD"], check=False).stdout.strip()
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    return f"Measured in {place.value}; {when}, commit {commit}, load before {load:.1f}."


def machine(lab: Lab) -> str:
    """A table of the machine and of the node's versions."""
    lines = ["| | |", "|---|---|",
             f"| processor | {processor()}, {os.cpu_count()} cores |",
             f"| memory | {memory()} |",
             f"| kernel natively | {platform.release()} |"]  # fmt: skip
    root = lab.node_root.path / "root"
    listing = run(["dpkg-query", f"--root={root}", "-W", "-f=${Package} ${Version}\n", *PACKAGES])
    lines += [f"| {name} | {version} |" for name, version in
              (line.split() for line in listing.stdout.splitlines())]  # fmt: skip
    return "\n".join(lines)


def processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.machine()


def memory() -> str:
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(r"MemTotal:\s+(\d+) kB", text)
    return f"{int(found[1]) / 1048576:.0f} GiB" if found else "unknown"
