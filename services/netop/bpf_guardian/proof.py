# SPDX-License-Identifier: Apache-2.0
"""A new program proves itself by test runs before it may replace one that works.

It runs on maps of its own, so nothing is counted that was not a packet, but on the live
routing tables. A refused program is never attached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netop.bpf_guardian import frames
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.frames import ethernet, ipv4, ipv6, routed, udp
from netop.bpf_guardian.libbpf import Libbpf, TestRun
from netop.bpf_guardian.program import (
    DECISIONS,
    FIB_RESULTS,
    TC_ACT_REDIRECT,
    TC_ACT_SHOT,
    TC_ACT_UNSPEC,
    RoutedBy,
    Router,
    clear_counts,
    clear_port,
    read_counts,
    set_port,
)

LOOPBACK = 1
_NO_MAC = bytes(6)  # loopback's own, so a frame to it is PACKET_HOST
# RFC 5737 and RFC 3849: documentation, nobody's.
_SOURCE4, _SOURCE6 = "192.0.2.77", "2001:db8::77"
_TARGET4, _TARGET6 = "198.51.100.77", "2001:db8:1::77"


class RefusedError(Exception):
    """The program does what no router may; the message says with which frame."""


@dataclass(frozen=True)
class Port:
    """An interface to try, by ifindex, with addresses that its VRF has routes to."""

    name: str
    index: int
    routed_by: RoutedBy
    destinations: tuple[str, ...]


@dataclass(frozen=True)
class _Trial:
    name: str
    frame: bytes
    index: int = LOOPBACK
    expected: Decision | None = None


@dataclass(frozen=True)
class _Tally:
    """How often each decision was counted, and each FIB result."""

    decisions: tuple[int, ...]
    fib_results: tuple[int, ...]

    @classmethod
    def read(cls, libbpf: Libbpf, router: Router) -> _Tally:
        decisions, found = (read_counts(libbpf, router, name) for name in (DECISIONS, FIB_RESULTS))
        return cls(
            tuple(count.packets for count in decisions), tuple(count.packets for count in found)
        )

    def since(self, before: _Tally) -> _Tally:
        decisions = zip(self.decisions, before.decisions, strict=True)
        found = zip(self.fib_results, before.fib_results, strict=True)
        return _Tally(tuple(a - b for a, b in decisions), tuple(a - b for a, b in found))


def prove(libbpf: Libbpf, candidate: Router, ports: Iterable[Port]) -> int:
    """Try the candidate, whose maps nobody else uses, and return the number of test runs.

    Raises RefusedError, or BpfError where the kernel does not run it.
    """
    trials = [*_fixed_trials(), *(trial for port in ports for trial in _live_trials(port))]
    routers = {LOOPBACK: RoutedBy(LOOPBACK, _NO_MAC)}
    routers |= {port.index: port.routed_by for port in ports}
    for index, routed_by in routers.items():
        set_port(libbpf, candidate, index, routed_by)
    before = _Tally.read(libbpf, candidate)
    for trial in trials:
        result = libbpf.test_run(candidate.descriptor, trial.frame, trial.index)
        after = _Tally.read(libbpf, candidate)
        fault = _fault(trial, result, after.since(before))
        if fault:
            raise RefusedError(f"{trial.name}: {fault}")
        before = after
    clear_counts(libbpf, candidate)
    for index in routers:
        clear_port(libbpf, candidate, index)
    return len(trials)


def _fault(trial: _Trial, result: TestRun, tally: _Tally) -> str:
    """Return what is wrong with a result, or nothing."""
    if result.action not in {TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_UNSPEC}:
        return f"answered with {result.action}, which is none of redirect, drop and pass"
    redirected = result.action == TC_ACT_REDIRECT
    left = result.frame[frames.BEHIND_ADDRESSES] if redirected else result.frame
    if left != (routed(trial.frame) if redirected else trial.frame):
        return f"left the frame as {result.frame[:64].hex()}"
    if sum(tally.decisions) != 1:
        return f"counted the frame {sum(tally.decisions)} times"
    decision = tally.decisions.index(1)
    told: dict[int, int] = {
        Decision.FORWARDED: TC_ACT_REDIRECT,
        Decision.DROPPED_BLACKHOLE: TC_ACT_SHOT,
    }
    if result.action != told.get(decision, TC_ACT_UNSPEC):
        return f"answered with {result.action} but counted {_label(decision)}"
    if tally.fib_results[FibResult.SUCCESS] and decision != Decision.FORWARDED:
        return f"found a route but counted {_label(decision)}"
    if trial.expected is not None and decision != trial.expected:
        return f"counted {_label(decision)} instead of {trial.expected.name.lower()}"
    return ""


def _label(decision: int) -> str:
    return Decision(decision).name.lower() if decision in set(Decision) else f"slot {decision}"


def _fixed_trials() -> list[_Trial]:
    """What must be passed before any table is asked, on the loopback interface."""
    good4 = ipv4(_SOURCE4, _TARGET4, udp(bytes(32)))
    good6 = ipv6(_SOURCE6, _TARGET6, udp(bytes(32)))
    tag = (5).to_bytes(2) + frames.IPV4.to_bytes(2)
    decision = Decision

    def trial(name: str, expected: Decision, ethertype: int, packet: bytes) -> _Trial:
        return _Trial(name, ethernet(_NO_MAC, ethertype, packet), expected=expected)

    return [
        trial("ARP", decision.PASSED_NOT_IP, frames.ARP, bytes(28)),
        trial("a tagged frame", decision.PASSED_TAGGED, frames.VLAN, tag + good4),
        _Trial(
            "a frame for another",
            ethernet(frames.SOURCE_MAC, frames.IPV4, good4),
            expected=decision.PASSED_NOT_FOR_ROUTER,
        ),
        _Trial(
            "a broadcast",
            ethernet(b"\xff" * 6, frames.IPV4, good4),
            expected=decision.PASSED_NOT_FOR_ROUTER,
        ),
        trial("half an IPv4 packet", decision.PASSED_MALFORMED, frames.IPV4, good4[:24]),
        trial("half an IPv6 packet", decision.PASSED_MALFORMED, frames.IPV6, good6[:44]),
        trial(
            "IPv4 options",
            decision.PASSED_OPTIONS,
            frames.IPV4,
            ipv4(_SOURCE4, _TARGET4, options=b"\x94\x04\0\0"),
        ),
        trial(
            "IPv6 hop-by-hop options",
            decision.PASSED_OPTIONS,
            frames.IPV6,
            ipv6(_SOURCE6, _TARGET6, bytes(8), following=0),
        ),
        trial(
            "IPv4 with TTL 1",
            decision.PASSED_TTL_EXPIRED,
            frames.IPV4,
            ipv4(_SOURCE4, _TARGET4, udp(), ttl=1),
        ),
        trial(
            "IPv6 with hop limit 1",
            decision.PASSED_TTL_EXPIRED,
            frames.IPV6,
            ipv6(_SOURCE6, _TARGET6, udp(), hops=1),
        ),
        trial(
            "an IPv4 multicast",
            decision.PASSED_MARTIAN,
            frames.IPV4,
            ipv4(_SOURCE4, "224.0.0.5", udp()),
        ),
        trial(
            "a link-local IPv6 packet",
            decision.PASSED_MARTIAN,
            frames.IPV6,
            ipv6("fe80::1", "fe80::2", udp()),
        ),
    ]


def _live_trials(port: Port) -> list[_Trial]:
    """Packets to the destinations of a port's VRF, each small enough for any MTU."""
    trials = []
    for destination in port.destinations:
        # Not by the dot: Python 3.13 writes IPv4-mapped IPv6 addresses with dots.
        four = ":" not in destination
        packet = (
            ipv4(_SOURCE4, destination, udp(bytes(32)))
            if four
            else ipv6(_SOURCE6, destination, udp(bytes(32)))
        )
        frame = ethernet(port.routed_by.mac, frames.IPV4 if four else frames.IPV6, packet)
        trials.append(_Trial(f"{port.name} to {destination}", frame, port.index))
    return trials
