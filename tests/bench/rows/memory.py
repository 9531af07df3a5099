# SPDX-License-Identifier: Apache-2.0
"""The daemons' memory after churn, and whether it grows."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from pathlib import Path

from netop.bpf_guardian.filters import PRIORITY
from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, say, tell

#: The memory limit of the original's container, in MiB.
ORIGINAL = 128.0
#: MiB that an allocator takes or gives back without a reason to be seen.
NOISE = 1.0
VRFS, PREFIXES, INTERFACES = 29, 20, 20
YARDSTICK = "the original's limit"
DAEMONS = (*netop.DAEMONS, "exporter")
METRICS = "http://127.0.0.1:14789/metrics"


def main() -> None:
    seconds = float(os.environ.get("CHURN_SECONDS", "120"))
    provision()
    first = memory()
    bare = bare_python()
    began, turns, samples = time.monotonic(), 0, []
    while time.monotonic() - began < seconds:
        churn(turns)
        turns += 1
        if turns % 10 == 0:
            scrape()
            samples.append((time.monotonic() - began, memory()))
    time.sleep(3)
    last = memory()
    warm = next((sample for at, sample in samples if at >= seconds / 4), first)
    say(f"{turns} turns: {sum(first.values()):.1f} → {sum(warm.values()):.1f} → "
        f"{sum(last.values()):.1f} MiB")  # fmt: skip
    limit = Aim("below 128 MiB in all", plus=ORIGINAL)
    still = Aim("zero: within 1 MiB", plus=NOISE)
    lines = [
        Line("all daemons, after the churn", "MiB", (sum(last.values()),), YARDSTICK, (ORIGINAL,),
             limit),
        *(Line(f"{daemon}, after the churn", "MiB", (last[daemon],),
               "`python3` that only sleeps", (bare,)) for daemon in last),
        *(Line(f"{daemon}, growth over the last three quarters", "MiB",
               (last[daemon] - warm[daemon],), aim=still) for daemon in last),
    ]  # fmt: skip
    tell(Finding(tuple(lines), (
        f"PSS of all processes of the five units. {seconds:.0f} s of churn, {turns} turns: each "
        "changes a resource, deletes two filters and makes an interface come and go; FRR reloads "
        "and verifies, and now and then somebody asks for the metrics.",
        "`make bench ONLY=memory CHURN=3600` is the hour.",
    )))  # fmt: skip


def provision() -> None:
    names = [f"mgmt{number}" for number in range(VRFS)]
    interfaces = []
    for number in range(INTERFACES):
        netop.sh("ip", "link", "add", f"l{number}", "type", "veth", "peer", f"r{number}")
        interfaces += [f"l{number}", f"r{number}"]
    netop.MANIFESTS.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        write(name, number + 1)
    netop.provision(
        f"skipVRFConfig: [{', '.join(names)}]\nbpfInterfaces: [{', '.join(interfaces)}, come]\n"
        "vnimap: {}\ndebounce: 1\n"
    )
    netop.await_active(*netop.DAEMONS)
    scrape()
    time.sleep(3)


def write(name: str, seq: int) -> None:
    text = netop.manifest(name, name, seq, PREFIXES)
    (netop.MANIFESTS / f"{name}.yaml").write_text(text)


def churn(turn: int) -> None:
    write(f"mgmt{turn % VRFS}", turn % 60000 + 1)
    # Too many repairs of one interface would look like a fight, and be put off.
    interface = f"{'lr'[turn % 2]}{turn % INTERFACES}"
    for words in (["filter", "del", "dev", interface, "ingress", "pref", str(PRIORITY)],
                  ["qdisc", "del", "dev", interface, "clsact"]):  # fmt: skip
        subprocess.run(["tc", *words], check=False, capture_output=True)
        time.sleep(0.1)
    netop.sh("ip", "link", "add", "come", "type", "veth", "peer", "gone")
    time.sleep(0.2)
    netop.sh("ip", "link", "del", "come")


def scrape() -> None:
    """Ask for the metrics, which starts the exporter."""
    with urllib.request.urlopen(METRICS, timeout=netop.PATIENCE) as answer:
        assert b"netop_" in answer.read()


def memory() -> dict[str, float]:
    """MiB of each daemon."""
    return {daemon: proportional(netop.unit(daemon)) for daemon in DAEMONS}


def proportional(unit: str) -> float:
    return sum(pss(pid) for pid in netop.pids(unit))


def pss(pid: int) -> float:
    """MiB of a process, what it shares counted in part; 0 where it has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    line = next(each for each in text.splitlines() if each.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def bare_python() -> float:
    with subprocess.Popen(["python3", "-c", "import time; time.sleep(60)"]) as child:
        time.sleep(1)
        found = pss(child.pid)
        child.kill()
    return found


if __name__ == "__main__":
    main()
