# SPDX-License-Identifier: Apache-2.0
"""A daemon that hangs, and a file system that is full: systemd and the daemons get over it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.container.netop_node import DAEMONS, NetopNode, service

DROP_IN = "/run/systemd/system/{}.d/watchdog.conf"
DESIRED = "/run/netop/crd-watcher/desired.json"


@pytest.fixture(scope="module")
def running(shared: NetopNode) -> NetopNode:
    """A node on which all daemons run."""
    shared.provision()
    shared.await_active()
    return shared


@pytest.fixture
def impatient(running: NetopNode) -> Iterator[NetopNode]:
    """Watchdogs that wait for three seconds instead of three minutes."""
    for daemon in DAEMONS:
        running.node.write(DROP_IN.format(service(daemon)), "[Service]\nWatchdogSec=3\n")
    names = " ".join(service(daemon) for daemon in DAEMONS)
    running.node.run(f"systemctl daemon-reload && systemctl restart {names}")
    running.await_active()
    yield running
    for daemon in DAEMONS:
        running.node.run(["rm", DROP_IN.format(service(daemon))])
    running.node.run(f"systemctl daemon-reload && systemctl restart {names}")
    running.await_active()


def test_a_daemon_that_hangs_is_killed_and_started_anew(impatient: NetopNode) -> None:
    node, before = impatient.node, impatient.pids()
    node.run(f"kill -STOP {' '.join(before.values())}")
    for daemon, pid in before.items():
        unit = service(daemon)
        node.wait_until(
            f"systemctl is-active --quiet {unit} && ! systemctl show -P MainPID {unit}"
            f" | grep -qx -e {pid} -e 0",
            why=f"another {daemon}",
            timeout=120,
        )
        told = node.journal("-o", "cat", f"UNIT={unit}")
        assert "Watchdog timeout (limit 3s)!" in told
    impatient.await_active()
    assert impatient.failed() == ""


def test_a_full_file_system_is_told_and_nothing_is_lost(running: NetopNode) -> None:
    node = running.node
    generation = node.output(f"grep generation {DESIRED}")
    node.run(
        "systemctl stop netop.target && mount -t tmpfs -o size=256k none /run/netop"
        " && { dd if=/dev/zero of=/run/netop/ballast bs=1k 2>/dev/null || true; }"
        # A directory of a tmpfs takes no block, an empty file neither.
        " && systemctl start netop.target"
    )
    status = f"systemctl show -P StatusText {service('crd-watcher')}"
    node.wait_until(
        f"{status} | tee /dev/stderr | grep -q 'desired.json cannot be written: No space left'",
        why="the complaint",
    )
    assert running.state(service("crd-watcher")) == "active", "it does not crash"
    assert node.output("find /run/netop -name '.*' -type f") == ""
    node.run("rm /run/netop/ballast")
    node.wait_until(f"grep -q '{generation}' {DESIRED}", why="the same generation as before")
    running.await_active()
    node.run("systemctl stop netop.target && umount /run/netop && systemctl start netop.target")
    running.await_active()
    assert running.failed() == ""
