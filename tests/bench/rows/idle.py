# SPDX-License-Identifier: Apache-2.0
"""What the daemons take of the processor when nothing changes."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, say, tell

WINDOWS, SECONDS = 3, 60.0
SETTLE = 10.0
VRFS, PREFIXES = 20, 20
YARDSTICK = "FRR's daemons"


def main() -> None:
    names = [f"mgmt{number}" for number in range(VRFS)]
    netop.sh("ip", "link", "add", "one", "type", "veth", "peer", "two")
    netop.MANIFESTS.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        text = netop.manifest(name, name, number + 1, PREFIXES)
        (netop.MANIFESTS / f"{name}.yaml").write_text(text)
    netop.provision(f"skipVRFConfig: [{', '.join(names)}]\nbpfInterfaces: [one, two]\n")
    netop.await_active(*netop.DAEMONS)
    units = [netop.unit(daemon) for daemon in netop.DAEMONS]
    time.sleep(SETTLE)
    used: dict[str, list[float]] = {name: [] for name in (*units, "frr.service")}
    woken: dict[str, list[float]] = {name: [] for name in used}
    for number in range(WINDOWS):
        before = {name: (processor(name), switches(name)) for name in used}
        time.sleep(SECONDS)
        for name, (nanoseconds, count) in before.items():
            used[name].append((processor(name) - nanoseconds) / SECONDS / 1e7)
            woken[name].append(switches(name) - count)
        say(f"window {number + 1} of {WINDOWS}: {sum(used[name][-1] for name in units):.4f} %")
    tell(finding(units, used, woken))


def finding(
    units: list[str], used: dict[str, list[float]], woken: dict[str, list[float]]
) -> Finding:
    together = tuple(sum(each) for each in zip(*(used[name] for name in units), strict=True))
    frr, frr_woken = tuple(used["frr.service"]), tuple(woken["frr.service"])
    lines = [Line("all four daemons, of a core", "%", together, YARDSTICK, frr,
                  Aim("below 0.1 %", plus=0.1))]  # fmt: skip
    lines += [
        Line(f"{name.removesuffix('.service')}, wake-ups in {SECONDS:.0f} s", "",
             tuple(woken[name]), YARDSTICK, frr_woken, Aim("watchdog pings: at most 4", plus=4))
        for name in units
    ]  # fmt: skip
    return Finding(tuple(lines), (
        f"{VRFS} VRFs of `skipVRFConfig` with {PREFIXES} prefixes each, two interfaces with the "
        "program. Wake-ups are the voluntary context switches of all threads; one ping a minute "
        "wakes the loop and journald's or systemd's socket may make it wait once more.",
    ))  # fmt: skip


def processor(unit: str) -> int:
    """Nanoseconds that all threads of the unit have run, as the scheduler counts them."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks(unit))


def switches(unit: str) -> int:
    """How often they have waited for something."""
    return sum(waits(task) for task in tasks(unit))


def waits(task: Path) -> int:
    lines = (task / "status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("voluntary_ctxt_switches"))
    return int(found.split()[1])


def tasks(unit: str) -> list[Path]:
    return [task for pid in netop.pids(unit) for task in Path(f"/proc/{pid}/task").iterdir()]


if __name__ == "__main__":
    main()
