# SPDX-License-Identifier: Apache-2.0
"""The daemons' memory after churn, and whether it grows."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netop.bpf_guardian.filters import PRIORITY
from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, say, tell

#: The memory limit of the original's container, in MiB.
ORIGINAL = 128.0
#: MiB that allocators take or give back without a reason to be seen: Python takes one at a time.
STILL = Aim("zero: within 1 MiB", plus=1.0)
STILL_IN_A_QUARTER = Aim("zero: within ¼ MiB", plus=0.25)
VRFS, PREFIXES, INTERFACES = 29, 20, 20
YARDSTICK = "the original's limit"
DAEMONS = (*netop.DAEMONS, "exporter")
METRICS = "http://127.0.0.1:14789/metrics"


@dataclass(frozen=True)
class Memory:
    """MiB of a daemon: with its part of what it shares with others, and without."""

    proportional: float
    private: float


def main() -> None:
    seconds = float(os.environ.get("CHURN_SECONDS", "120"))
    provision()
    samples = [(0.0, memory())]
    bare = bare_python()
    began, turns = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        churn(turns)
        turns += 1
        if turns % 10 == 0:
            scrape()
            samples.append((time.monotonic() - began, memory()))
    time.sleep(3)
    last = memory()
    early, late = (at(samples, seconds * part) for part in (0.25, 0.75))
    total = sum(each.proportional for each in last.values())
    say(f"{turns} turns: {total:.1f} MiB")
    limit = Aim("below 128 MiB in all", plus=ORIGINAL)
    lines = [
        Line("all daemons, after the churn", "MiB", (total,), YARDSTICK, (ORIGINAL,), limit),
        *(Line(f"{daemon}, after the churn", "MiB", (last[daemon].proportional,),
               "`python3` that only sleeps", (bare,)) for daemon in last),
        *(Line(f"{daemon}, growth over the last {what}", "MiB",
               (last[daemon].private - then[daemon].private,), aim=still)
          for what, then, still in (("three quarters", early, STILL),
                                    ("quarter", late, STILL_IN_A_QUARTER))
          for daemon in last),
    ]  # fmt: skip
    tell(Finding(tuple(lines), (
        f"PSS of all processes of the five units. {seconds:.0f} s of churn, {turns} turns: each "
        "changes a resource, deletes two filters and makes an interface come and go; FRR reloads "
        "and verifies, and now and then somebody asks for the metrics.",
        "Growth is of private memory: PSS changes with how many others share a library, too.",
        "`make bench ONLY=memory CHURN=3600` is the hour.",
    )))  # fmt: skip


def at(samples: list[tuple[float, dict[str, Memory]]], moment: float) -> dict[str, Memory]:
    """The first sample at or after a moment."""
    return next((found for when, found in samples if when >= moment), samples[-1][1])


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


def memory() -> dict[str, Memory]:
    """What each daemon takes."""
    return {daemon: memory_of(netop.pids(netop.unit(daemon))) for daemon in DAEMONS}


def memory_of(pids: Iterable[int]) -> Memory:
    """What processes take; nothing where they have just ended."""
    found = [rollup(pid) for pid in pids]
    return Memory(*(sum(each.get(field, 0.0) for each in found) for field in ("Pss", "Anonymous")))


def rollup(pid: int) -> dict[str, float]:
    """The fields of smaps_rollup, in MiB; none where the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): int(number) / 1024 for name, number, *_ in fields}


def bare_python() -> float:
    with subprocess.Popen(["python3", "-c", "import time; time.sleep(60)"]) as child:
        time.sleep(1)
        found = memory_of([child.pid]).proportional
        child.kill()
    return found


if __name__ == "__main__":
    main()
