# SPDX-License-Identifier: Apache-2.0
"""Requests of one node to a real API server: idle, and at 60 changes an hour.

All waiting of crd-watcher is shortened to a twentieth, and so is the time between changes,
so that a minute is twenty. What the API server was asked, its audit log tells.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import time
from collections import Counter
from pathlib import Path
from statistics import fmean

from tests.bench import netop_here as netop
from tests.bench.figures import Aim, Finding, Line, say, tell
from tests.lab.apiserver import LOOPBACK, ApiServer, Binaries, User, documents

BINARIES = Path("/opt/apiserver")
NODE = User("netop:node:bench", ("system:masters",))
FASTER = 20
#: Of 20 minutes each.
WINDOWS, WINDOW = 2, 20 * 60
CHANGES_AN_HOUR = 60
NODES = 10_000
WATCH = 300  # seconds, crd-watcher's own
AUDIT = Path("/var/log/audit.log")
POLICY = Path("/etc/audit-policy.yaml")
VRF = "mgmt_vrf"
RENEWAL = "watch vrfrouteconfigurations"

WATCHER = f"""
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.report.pace import Pace
connect, answer, watch, grace, stable, *rest = Timing.__init__.__defaults__
assert watch == {WATCH}
shortened = (connect, answer, watch / {FASTER}, grace, stable / {FASTER}, *rest)
Timing.__init__.__defaults__ = shortened
Pace.__init__.__defaults__ = tuple(each / {FASTER} for each in Pace.__init__.__defaults__)
from netop.crd_watcher.__main__ import main
raise SystemExit(main([]))
"""
DROP_IN = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 /opt/watcher.py\n"


def main() -> None:
    POLICY.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    binaries = Binaries(BINARIES / "apiextensions-apiserver", BINARIES / "etcd", complete=False)
    options = (f"--audit-policy-file={POLICY}", f"--audit-log-path={AUDIT}")
    with ApiServer(binaries, options=options) as server:
        server.apply_crd()
        create(server)
        start_node(server)
        idle = [hour(server, 0) for _ in range(WINDOWS)]
        say(f"idle: {idle}")
        busy = [hour(server, CHANGES_AN_HOUR) for _ in range(WINDOWS)]
        say(f"busy: {busy}")
    tell(finding(idle, busy))


def create(server: ApiServer) -> None:
    for text in documents(netop.manifest("bench", VRF, 10, 20)):
        server.routes().apply(text)


def start_node(server: ApiServer) -> None:
    Path("/opt/watcher.py").write_text(WATCHER)
    directory = Path("/run/systemd/system/netop-crd-watcher.service.d")
    directory.mkdir(parents=True)
    (directory / "faster.conf").write_text(DROP_IN)
    netop.sh("systemctl", "daemon-reload")
    kubeconfig = Path("/etc/netop/kubeconfig")
    kubeconfig.parent.mkdir(exist_ok=True)
    shutil.copy(server.kubeconfig(LOOPBACK, NODE), kubeconfig)
    os.chown(kubeconfig, 0, pwd.getpwnam("netop-crd-watcher").pw_gid)
    kubeconfig.chmod(0o640)
    netop.provision(f"skipVRFConfig: [{VRF}]\nbpfInterfaces: [lo]\ndebounce: {30 / FASTER}\n")
    netop.await_active(*netop.DAEMONS)
    served = Path("/run/netop/frr-templater/served.json")
    netop.await_true(lambda: served.exists() and VRF in served.read_text(), "FRR to serve")
    time.sleep(10)  # the node tells the cluster so


def hour(server: ApiServer, changes: int) -> Counter[str]:
    """Count the node's requests in one window, as so many in an hour; `changes` an hour."""
    before = requests()
    end = time.monotonic() + WINDOW / FASTER
    pause = 3600 / changes / FASTER if changes else WINDOW / FASTER
    number = 0
    while time.monotonic() < end - pause / 2:
        number += 1
        if changes:
            seq = 10 + (int(time.monotonic()) + number) % 60000
            server.routes().patch("bench", {"spec": {"seq": seq}})
        time.sleep(max(0.0, min(pause, end - time.monotonic())))
    found = requests()
    found.subtract(before)
    return Counter({what: count * 3600 // WINDOW for what, count in found.items() if count})


def requests() -> Counter[str]:
    """What the node has asked so far, by verb and kind."""
    found: Counter[str] = Counter()
    for line in AUDIT.read_text().splitlines():
        entry = json.loads(line)
        if entry["stage"] == "RequestReceived" and entry["user"]["username"] == NODE.name:
            about = entry.get("objectRef", {})
            part = f"/{about['subresource']}" if about.get("subresource") else ""
            found[f"{entry['verb']} {about.get('resource', entry['requestURI'])}{part}"] += 1
    return found


def finding(idle: list[Counter[str]], busy: list[Counter[str]]) -> Finding:
    yardstick, known = f"one watch, renewed each {WATCH} s", tuple(3600 / WATCH for _ in idle)
    others = tuple(float(sum(each.values()) - each[RENEWAL]) for each in idle)
    lines = [
        Line("idle, watch renewals", "", tuple(float(each[RENEWAL]) for each in idle), yardstick,
             known),
        Line("idle, all other requests", "", others, aim=Aim("none", plus=0.0)),
        Line(f"{CHANGES_AN_HOUR} changes an hour, all requests", "", totals(busy), yardstick,
             known),
    ]  # fmt: skip
    lines += [
        Line(f"of these: {what}", "", tuple(float(each[what]) for each in busy))
        for what in sorted(set().union(*busy))
    ]
    renewals = fmean(each[RENEWAL] for each in idle)
    writes = fmean(sum(each.values()) - each[RENEWAL] for each in busy)
    return Finding(tuple(lines), (
        f"Of one node, for an hour. Waiting shortened to a twentieth: {WINDOW / FASTER:.0f} s "
        f"stand for {WINDOW // 60} minutes, so that a renewal at a window's "
        "edge counts 3. Counted in the audit log.",
        f"{NODES:,} nodes, idle: {NODES:,} × {renewals:.3g} renewals an hour ÷ 3,600 s = "
        f"{NODES * renewals / 3600:.0f} requests a second, and {NODES:,} open watches. A watch "
        f"ends after {0.8 * WATCH:.0f} to {WATCH} s, at random, so that they do not end together: "
        f"{3600 / (0.9 * WATCH):.1f} an hour are to be expected.",
        f"{NODES:,} nodes, {CHANGES_AN_HOUR} changes an hour of a resource that all serve: each "
        f"adds {writes / CHANGES_AN_HOUR:.1f} requests a node and change: {NODES:,} × {writes:.3g} "
        f"÷ 3,600 s = {NODES * writes / 3600:.0f} a second, spread over 20 s behind each change; "
        f"and {NODES * CHANGES_AN_HOUR / 3600:.0f} watch events a second. For comparison: the "
        f"kubelets' leases are {NODES / 10:,.0f} writes a second.",
    ))  # fmt: skip


def totals(hours: list[Counter[str]]) -> tuple[float, ...]:
    return tuple(float(sum(each.values())) for each in hours)


if __name__ == "__main__":
    main()
