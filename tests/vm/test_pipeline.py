# SPDX-License-Identifier: Apache-2.0
"""The main job on a real node: resources become links, programs, FRR's configuration, traffic."""

from __future__ import annotations

import json

import pytest

from tests.lab.fabric import BLUE, MGMT, RED, UNEXPORTED, WORKLOAD, Tenant
from tests.vm.served_node import CONFIG, DAEMONS, DEMO, ServedNode

GREEN = Tenant("green", 5003, 103)


@pytest.mark.parametrize("tenant", [RED, BLUE, MGMT], ids=lambda tenant: tenant.name)
def test_traffic_crosses_the_fabric_in_every_vrf(node: ServedNode, tenant: Tenant) -> None:
    for address in WORKLOAD.addresses:
        assert tenant.host.reaches(node.machine, address)
    for address in tenant.host.addresses:
        assert WORKLOAD.reaches(node.machine, address)


def test_what_no_export_permits_is_not_reached(node: ServedNode) -> None:
    assert not RED.host.reaches(node.machine, UNEXPORTED.ipv4)
    assert not BLUE.host.reaches(node.machine, RED.host.ipv4), "tenants stay apart"


def test_the_router_counts_what_it_forwards(node: ServedNode) -> None:
    def forwarded() -> int:
        told = json.loads(node.machine.output("netopctl counters --json"))
        return int(told["decisions"]["forwarded"]["packets"])

    before = forwarded()
    assert RED.host.reaches(node.machine, WORKLOAD.ipv4, count=5)
    assert forwarded() >= before + 5


def test_the_status_lines_say_what_was_done(node: ServedNode) -> None:
    told = {daemon: node.status(daemon) for daemon in DAEMONS}
    assert "3 VRFs from 3 resources" in told["crd-watcher"]
    assert "2 VRFs in sync" in told["netlink-reconciler"]
    assert "3 VRFs served" in told["frr-templater"]
    assert "9 of 9 interfaces" in told["bpf-guardian"]
    generation = f"generation {node.generation()}"
    assert all(generation in sentence for sentence in told.values())


def test_each_vrf_is_served_in_the_words_of_netopctl_and_prometheus(node: ServedNode) -> None:
    told = json.loads(node.machine.output("netopctl status --json"))
    assert told["verdict"]["health"] == "well"
    fetch = "from urllib.request import urlopen as o; print(o('{}').read().decode())"
    metrics = node.machine.output(
        ["python3", "-c", fetch.format("http://127.0.0.1:14789/metrics")]
    ).splitlines()
    for vrf in ("red", "blue", "mgmt_vrf"):
        assert f'netop_vrf_served{{vrf="{vrf}"}} 1.0' in metrics


def test_a_resource_adds_and_takes_exactly_its_own_lines(node: ServedNode) -> None:
    before, reloads = node.running(), node.reloads()
    generation = node.generation()
    node.resource("red-more", vrf="red", seq=20, imports="10.101.1.0/24", exports="10.62.0.0/24")
    node.await_served(generation + 1)
    added = [line for line in node.running() if line not in before]
    assert sorted(added) == [
        " match ip address prefix-list pl_red_export_20",
        " match ip address prefix-list pl_red_import_20",
        "ip prefix-list pl_red_export_20 seq 1 permit 10.62.0.0/24",
        "ip prefix-list pl_red_import_20 seq 1 permit 10.101.1.0/24",
        "route-map rm_red_export permit 20",
        "route-map rm_red_import permit 20",
    ]
    node.remove("red-more")
    node.await_served(generation + 2)
    assert node.running() == before
    assert node.reloads() == reloads + 2


def test_the_last_resource_of_a_vrf_takes_its_links_with_it(node: ServedNode) -> None:
    GREEN.join(node.machine)
    before = node.links()
    ping = f"ip netns exec red ping -n -q -i 0.1 {WORKLOAD.ipv4} > /run/red-ping 2>&1 & echo $!"
    pid = node.machine.output(ping)
    config = (DEMO / "config.yaml").read_text(encoding="utf-8")
    node.machine.write(CONFIG, config.replace("  blue: 5002\n", "  blue: 5002\n  green: 5003\n"))
    generation = node.generation()
    node.resource("green", vrf="green", seq=10, imports=GREEN.prefix, exports="10.60.0.0/24")
    node.await_served(generation + 1)
    node.machine.wait_until(
        f"ip netns exec green ping -n -q -c 1 -W 1 {WORKLOAD.ipv4}", why="green's traffic"
    )
    made = node.links().keys() - before.keys()
    assert made == {"vr.green", "br.green", "vx.green", "vd.green", "dv.green"}

    node.remove("green")
    node.machine.wait_until("! ip link show vr.green", why="green's links to go", timeout=120)
    node.await_served(node.generation())
    assert node.links() == before, "nothing else is touched"
    assert "green" not in "\n".join(node.running())
    node.machine.run(["kill", "-INT", pid])
    node.machine.write(CONFIG, config)
    node.machine.wait_until("grep -q transmitted /run/red-ping", why="the ping's account")
    assert " 0% packet loss" in node.machine.read("/run/red-ping"), "red never noticed"
    generation = node.generation()
    story = node.machine.journal("-b", "-o", "json", f"NETOP_GENERATION={generation}")
    tellers = [json.loads(line)["SYSLOG_IDENTIFIER"] for line in story.splitlines()]
    templater, reconciler = "netop-frr-templater", "netop-netlink-reconciler"
    assert tellers.index(templater) < tellers.index(reconciler), "FRR let go first"


def test_the_story_of_a_change_is_found_by_its_generation(node: ServedNode) -> None:
    generation = node.generation() + 1
    node.resource("red-tale", vrf="red", seq=30, imports="10.101.1.0/24", exports="10.62.0.0/24")
    node.await_served(generation)
    told = node.machine.journal("-b", "-o", "cat", f"NETOP_GENERATION={generation}")
    node.remove("red-tale")
    node.await_served(generation + 1)
    assert "red-tale" in told
    assert f"generation {generation}" in told


def test_ten_changes_in_the_gap_make_one_reload_and_none_makes_none(node: ServedNode) -> None:
    reloads, generation = node.reloads(), node.generation()
    # Each arrives whole, as from a tool that renames; all of them within the gap of 3 s.
    node.machine.run(
        "cd /etc/netop/manifests && for n in 0 1 2 3 4 5 6 7 8 9; do"
        ' sed "s/name: red-workloads/name: red-$n/; s/seq: 10/seq: 4$n/" red.yaml > .new'
        " && mv .new red-$n.yaml; done"
    )
    node.await_served(generation + 1)
    assert node.generation() == generation + 1
    assert node.reloads() == reloads + 1
    node.machine.run("for f in /etc/netop/manifests/*.yaml; do echo '# said' >> $f; done")
    node.machine.run("sleep 6")
    assert node.generation() == generation + 1
    assert node.reloads() == reloads + 1
    node.machine.run("rm /etc/netop/manifests/red-[0-9].yaml")
    node.await_served(generation + 2)
    assert node.reloads() == reloads + 2
