# SPDX-License-Identifier: Apache-2.0
"""The eBPF router in traffic across the fabric: what it sends on, and what the stack answers."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

import pytest

from tests.lab.fabric import BLUE, RED, WORKLOAD, Host, Tenant
from tests.vm.served_node import ServedNode

#: Of the node: what its VRFs and its default VRF may answer from.
NODE_ADDRESSES = re.compile(r"\b(10\.50\.0\.11|10\.60\.0\.1|64:ff9b:1::a32:b|fd00:60::1)\b")
TENANTS = pytest.mark.parametrize("tenant", [RED, BLUE], ids=lambda tenant: tenant.name)
FAMILIES = pytest.mark.parametrize("version", [4, 6])


def addresses(host: Host, version: int) -> str:
    return host.ipv6 if version == 6 else host.ipv4


def counted(node: ServedNode) -> dict[str, int]:
    """Packets by decision, since the program's maps were made."""
    told = json.loads(node.machine.output("netopctl counters --json"))
    return {name: counter["packets"] for name, counter in told["decisions"].items()}


@contextlib.contextmanager
def counting(node: ServedNode) -> Iterator[dict[str, int]]:
    """What was counted meanwhile, by decision."""
    before = counted(node)
    meanwhile: dict[str, int] = {}
    yield meanwhile
    meanwhile.update({name: now - before[name] for name, now in counted(node).items()})


@contextlib.contextmanager
def extra_route(node: ServedNode, family: str, where: str, like: str, new: str) -> Iterator[None]:
    """A route to `new` beside the one to `like`, with its next hop; `where` selects the table."""
    shown = node.machine.output(f"ip {family} route show {where} {like}")
    hop = re.sub(r"^\S+ (nhid \d+ )?|proto \S+|metric \d+|pref \S+|onlink", "", shown).strip()
    destination, _, options = new.partition(" ")
    route = f"{where} {destination} {hop} onlink {options}"
    node.machine.run(f"ip {family} route add {route}")
    try:
        yield
    finally:
        node.machine.run(f"ip {family} route del {where} {destination}")


@TENANTS
@FAMILIES
def test_ping_both_ways_is_forwarded_by_the_program(
    node: ServedNode, tenant: Tenant, version: int
) -> None:
    with counting(node) as meanwhile:
        assert tenant.host.reaches(node.machine, addresses(WORKLOAD, version), count=10)
        assert WORKLOAD.reaches(node.machine, addresses(tenant.host, version), count=10)

    # Ten requests and ten answers each way, each met once: on its way into the VRF.
    assert meanwhile["forwarded"] >= 40
    assert meanwhile["passed_not_forwarded"] == 0


@TENANTS
@FAMILIES
def test_traceroute_shows_the_vrf_as_a_hop(node: ServedNode, tenant: Tenant, version: int) -> None:
    for host, target in ((tenant.host, WORKLOAD), (WORKLOAD, tenant.host)):
        shown = host.run(
            node.machine, f"traceroute -{version} -n -q 2 -w 3 {addresses(target, version)}"
        )
        hops = shown.strip().splitlines()[1:]
        print(shown)
        assert len(hops) == 4, "gateway, VRF, default VRF, host; or the same from the other end"
        assert NODE_ADDRESSES.search(hops[1])
        assert "192.0.0.8" not in shown
        assert addresses(target, version) in hops[-1]


@FAMILIES
def test_lifetime_that_ends_in_the_vrf_is_answered(node: ServedNode, version: int) -> None:
    """The gateway leaves one hop of two, and the VRF may not use the last."""
    with counting(node) as meanwhile:
        shown = RED.host.run(
            node.machine,
            f"ping -{version} -n -c 3 -W 3 -t 2 {addresses(WORKLOAD, version)}",
            check=False,
        )

    assert re.search("Time to live exceeded|Time exceeded: Hop limit", shown)
    assert NODE_ADDRESSES.search(shown)
    # Each once on the VXLAN port, and once more on its bridge, which the stack brings it to.
    assert meanwhile["passed_ttl_expired"] == 6


@TENANTS
@FAMILIES
@pytest.mark.parametrize("direction", ["", "--reverse"], ids=["in", "out"])
def test_tcp_flows_both_ways(
    node: ServedNode, tenant: Tenant, version: int, direction: str
) -> None:
    server = node.machine.output("ip netns exec pod iperf3 -s -1 -D -I /run/iperf3.pid; sleep 0.5")
    assert server == ""
    with counting(node) as meanwhile:
        told = json.loads(
            tenant.host.run(
                node.machine, f"iperf3 -J -t 3 {direction} -c {addresses(WORKLOAD, version)}"
            )
        )
    received = told["end"]["sum_received"]
    print(f"{received['bits_per_second'] / 1e6:.0f} Mbit/s")

    assert received["bytes"] > 1 << 20
    assert meanwhile["forwarded"] > 20
    # Segments that are merged (GRO) or not cut yet (GSO) are longer than any MTU.
    assert meanwhile["passed_too_big"] == meanwhile["passed_segments"] == 0


@pytest.mark.parametrize(
    ("version", "answer"),
    [(4, "Frag needed and DF set (mtu = 1400)"), (6, "Packet too big: mtu=1400")],
)
def test_packet_larger_than_the_path_is_answered(
    node: ServedNode, version: int, answer: str
) -> None:
    target = addresses(WORKLOAD, version)
    network = "fd00:60::/64" if version == 6 else "10.60.0.0/24"
    host = "/128" if version == 6 else "/32"
    with (
        extra_route(node, f"-{version}", "vrf vr.red", network, f"{target}{host} mtu lock 1400"),
        counting(node) as meanwhile,
    ):
        ping = f"ping -{version} -n -c 1 -W 3 -M do -s 3000 {target}"
        shown = RED.host.run(node.machine, ping, check=False)
        # A UDP sender is told as well, at its next attempt, and learns the path's MTU.
        route = RED.host.run(node.machine, f"ip -{version} route get {target}")
        RED.host.run(node.machine, f"ip -{version} route flush cache")

    assert answer in shown
    assert NODE_ADDRESSES.search(shown)
    assert "mtu 1400" in route
    assert meanwhile["passed_too_big"] == 2


