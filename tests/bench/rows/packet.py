# SPDX-License-Identifier: Apache-2.0
"""The eBPF router's time for one packet, by BPF_PROG_TEST_RUN."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bcc import BPF

from netop.bpf_guardian import frames
from netop.bpf_guardian.compiler import BccCompiler
from netop.bpf_guardian.frames import ethernet, ipv4, ipv6, udp
from netop.bpf_guardian.libbpf import Libbpf
from netop.bpf_guardian.program import TC_ACT_REDIRECT, TC_ACT_UNSPEC, RoutedBy, load, set_port
from tests.bench.figures import Aim, Finding, Line, median, say, tell
from tests.packet.conftest import NETWORK
from tests.packet.namespace import fresh_network, run, sysctl

ROUTER = Path(__file__).parents[3] / "bpf" / "router.c"
YARDSTICKS = Path(__file__).parents[1] / "programs.c"
MAC = bytes.fromhex("020000000001")
#: The frame is the same in all repetitions, so the router lowers its lifetime each time.
REPEAT = 250
CALLS, RUNS = 400, 11


@dataclass(frozen=True)
class Case:
    """A frame, and what the router and the forwarding yardstick answer to it."""

    what: str
    frame: bytes
    action: int


def cases() -> tuple[Case, ...]:
    payload = udp(b"x" * 18)
    arp = ethernet(MAC, frames.ARP, bytes(46))
    return (
        Case("IPv4, forwarded", ethernet(MAC, frames.IPV4, ipv4(
            "192.168.1.7", "10.1.0.7", payload, ttl=255)), TC_ACT_REDIRECT),
        Case("IPv6, forwarded", ethernet(MAC, frames.IPV6, ipv6(
            "fd00:a::7", "fd00:11::7", payload, hops=255)), TC_ACT_REDIRECT),
        Case("IPv4, no route: passed after the lookup", ethernet(MAC, frames.IPV4, ipv4(
            "192.168.1.7", "172.16.0.1", payload)), TC_ACT_UNSPEC),
        Case("IPv6, no route: passed after the lookup", ethernet(MAC, frames.IPV6, ipv6(
            "fd00:a::7", "fd99::1", payload)), TC_ACT_UNSPEC),
        Case("ARP: passed at once", arp, TC_ACT_UNSPEC),
    )  # fmt: skip


def main() -> None:
    libbpf = Libbpf()
    with network():
        compiled = asyncio.run(BccCompiler("/usr/bin/python3").compile(ROUTER))
        router = load(libbpf, compiled, "bench")
        index = socket.if_nametoindex("in")
        set_port(libbpf, router, index, RoutedBy(index, MAC))
        yardsticks = BPF(text=YARDSTICKS.read_text())
        nothing = yardsticks.load_func("nothing", BPF.SCHED_CLS).fd
        least = yardsticks.load_func("lookup_and_redirect", BPF.SCHED_CLS).fd
        lines: list[Line] = []
        for case in cases():
            answers = [libbpf.test_run(fd, case.frame, index) for fd in (router.descriptor, least)]
            assert [answer.action for answer in answers] == [case.action] * 2, answers
            told = interleaved(libbpf, case.frame, index, (router.descriptor, nothing, least))
            lines += judged(case, *told)
            say(f"{case.what}: {' '.join(f'{median(each):.0f}' for each in told)} ns")
    tell(Finding(tuple(lines), (
        f"Each value is the mean of the faster half of {CALLS} calls of {REPEAT} repetitions, "
        "the programs in turn; 60-byte frames, routes of a table with a dozen.",
    )))  # fmt: skip


@contextmanager
def network() -> Iterator[None]:
    """The network of tests/packet: `in` receives, `out` leads on."""
    with fresh_network():
        run(NETWORK)
        sysctl("net/ipv4/conf/all/forwarding", "1")
        sysctl("net/ipv6/conf/all/forwarding", "1")
        yield


def judged(
    case: Case, router: tuple[float, ...], nothing: tuple[float, ...], least: tuple[float, ...]
) -> list[Line]:
    forwards = case.action == TC_ACT_REDIRECT
    aim = Aim("at most 1.3 ×", factor=1.3) if forwards else None
    second = "only lookup and redirect" if "ARP" not in case.what else ""
    lines = [Line(case.what, "ns", router, "an empty program", nothing)]
    if second:
        lines.append(Line(case.what, "ns", router, second, least, aim))
    return lines


def interleaved(
    libbpf: Libbpf, frame: bytes, index: int, programs: tuple[int, ...]
) -> list[tuple[float, ...]]:
    """For each program, its nanoseconds for one packet in each run."""
    told: list[list[float]] = [[] for _ in programs]
    for _ in range(RUNS):
        calls: list[list[float]] = [[] for _ in programs]
        for _ in range(CALLS):
            for place, program in enumerate(programs):
                run_ = libbpf.test_run(program, frame, index, repeat=REPEAT)
                calls[place].append(run_.nanoseconds)
        for place, each in enumerate(calls):
            told[place].append(sum(sorted(each)[: CALLS // 2]) / (CALLS // 2))
    return [tuple(each) for each in told]


if __name__ == "__main__":
    main()
