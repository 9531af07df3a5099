# SPDX-License-Identifier: Apache-2.0
"""The units in a booted node: activation, stopping, crashes, and what their sandboxes allow."""

from __future__ import annotations

import pytest

from tests.container.netop_node import CONFIG, DAEMONS, UNITS, NetopNode, service
from tests.lab.node import Node

#: What each daemon is made for; everything else that probe.py tries must fail.
ALLOWED = {
    "crd-watcher": {"AF_UNIX", "AF_INET", "AF_INET6"},
    "netlink-reconciler": {"AF_UNIX", "AF_NETLINK", "make a link"},
    "frr-templater": {"AF_UNIX", "write /etc/frr", "reload frr"},
    # It may change links because CAP_NET_ADMIN, which attaching takes, is no finer.
    "bpf-guardian": {"AF_UNIX", "AF_NETLINK", "make a link", "make a BPF map"},
    # Its network is the one socket that it is given.
    "exporter": {"AF_UNIX"},
}
PRESET = "netop.target netop-bpf-guardian.service netop-exporter.socket"


def test_systemd_finds_no_fault_with_them(shared: NetopNode) -> None:
    said = shared.node.run(f"systemd-analyze verify --man=no {UNITS}/netop* frr.service")
    assert said.stdout + said.stderr == ""


@pytest.mark.parametrize("daemon", ALLOWED)
def test_the_sandbox_is_tight(shared: NetopNode, daemon: str) -> None:
    shared.node.run([
        "systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager",
        f"{UNITS}/{service(daemon)}",
    ])  # fmt: skip


@pytest.mark.parametrize("daemon", ALLOWED)
def test_a_daemon_can_do_its_work_and_nothing_else(shared: NetopNode, daemon: str) -> None:
    told = shared.probe(daemon)
    could = {attempt for attempt, how in told.items() if how == "ok"}
    documents = {"write own documents"} if daemon in DAEMONS else set()
    assert could == ALLOWED[daemon] | documents, told


def test_polkit_lets_nobody_else_reload_frr(shared: NetopNode) -> None:
    reload = (
        "busctl call --quiet org.freedesktop.systemd1 /org/freedesktop/systemd1"
        " org.freedesktop.systemd1.Manager ReloadUnit ss frr.service replace"
    )
    # FRR's daemons are this user too, and they talk to the network.
    said = shared.node.run(f"setpriv --reuid=frr --regid=frr --clear-groups {reload}", check=False)
    assert not said.ok
    assert "interactive authentication required" in said.stderr.lower()
    elsewhere = f"systemd-run --quiet --wait --pipe -p User=frr -p NoNewPrivileges=yes {reload}"
    assert not shared.node.run(elsewhere, check=False).ok


def test_a_failed_reload_of_frr_is_seen(netop: NetopNode) -> None:
    netop.node.run("systemctl reload frr")
    good = netop.node.read("/etc/frr/frr.conf")
    netop.node.run("echo 'this is no line of FRR' >> /etc/frr/frr.conf")
    assert not netop.node.run("systemctl reload frr", check=False).ok
    assert netop.state("frr.service") == "active"
    netop.node.run("cat > /etc/frr/frr.conf", input=good)
    netop.node.run("systemctl reload frr")


def test_each_daemon_starts_when_what_it_needs_appears(netop: NetopNode) -> None:
    assert netop.active() == set()
    netop.provision()
    netop.await_active()
    began = {
        daemon: int(netop.property(service(daemon), "InactiveExitTimestampMonotonic"))
        for daemon in DAEMONS
    }
    assert began["crd-watcher"] < began["netlink-reconciler"] < began["frr-templater"]
    for daemon in DAEMONS:
        assert netop.property(service(daemon), "StatusText") != ""
    assert netop.failed() == ""


def test_stopping_the_target_stops_everything_and_starting_it_starts_everything(
    netop: NetopNode,
) -> None:
    netop.provision()
    netop.await_active()
    netop.node.run("systemctl stop netop.target")
    states = {service(daemon): netop.state(service(daemon)) for daemon in DAEMONS}
    assert set(states.values()) == {"inactive"}, states
    assert "inactive" in netop.state("netop-crd-watcher.path")
    assert netop.state("frr.service") == "active"
    netop.node.run("systemctl start netop.target")
    netop.await_active()


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_is_stopped_stays_stopped(netop: NetopNode, daemon: str) -> None:
    netop.provision()
    netop.await_active()
    netop.node.run(["systemctl", "stop", service(daemon)])
    # What it waits for is there, and appears anew.
    netop.node.run(f"touch {CONFIG} /run/netop/*/*.json; sleep 2")
    assert netop.active() == set(DAEMONS) - {daemon}
    assert netop.failed() == ""
    netop.node.run(["systemctl", "start", service(daemon)])
    assert netop.state(f"netop-{daemon}.path") == "active"


def test_kills_at_any_moment_leave_nothing_failed(netop: NetopNode) -> None:
    netop.provision()
    netop.await_active()
    names = " ".join(service(daemon) for daemon in DAEMONS)
    # The pauses hit a process before its exec, during its imports, and at work.
    netop.node.run(
        f"for pause in 0.01 0.02 0.05 0.1 0.3 0.6; do for i in 1 2 3 4 5 6; do"
        f" systemctl kill --signal=KILL {names} 2>/dev/null; sleep $pause; done; done"
    )
    netop.await_active()
    assert netop.failed() == ""
    paths = {netop.state(f"netop-{daemon}.path") for daemon in DAEMONS}
    assert paths == {"active"}


def test_a_daemon_that_cannot_start_is_tried_again_and_blocks_nobody(netop: NetopNode) -> None:
    netop.node.write(
        "/run/systemd/system/netop-crd-watcher.service.d/broken.conf",
        "[Service]\nExecStart=\nExecStart=/bin/false\n",
    )
    netop.node.run("systemctl daemon-reload")
    netop.provision()
    # apt restarts it like this, and must get its answer.
    assert not netop.node.run(
        "systemctl restart netop-crd-watcher.service", check=False, timeout=20
    ).ok
    netop.node.run(
        "rm -r /run/systemd/system/netop-crd-watcher.service.d && systemctl daemon-reload"
    )
    netop.await_active()
    assert netop.failed() == ""


def test_a_control_plane_node_runs_the_guardian_alone(netop: NetopNode) -> None:
    netop.node.run("systemctl disable --now netop.target")
    netop.provision()
    netop.node.run("systemctl enable --now netop-bpf-guardian.service")
    netop.await_active("bpf-guardian")
    assert netop.active() == {"bpf-guardian"}
    netop.node.wait_until(
        "grep -q '\"program\": [1-9]' /run/netop/bpf-guardian/attached.json",
        why="the guardian to attach",
    )
    assert netop.node.run(["netopctl", "status"]).code == 0


def test_presets_of_a_first_boot_leave_the_guardian_to_its_path(bare_presets: Node) -> None:
    said = bare_presets.run(f"systemctl is-enabled {PRESET}", check=False)
    assert said.stdout.split() == ["enabled", "disabled", "enabled"]


@pytest.fixture
def bare_presets(netop: NetopNode) -> Node:
    netop.node.run(f"systemctl preset {PRESET}")
    return netop.node