@FAMILIES
def test_udp_datagram_larger_than_the_path_is_answered(node: ServedNode, version: int) -> None:
    target = addresses(WORKLOAD, version)
    network = "fd00:60::/64" if version == 6 else "10.60.0.0/24"
    host = "/128" if version == 6 else "/32"
    # IP_MTU_DISCOVER (10) and IPV6_MTU_DISCOVER (23) to IP_PMTUDISC_DO (2).
    script = (
        "import errno, socket, time\n"
        f"s = socket.socket(socket.AF_INET{'6' if version == 6 else ''}, socket.SOCK_DGRAM)\n"
        f"s.setsockopt({'41, 23' if version == 6 else '0, 10'}, 2)\n"
        f"s.connect(('{target}', 9))\n"
        "s.send(bytes(3000)); time.sleep(1)\n"
        "try:\n    s.send(bytes(3000))\n"
        "except OSError as error:\n    print(errno.errorcode[error.errno])\n"
    )
    with (
        extra_route(node, f"-{version}", "vrf vr.red", network, f"{target}{host} mtu lock 1400"),
        counting(node) as meanwhile,
    ):
        told = RED.host.run(node.machine, f'python3 -I -c "{script}"')
        RED.host.run(node.machine, f"ip -{version} route flush cache")

    assert told.strip() == "EMSGSIZE"
    assert meanwhile["passed_too_big"] == 2


@pytest.mark.parametrize(
    ("version", "like", "beyond", "answer"),
    [
        (4, "10.60.0.0/24", "10.77.0.1", "Destination Host Unreachable"),
        (6, "fd00:60::/64", "fd00:77::1", "Destination unreachable: No route"),
    ],
)
def test_what_the_vrf_has_no_route_to_is_unreachable(
    node: ServedNode, version: int, like: str, beyond: str, answer: str
) -> None:
    """The gateway is made to send it here, as if the route had just been withdrawn."""
    with (
        extra_route(node, f"-n gw -{version}", "vrf red", like, beyond),
        counting(node) as meanwhile,
    ):
        shown = RED.host.run(node.machine, f"ping -{version} -n -c 1 -W 3 {beyond}", check=False)

    assert answer in shown
    assert NODE_ADDRESSES.search(shown)
    assert meanwhile["passed_unreachable"] == 2


@FAMILIES
def test_tenants_do_not_reach_each_other_even_when_the_fabric_sends_them_here(
    node: ServedNode, version: int
) -> None:
    like = "fd00:60::/64" if version == 6 else "10.60.0.0/24"
    target = addresses(BLUE.host, version)
    assert not RED.host.reaches(node.machine, target, count=1)
    with extra_route(node, f"-n gw -{version}", "vrf red", like, target):
        shown = RED.host.run(node.machine, f"ping -{version} -n -c 1 -W 3 {target}", check=False)

    assert "nreachable" in shown
    assert "0 received" in shown


@TENANTS
@FAMILIES
def test_each_packet_meets_netfilter_once(node: ServedNode, tenant: Tenant, version: int) -> None:
    """The reason why the program exists; in the default VRF, and never in the tenant's."""
    echo = "icmp type" if version == 4 else "icmpv6 type"
    hooks = ("prerouting", "forward", "postrouting")
    inside = '"vr.*", "br.red", "br.blue", "vd.*", "vx.*"'
    chains = "".join(
        f"chain {hook} {{\n type filter hook {hook} priority 0\n"
        f' {echo} echo-request counter comment "request"\n'
        f' {echo} echo-reply counter comment "reply"\n'
        f' {echo} {{ echo-request, echo-reply }} iifname {{ {inside} }} counter comment "vrf"\n'
        "}\n"
        for hook in hooks
    )
    node.machine.run("nft -f -", input=f"table inet once {{\n{chains}}}\n")
    try:
        count = 50
        assert tenant.host.reaches(node.machine, addresses(WORKLOAD, version), count=count)
        shown = json.loads(node.machine.output("nft -j list table inet once"))
    finally:
        node.machine.run("nft delete table inet once")
    rules = [item["rule"] for item in shown["nftables"] if "rule" in item]
    met = {
        (rule["chain"], rule["comment"]): part["counter"]["packets"]
        for rule in rules
        for part in rule["expr"]
        if "counter" in part
    }
    print(met)
    for hook in hooks:
        assert met[hook, "request"] == met[hook, "reply"] == count
        assert met[hook, "vrf"] == 0


def test_program_is_on_every_interface_that_the_design_names(node: ServedNode) -> None:
    wanted = [f"{kind}.{vrf}" for vrf in ("red", "blue") for kind in ("vx", "br", "vd")]
    wanted += ["br.mgmt_vrf", "mgmt_vrf_def", "vx.200"]
    document = json.loads(node.machine.read("/run/netop/bpf-guardian/attached.json"))
    program = document["program"]
    for interface in wanted:
        shown = json.loads(node.machine.output(f"tc -json filter show dev {interface} ingress"))
        found = {
            item["options"]["prog"]["id"] for item in shown if "prog" in item.get("options", {})
        }
        assert found == {program}, interface
    assert {item["interface"] for item in document["interfaces"]} == set(wanted)
