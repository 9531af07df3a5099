# SPDX-License-Identifier: Apache-2.0
"""The package under apt: install, upgrade, remove, purge."""

from __future__ import annotations

from pathlib import Path

from netop.common.messages import Message
from tests.container.netop_node import DAEMONS, NetopNode, service
from tests.lab import deb as package
from tests.lab.lab import Lab
from tests.lab.node import Node

WRONG = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {name: wrong}
spec: {vrf: nowhere, seq: 10, import: []}
"""
SOURCE = Path(__file__).parents[2]
SCRAPE = "curl -sSf --max-time 30 http://127.0.0.1:14789/metrics"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q"
#: All files, but for what the kernel, dpkg, FRR and the journal keep for themselves.
FILES = (
    r"find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /var/log -o -path /var/cache"
    r" -o -path /var/tmp -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd"
    r" -o -path /etc/passwd- -o -path /etc/group- -o -path /etc/shadow- -o -path /etc/gshadow- \)"
    r" -prune -o -print | sort; find /run/netop* /var/lib/systemd/deb-systemd* | grep netop"
)


def test_lintian_is_content(lab: Lab) -> None:
    said = package.lintian(lab, SOURCE).splitlines()
    assert [line for line in said if not line.startswith("N:")] == []


def test_a_node_that_is_not_provisioned_has_nothing_running_and_nothing_failed(
    netop: NetopNode,
) -> None:
    assert netop.active() == set()
    assert netop.failed() == ""
    assert netop.state("netop.target") == "active"
    said = netop.node.run(["netopctl", "status"], check=False)
    assert said.code == 1
    assert "waits for /opt/network-operator/config.yaml" in said.stdout


def test_it_starts_at_once_on_a_node_that_is_provisioned_and_explains_what_is_wrong(
    bare: Node, deb: Path
) -> None:
    netop = NetopNode(bare)
    bare.write("/etc/netop/manifests/wrong.yaml", WRONG)
    netop.provision()
    bare.install(deb)
    netop.await_active()
    assert netop.failed() == ""
    # dpkg's trigger has compiled the catalogue; systemd finds nothing to complain of in it.
    assert int(bare.output("journalctl --list-catalog | grep -c ' netop: '")) == len(Message)
    again = bare.run("journalctl --update-catalog")
    assert again.stdout + again.stderr == ""
    told = f"journalctl --no-pager -x MESSAGE_ID={Message.RESOURCE_REJECTED.value}"
    bare.wait_until(f"{told} | grep -q rejected", why="the entry of the rejected resource")
    said = bare.output(told)
    assert "the VRF 'nowhere' is in neither vnimap nor skipVRFConfig" in said
    assert "Subject: Resource wrong was rejected" in said
    assert "netopctl explain wrong" in said


def test_purge_leaves_no_trace_and_says_what_the_kernel_still_has(bare: Node, deb: Path) -> None:
    bare.copy_in(deb, f"/tmp/{deb.name}")
    before = bare.output(f"({FILES}) 2>/dev/null || true").splitlines()
    bare.install(deb)
    netop = NetopNode(bare)
    netop.provision()
    netop.await_active()
    bare.run(f"{APT} remove netop")
    units = "systemctl list-units --all --no-legend --plain 'netop*'"
    assert "loaded" not in bare.output(units)
    assert bare.output("ls /run/netop") != "", "a new installation would interrupt traffic"
    said = bare.run(f"{APT} purge netop").stdout
    for hint in ("/etc/frr/frr.conf", "ip link delete group", "tc filter del"):
        assert hint in said
    bare.run("rm -r /opt/network-operator; systemctl daemon-reload")
    assert "loaded" not in bare.output(units)
    after = bare.output(f"({FILES}) 2>/dev/null || true").splitlines()
    # Users stay, as those of sysusers.d do: files of theirs may be anywhere, and a number must
    # not come to mean somebody else.
    assert sorted(set(after) - set(before)) == []
    assert bare.output("grep -c ^netop- /etc/passwd") == "4"
    assert netop.failed() == ""


def test_frr_runs_through_it_all(bare: Node, deb: Path) -> None:
    pid = bare.output("systemctl show --value --property=MainPID frr.service")
    bare.install(deb)
    bare.run(f"{APT} purge netop")
    assert bare.output("systemctl show --value --property=MainPID frr.service") == pid
    assert bare.output("systemctl show --value --property=DropInPaths frr.service") == ""


def newer(node: Node, deb: Path) -> str:
    """A package that differs in its version alone; its path in the node."""
    node.copy_in(deb, "/tmp/old.deb")
    node.run(
        "dpkg-deb -R /tmp/old.deb /tmp/new"
        " && sed -i 's/^Version: .*/&+later/' /tmp/new/DEBIAN/control"
        " && dpkg-deb -b /tmp/new /tmp/netop_later_all.deb"
    )
    return "/tmp/netop_later_all.deb"


def test_an_upgrade_restarts_each_daemon_once_and_keeps_the_program(
    netop: NetopNode, deb: Path
) -> None:
    netop.provision()
    netop.await_active()
    netop.node.wait_until(
        "[ $(systemctl show --value --property=NFileDescriptorStore netop-bpf-guardian) -ge 4 ]",
        why="the guardian to hand program and maps to systemd",
    )
    # The exporter runs too, and its socket must not be in the way of its own restart.
    counted = f"{SCRAPE} | grep -Fx 'netop_bpf_programs_total 1.0'"
    netop.node.wait_until(counted, why="the count of programs")
    exporter = netop.property("netop-exporter.service", "MainPID")
    before = netop.pids()
    program = netop.node.output("grep -m1 program /run/netop/bpf-guardian/attached.json")
    later = newer(netop.node, deb)
    since = netop.node.output("date +%s")
    netop.node.run(f"sleep 1; {APT} install {later}")
    netop.await_active()
    after = netop.pids()
    assert all(before[daemon] != after[daemon] for daemon in DAEMONS)
    for daemon in DAEMONS:
        story = netop.node.journal("-u", service(daemon), f"--since=@{since}")
        assert story.count("Started netop-") == 1, story
    again = netop.node.output("grep -m1 program /run/netop/bpf-guardian/attached.json")
    assert again == program
    netop.node.wait_until(counted, why="the count of programs")
    assert netop.property("netop-exporter.service", "MainPID") not in {exporter, "0"}
    assert netop.state("netop-exporter.socket") == "active"
    assert netop.failed() == ""


def test_an_upgrade_respects_what_was_switched_off(netop: NetopNode, deb: Path) -> None:
    netop.node.run("systemctl disable --now netop.target")
    netop.node.run("systemctl enable netop-bpf-guardian.service")
    netop.provision()
    netop.node.run("systemctl start netop-bpf-guardian.service")
    netop.node.run(f"{APT} install {newer(netop.node, deb)}")
    netop.await_active("bpf-guardian")
    netop.node.run("sleep 2")
    assert netop.active() == {"bpf-guardian"}
    enabled = netop.node.run("systemctl is-enabled netop.target netop-bpf-guardian", check=False)
    assert enabled.stdout.split() == ["disabled", "enabled"]


def test_an_upgrade_leaves_a_frozen_node_alone(netop: NetopNode, deb: Path) -> None:
    netop.provision()
    netop.await_active()
    netop.node.run("systemctl mask --runtime --now netop.target")
    netop.node.run(f"{APT} install {newer(netop.node, deb)}")
    netop.node.run("sleep 2")
    assert netop.active() == set()
    netop.node.run("systemctl unmask --runtime netop.target && systemctl start netop.target")
    netop.await_active()


def test_an_upgrade_leaves_running_what_was_started_by_hand(netop: NetopNode, deb: Path) -> None:
    netop.node.run("systemctl disable --now netop.target")
    netop.provision()
    netop.node.run("systemctl start netop.target")
    netop.await_active()
    before = netop.pids()
    netop.node.run(f"{APT} install {newer(netop.node, deb)}")
    netop.await_active()
    after = netop.pids()
    assert all(before[daemon] != after[daemon] for daemon in DAEMONS)


def test_the_credential_is_for_the_crd_watcher_alone(netop: NetopNode) -> None:
    netop.node.write("/etc/netop/kubeconfig", "", mode=0o600)
    netop.node.run("systemd-tmpfiles --create netop.conf")
    owner = netop.node.output("stat -c '%U:%G %a' /etc/netop/kubeconfig")
    assert owner == "root:netop-crd-watcher 640"


def test_the_package_is_of_one_version(deb: Path) -> None:
    # The changelog's version, and what the code says of itself.
    from netop import __version__

    assert deb.name == f"netop_{__version__}_all.deb"


def test_netopctl_answers_on_the_node(netop: NetopNode) -> None:
    examples = "/usr/share/netop/kubernetes/examples"
    netop.node.run(f"netopctl validate {examples}")
    wrong = netop.node.run(
        "echo 'kind: [' > /tmp/a.yaml; netopctl validate /tmp/a.yaml", check=False
    )
    assert wrong.code == 1
    assert wrong.stdout.startswith("/tmp/a.yaml:")
    assert "netop-crd-watcher" in netop.node.run("netopctl plan", check=False).stderr
    netop.provision("vnimap: {red: 5001, blue: 5002}\nskipVRFConfig: [mgmt_vrf]\n")
    planned = netop.node.run(f"netopctl plan {examples}", check=False)
    assert planned.code == 2, planned.stdout + planned.stderr
    assert "blue" in planned.stdout


def test_the_shell_completes_netopctl(netop: NetopNode) -> None:
    script = "/usr/share/bash-completion/completions/netopctl"
    netop.node.run(["bash", "-n", script])
    listed = netop.node.output(f"sed -n 's/.*commands=\"\\(.*\\)\"/\\1/p' {script}").split()
    told = netop.node.output("netopctl --help")
    assert all(f"    {command} " in told for command in listed)
