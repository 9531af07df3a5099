# SPDX-License-Identifier: Apache-2.0
"""The program under test, loaded in a network namespace with a route of every kind.

Needs root, bcc for /usr/bin/python3 (python3-bpfcc) and libbpf1; no VRF support.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from netop.bpf_guardian.compiler import BccCompiler, Compiled
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.libbpf import Libbpf, TestRun
from netop.bpf_guardian.program import (
    DECISIONS,
    FIB_RESULTS,
    Count,
    RoutedBy,
    Router,
    clear_counts,
    load,
    read_counts,
    set_port,
)
from tests.packet.namespace import fresh_network, run, sysctl

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "bpf" / "router.c"

# `in` receives; `out` leads on. 192.168 and fd00:a are here, 10.x and fd00:1x routed.
NETWORK = """
    link add in address 02:00:00:00:00:01 type veth peer name in-peer
    link add out address 02:00:00:00:00:02 mtu 1500 type veth peer name out-peer
    link add lan address 02:00:00:00:00:03 type bridge
    link add port address 02:00:00:00:00:04 type veth peer name port-peer
    link add deaf address 02:00:00:00:00:05 type veth peer name deaf-peer
    link set port master lan
    link set in up
    link set in-peer up
    link set out up
    link set out-peer up
    link set port up
    link set port-peer up
    link set lan up
    link set deaf up
    link set deaf-peer up
    addr add 192.168.1.1/24 dev in
    addr add 192.168.2.1/24 dev out
    addr add fd00:a::1/64 dev in nodad
    addr add fd00:b::1/64 dev out nodad
    neigh add 192.168.2.2 lladdr 02:00:00:00:01:02 dev out nud permanent
    neigh add fd00:b::2 lladdr 02:00:00:00:01:02 dev out nud permanent
    neigh add fe80::2 lladdr 02:00:00:00:01:02 dev out nud permanent
    route add 10.1.0.0/16 via 192.168.2.2
    route add 10.2.0.0/16 via inet6 fe80::2 dev out
    route add 10.3.0.0/16 via 192.168.2.99
    route add 10.4.0.0/16 via 192.168.2.2 mtu lock 1300
    route add blackhole 10.5.0.0/16
    route add unreachable 10.6.0.0/16
    route add prohibit 10.7.0.0/16
    route add 10.8.0.0/16 encap ip id 1 dst 192.168.2.2 dev out
    route add fd00:11::/32 via fd00:b::2
    route add fd00:13::/32 via fd00:b::99
    route add fd00:14::/32 via fd00:b::2 mtu lock 1300
    route add blackhole fd00:15::/32
    route add unreachable fd00:16::/32
    route add prohibit fd00:17::/32
    route add fd00:18::/32 encap ip6 id 1 dst fd00:b::2 dev out
    route add 10.9.0.0/16 nexthop via 192.168.2.2 nexthop via 192.168.2.3
    neigh add 192.168.2.3 lladdr 02:00:00:00:01:03 dev out nud permanent
    neigh add 192.168.2.4 lladdr 03:bf:c0:a8:02:04 dev out nud permanent
    neigh add fd00:b::4 lladdr 03:bf:c0:a8:02:04 dev out nud permanent
"""


@dataclass(frozen=True)
class Bench:
    """The loaded program and what it counts."""

    libbpf: Libbpf
    router: Router
    compiled: Compiled

    def run(self, frame: bytes, interface: str = "in", gso_size: int = 0) -> TestRun:
        """Run the program on a frame that `interface` received."""
        index = socket.if_nametoindex(interface)
        return self.libbpf.test_run(self.router.descriptor, frame, index, gso_size)

    def decisions(self) -> dict[Decision, Count]:
        """Return the decisions that were counted since the test began."""
        return {
            Decision(slot): count
            for slot, count in enumerate(read_counts(self.libbpf, self.router, DECISIONS))
            if count.packets
        }

    def fib_results(self) -> dict[FibResult, int]:
        """Return how often each FIB result was seen since the test began."""
        return {
            FibResult(slot): count.packets
            for slot, count in enumerate(read_counts(self.libbpf, self.router, FIB_RESULTS))
            if count.packets
        }


@pytest.fixture(scope="session")
def network() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.fail("packet tests load eBPF programs and must be run as root")
    with fresh_network():
        run(NETWORK)
        sysctl("net/ipv4/conf/all/forwarding", "1")
        sysctl("net/ipv6/conf/all/forwarding", "1")
        sysctl("net/ipv4/conf/deaf/forwarding", "0")
        sysctl("net/ipv6/conf/deaf/forwarding", "0")
        yield


@pytest.fixture(scope="session")
def compiled() -> Compiled:
    return asyncio.run(BccCompiler("/usr/bin/python3").compile(SOURCE))


@pytest.fixture(scope="session")
def session_bench(network: None, compiled: Compiled) -> Bench:  # noqa: ARG001
    libbpf = Libbpf()
    router = load(libbpf, compiled, "test")
    for received, routed, mac in (
        ("in", "in", "020000000001"),
        ("port", "lan", "020000000003"),
        ("deaf", "deaf", "020000000005"),
    ):
        by = RoutedBy(socket.if_nametoindex(routed), bytes.fromhex(mac))
        set_port(libbpf, router, socket.if_nametoindex(received), by)
    return Bench(libbpf, router, compiled)


@pytest.fixture
def bench(session_bench: Bench) -> Bench:
    clear_counts(session_bench.libbpf, session_bench.router)
    return session_bench
