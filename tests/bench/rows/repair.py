# SPDX-License-Identifier: Apache-2.0
"""From a deleted filter or qdisc to its return, by the installed bpf-guardian."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

from netop.bpf_guardian.filters import PRIORITY
from netop.bpf_guardian.kernel import RtnetlinkKernel
from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, say, tell

INTERFACES = 12  # twice as many with their peers; the guardian slows down after five repairs
ATTACHED = Path("/run/netop/bpf-guardian/attached.json")
AIM = Aim("below 50 ms", plus=50.0)


def main() -> None:
    names = [f"{side}{number}" for number in range(INTERFACES) for side in ("left", "right")]
    for number in range(INTERFACES):
        netop.sh("ip", "link", "add", f"left{number}", "type", "veth", "peer", f"right{number}")
    netop.sh("ip", "link", "add", "hand0", "type", "veth", "peer", "hand1")
    netop.provision(f"bpfInterfaces: [{', '.join(names)}]\n")
    netop.await_active("bpf-guardian")
    netop.await_true(lambda: all_attached(names), "all filters")
    kernel = RtnetlinkKernel()
    filters, qdiscs, by_hand = [], [], []
    for name in names:
        filters.append(back_after(kernel, name, "filter", "ingress", "pref", str(PRIORITY)))
        qdiscs.append(back_after(kernel, name, "qdisc", "clsact"))
        by_hand.append(add_by_hand())
    say(f"filter {max(filters):.1f} ms at most, qdisc {max(qdiscs):.1f} ms")
    yardstick = "`tc filter add` by hand: one process"
    tell(Finding((
        Line("a filter is deleted", "ms", tuple(filters), yardstick, tuple(by_hand), AIM),
        Line("the clsact qdisc is deleted", "ms", tuple(qdiscs), yardstick, tuple(by_hand), AIM),
    ), (
        f"{len(names)} interfaces in turn, counted from the start of the `tc` that deletes. The "
        "original looks every 5 s, which is 2,500 ms on average and 5,000 ms at most.",
    )))  # fmt: skip


def all_attached(names: list[str]) -> bool:
    if not ATTACHED.exists():
        return False
    document = json.loads(ATTACHED.read_text())
    return {each["interface"] for each in document["interfaces"] if each["program"]} >= set(names)


def back_after(kernel: RtnetlinkKernel, name: str, *what: str) -> float:
    """Delete something and wait; milliseconds from tc's start to the filter's return."""
    index = socket.if_nametoindex(name)
    kind, *rest = what
    began = time.perf_counter()
    subprocess.run(["tc", kind, "del", "dev", name, *rest], check=True)
    while index not in kernel.places([index]):
        if time.perf_counter() - began > netop.PATIENCE:
            raise RuntimeError(f"{name} did not get its filter back")
    took = 1000 * (time.perf_counter() - began)
    time.sleep(0.05)  # what it publishes afterwards is not of the next repair
    return took


def add_by_hand() -> float:
    subprocess.run(["tc", "qdisc", "replace", "dev", "hand0", "clsact"], check=True)
    words = "filter add dev hand0 ingress pref 10 protocol ip u32 match u32 0 0 classid 1:1"
    began = time.perf_counter()
    subprocess.run(["tc", *words.split()], check=True)
    took = 1000 * (time.perf_counter() - began)
    netop.sh("tc", "qdisc", "del", "dev", "hand0", "clsact")
    return took


if __name__ == "__main__":
    main()
