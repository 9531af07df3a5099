# SPDX-License-Identifier: Apache-2.0
"""Each decision of the program, in both families, and what it counts."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

import pytest

from netop.bpf_guardian import frames
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.frames import (
    ADDRESSES,
    BEHIND_ADDRESSES,
    ethernet,
    ipv4,
    ipv6,
    routed,
    udp,
)
from netop.bpf_guardian.program import (
    LAYOUTS,
    TC_ACT_REDIRECT,
    TC_ACT_SHOT,
    TC_ACT_UNSPEC,
    RoutedBy,
    clear_port,
    read_ports,
    set_port,
)
from tests.packet.conftest import Bench

IN = bytes.fromhex("020000000001")
BRIDGE = bytes.fromhex("020000000003")
BRIDGE_PORT = bytes.fromhex("020000000004")
DEAF = bytes.fromhex("020000000005")
STRANGER = bytes.fromhex("02000000ffff")
BROADCAST = b"\xff" * 6

TENANT4, TENANT6 = "192.168.1.7", "fd00:a::7"


def frame4(destination: str, length: int = 64, to: bytes = IN, source: str = TENANT4) -> bytes:
    """An IPv4 frame whose packet is `length` bytes long."""
    return ethernet(to, frames.IPV4, ipv4(source, destination, udp(bytes(length - 28))))


def frame6(destination: str, length: int = 64, to: bytes = IN, source: str = TENANT6) -> bytes:
    """An IPv6 frame whose packet is `length` bytes long."""
    return ethernet(to, frames.IPV6, ipv6(source, destination, udp(bytes(length - 48))))


@dataclass(frozen=True)
class Case:
    """A frame, where it arrives, and what must become of it."""

    name: str
    frame: bytes
    decision: Decision
    fib: FibResult | None = None
    interface: str = "in"
    gso_size: int = 0


def packet4(frame: bytes, change: dict[int, int]) -> bytes:
    """Return the frame with bytes of its packet changed, and the IPv4 checksum right again."""
    body = bytearray(frame)
    for offset, value in change.items():
        body[14 + offset] = value
    body[24:26] = b"\0\0"
    body[24:26] = struct.pack("!H", frames.checksum(bytes(body[14:34])))
    return bytes(body)


def vlan(frame: bytes, ethertype: int) -> bytes:
    return frame[:12] + struct.pack("!HH", ethertype, 5) + frame[12:]


def tcp(payload: int, words: int = 5) -> bytes:
    return bytes(12) + bytes([words << 4]) + bytes(words * 4 - 13) + bytes(payload)


D, F = Decision, FibResult
GOOD4, GOOD6 = frame4("10.1.2.3"), frame6("fd00:11::3")
GSO_TCP4 = ethernet(IN, frames.IPV4, ipv4(TENANT4, "10.1.2.3", tcp(3000, 8), protocol=6))
GSO_TCP6 = ethernet(IN, frames.IPV6, ipv6(TENANT6, "fd00:11::3", tcp(3000, 8), following=6))
GSO_SCTP4 = ethernet(IN, frames.IPV4, ipv4(TENANT4, "10.1.2.3", bytes(3000), protocol=132))
GSO_SCTP6 = ethernet(IN, frames.IPV6, ipv6(TENANT6, "fd00:11::3", bytes(3000), following=132))

FORWARDED = [
    Case("ipv4", GOOD4, D.FORWARDED, F.SUCCESS),
    Case("ipv6", GOOD6, D.FORWARDED, F.SUCCESS),
    Case("ipv4-over-ipv6-next-hop", frame4("10.2.0.9"), D.FORWARDED, F.SUCCESS),
    Case("ipv4-on-link", frame4("192.168.2.2"), D.FORWARDED, F.SUCCESS),
    Case("ipv6-on-link", frame6("fd00:b::2"), D.FORWARDED, F.SUCCESS),
    Case("ipv4-gateway-not-resolved-yet", frame4("10.3.0.1"), D.FORWARDED, F.NO_NEIGHBOUR),
    Case("ipv6-gateway-not-resolved-yet", frame6("fd00:13::1"), D.FORWARDED, F.NO_NEIGHBOUR),
    Case("ipv4-just-fits", frame4("10.1.2.3", 1500), D.FORWARDED, F.SUCCESS),
    Case("ipv6-just-fits", frame6("fd00:11::3", 1500), D.FORWARDED, F.SUCCESS),
    Case("ipv4-just-fits-route", frame4("10.4.0.1", 1300), D.FORWARDED, F.SUCCESS),
    Case("ipv6-just-fits-route", frame6("fd00:14::1", 1300), D.FORWARDED, F.SUCCESS),
    Case("ipv4-padded", frame4("10.1.2.3", 28), D.FORWARDED, F.SUCCESS),
    Case("ipv4-two-hops", frame4("10.9.0.1"), D.FORWARDED, F.SUCCESS),
    Case("ipv4-ttl-2", packet4(GOOD4, {8: 2}), D.FORWARDED, F.SUCCESS),
    Case("ipv4-ttl-255", packet4(GOOD4, {8: 255}), D.FORWARDED, F.SUCCESS),
    Case("ipv4-first-fragment", packet4(GOOD4, {6: 0x20}), D.FORWARDED, F.SUCCESS),
    Case("ipv4-later-fragment", packet4(GOOD4, {7: 0x10}), D.FORWARDED, F.SUCCESS),
    Case("ipv4-dont-fragment", packet4(GOOD4, {6: 0x40}), D.FORWARDED, F.SUCCESS),
    Case("ipv4-class-a-top", frame4("10.1.255.255"), D.FORWARDED, F.SUCCESS),
    Case("ipv4-tcp-segments-fit", GSO_TCP4, D.FORWARDED, F.SUCCESS, gso_size=1448),
    Case("ipv6-tcp-segments-fit", GSO_TCP6, D.FORWARDED, F.SUCCESS, gso_size=1428),
]

DROPPED = [
    Case("ipv4-blackhole", frame4("10.5.0.1"), D.DROPPED_BLACKHOLE, F.BLACKHOLE),
    Case("ipv6-blackhole", frame6("fd00:15::1"), D.DROPPED_BLACKHOLE, F.BLACKHOLE),
]

PASSED = [
    Case("arp", ethernet(BROADCAST, frames.ARP, bytes(28)), D.PASSED_NOT_IP),
    Case("mpls", ethernet(IN, 0x8847, bytes(60)), D.PASSED_NOT_IP),
    Case("llc", ethernet(IN, 0x0026, bytes(60)), D.PASSED_NOT_IP),
    Case("vlan", vlan(GOOD4, 0x8100), D.PASSED_TAGGED),
    Case("vlan-ad", vlan(GOOD6, 0x88A8), D.PASSED_TAGGED),
    Case("stranger-ipv4", frame4("10.1.2.3", to=STRANGER), D.PASSED_NOT_FOR_ROUTER),
    Case("stranger-ipv6", frame6("fd00:11::3", to=STRANGER), D.PASSED_NOT_FOR_ROUTER),
    Case(
        "stranger-on-bridge-port",
        frame4("10.1.2.3", to=STRANGER),
        D.PASSED_NOT_FOR_ROUTER,
        interface="port",
    ),
    Case("broadcast-ipv4", frame4("10.1.2.3", to=BROADCAST), D.PASSED_NOT_FOR_ROUTER),
    Case("multicast-ipv6", frame6("fd00:11::3", to=b"33\0\0\0\1"), D.PASSED_NOT_FOR_ROUTER),
    Case(
        "unknown-port",
        frame4("10.1.2.3", to=bytes.fromhex("020000000002")),
        D.PASSED_UNKNOWN_PORT,
        interface="out",
    ),
    Case("ipv4-is-version-6", packet4(GOOD4, {0: 0x65}), D.PASSED_MALFORMED),
    Case("ipv6-is-version-4", GOOD6[:14] + b"\x45" + GOOD6[15:], D.PASSED_MALFORMED),
    Case("ipv4-short-header", packet4(GOOD4, {0: 0x44}), D.PASSED_MALFORMED),
    Case("ipv4-checksum", GOOD4[:24] + b"\xbe\xef" + GOOD4[26:], D.PASSED_MALFORMED),
    Case("ipv4-longer-than-frame", packet4(GOOD4, {3: 65}), D.PASSED_MALFORMED),
    Case("ipv4-shorter-than-header", packet4(GOOD4, {3: 19}), D.PASSED_MALFORMED),
    Case("ipv4-trailer", GOOD4 + bytes(30), D.PASSED_MALFORMED),
    Case("ipv6-longer-than-frame", GOOD6[:19] + b"\xff" + GOOD6[20:], D.PASSED_MALFORMED),
    Case("ipv6-trailer", GOOD6 + bytes(30), D.PASSED_MALFORMED),
    Case(
        "ipv4-router-alert",
        ethernet(IN, frames.IPV4, ipv4(TENANT4, "10.1.2.3", udp(), options=b"\x94\x04\0\0")),
        D.PASSED_OPTIONS,
    ),
    Case(
        "ipv6-hop-by-hop",
        ethernet(IN, frames.IPV6, ipv6(TENANT6, "fd00:11::3", bytes(32), following=0)),
        D.PASSED_OPTIONS,
    ),
    Case("ipv4-ttl-1", packet4(GOOD4, {8: 1}), D.PASSED_TTL_EXPIRED),
    Case("ipv4-ttl-0", packet4(GOOD4, {8: 0}), D.PASSED_TTL_EXPIRED),
    Case("ipv6-hops-1", GOOD6[:21] + b"\x01" + GOOD6[22:], D.PASSED_TTL_EXPIRED),
    Case("ipv6-hops-0", GOOD6[:21] + b"\x00" + GOOD6[22:], D.PASSED_TTL_EXPIRED),
    *(
        Case(f"ipv4-from-{source}", frame4("10.1.2.3", source=source), D.PASSED_MARTIAN)
        for source in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.3.3", "224.0.0.5", "240.0.0.1")
    ),
    *(
        Case(f"ipv4-to-{destination}", frame4(destination), D.PASSED_MARTIAN)
        for destination in ("0.0.0.0", "127.8.8.8", "169.254.1.1", "239.1.1.1", "255.255.255.255")
    ),
    *(
        Case(f"ipv6-from-{source}", frame6("fd00:11::3", source=source), D.PASSED_MARTIAN)
        for source in ("::", "::1", "::ffff:10.0.0.1", "fe80::5", "ff02::1")
    ),
    *(
        Case(f"ipv6-to-{destination}", frame6(destination), D.PASSED_MARTIAN)
        for destination in ("::1", "fe80::5", "ff02::1", "ff0e::7", "::ffff:10.0.0.1")
    ),
    Case("ipv4-gso-sctp", GSO_SCTP4, D.PASSED_SEGMENTS, gso_size=1400),
    Case("ipv6-gso-sctp", GSO_SCTP6, D.PASSED_SEGMENTS, gso_size=1400),
    Case("ipv4-unreachable", frame4("10.6.0.1"), D.PASSED_UNREACHABLE, F.UNREACHABLE),
    Case("ipv6-unreachable", frame6("fd00:16::1"), D.PASSED_UNREACHABLE, F.UNREACHABLE),
    Case("ipv4-prohibit", frame4("10.7.0.1"), D.PASSED_PROHIBITED, F.PROHIBIT),
    Case("ipv6-prohibit", frame6("fd00:17::1"), D.PASSED_PROHIBITED, F.PROHIBIT),
    Case("ipv4-no-route", frame4("172.16.0.1"), D.PASSED_NOT_FORWARDED, F.NOT_FORWARDED),
    Case("ipv6-no-route", frame6("fd99::1"), D.PASSED_NOT_FORWARDED, F.NOT_FORWARDED),
    Case(
        "ipv4-forwarding-off",
        frame4("10.1.2.3", to=DEAF),
        D.PASSED_FORWARDING_OFF,
        F.FORWARDING_DISABLED,
        interface="deaf",
    ),
    Case(
        "ipv6-forwarding-off",
        frame6("fd00:11::3", to=DEAF),
        D.PASSED_FORWARDING_OFF,
        F.FORWARDING_DISABLED,
        interface="deaf",
    ),
    Case("ipv4-tunnel", frame4("10.8.0.1"), D.PASSED_ENCAPSULATION, F.UNSUPPORTED_TUNNEL),
    Case("ipv6-tunnel", frame6("fd00:18::1"), D.PASSED_ENCAPSULATION, F.UNSUPPORTED_TUNNEL),
    Case("ipv4-deaf-host", frame4("192.168.2.77"), D.PASSED_NO_NEIGHBOUR, F.NO_NEIGHBOUR),
    Case("ipv6-deaf-host", frame6("fd00:b::77"), D.PASSED_NO_NEIGHBOUR, F.NO_NEIGHBOUR),
    Case("ipv4-too-big", frame4("10.1.2.3", 1501), D.PASSED_TOO_BIG, F.FRAGMENTATION_NEEDED),
    Case("ipv6-too-big", frame6("fd00:11::3", 1501), D.PASSED_TOO_BIG, F.FRAGMENTATION_NEEDED),
    Case("ipv4-too-big-route", frame4("10.4.0.1", 1301), D.PASSED_TOO_BIG, F.FRAGMENTATION_NEEDED),
    Case(
        "ipv6-too-big-route", frame6("fd00:14::1", 1301), D.PASSED_TOO_BIG, F.FRAGMENTATION_NEEDED
    ),
    Case(
        "ipv4-tcp-segments-too-big",
        GSO_TCP4,
        D.PASSED_TOO_BIG,
        F.FRAGMENTATION_NEEDED,
        gso_size=1449,
    ),
    Case(
        "ipv6-tcp-segments-too-big",
        GSO_TCP6,
        D.PASSED_TOO_BIG,
        F.FRAGMENTATION_NEEDED,
        gso_size=1429,
    ),
]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def assert_counted(bench: Bench, case: Case) -> None:
    counted = bench.decisions()
    assert list(counted) == [case.decision]
    assert (counted[case.decision].packets, counted[case.decision].bytes) == (1, len(case.frame))
    assert bench.fib_results() == ({} if case.fib is None else {case.fib: 1})


@each(FORWARDED)
def test_routable_packet_loses_one_hop_and_nothing_else(bench: Bench, case: Case) -> None:
    result = bench.run(case.frame, case.interface, case.gso_size)

    assert result.action == TC_ACT_REDIRECT
    assert result.frame[BEHIND_ADDRESSES] == routed(case.frame)
    assert_counted(bench, case)


@each(DROPPED)
def test_blackhole_swallows(bench: Bench, case: Case) -> None:
    result = bench.run(case.frame, case.interface, case.gso_size)

    assert result.action == TC_ACT_SHOT
    assert_counted(bench, case)


@each(PASSED)
def test_what_is_not_ours_to_decide_is_passed_untouched(bench: Bench, case: Case) -> None:
    result = bench.run(case.frame, case.interface, case.gso_size)

    assert result.action == TC_ACT_UNSPEC
    assert result.frame == case.frame
    assert_counted(bench, case)


@pytest.mark.parametrize("to", [BRIDGE_PORT, BRIDGE], ids=["port", "bridge"])
def test_bridge_port_is_routed_by_its_bridge(bench: Bench, to: bytes) -> None:
    """As a VXLAN port is: the lookup asks the bridge, whose master is the VRF, and the
    router's address is the bridge's.
    """
    for frame in (frame4("10.1.2.3", to=to), frame6("fd00:11::3", to=to)):
        assert bench.run(frame, "port").frame[BEHIND_ADDRESSES] == routed(frame)
    assert {decision: count.packets for decision, count in bench.decisions().items()} == {
        Decision.FORWARDED: 2
    }


def test_the_addresses_are_those_that_the_kernel_will_write(bench: Bench) -> None:
    """Where the next hop is resolved; or a checksum over the whole packet would not fit."""
    next_hop, out = bytes.fromhex("020000000102"), bytes.fromhex("020000000002")
    for frame in (frame4("10.1.2.3"), frame4("10.2.2.3"), frame6("fd00:11::3")):
        assert bench.run(frame).frame[ADDRESSES] == next_hop + out
    for frame in (frame4("10.3.2.3"), frame6("fd00:13::3")):
        result = bench.run(frame)
        assert result.action == TC_ACT_REDIRECT
        assert result.frame[ADDRESSES] == frame[ADDRESSES]


def test_a_next_hop_with_a_groups_address_is_left_to_the_kernel(bench: Bench) -> None:
    """It drops what is redirected with such an address in the frame (__bpf_redirect_neigh)."""
    for frame in (frame4("192.168.2.4"), frame6("fd00:b::4")):
        result = bench.run(frame)
        assert result.action == TC_ACT_REDIRECT
        assert result.frame[ADDRESSES] == frame[ADDRESSES]


def test_maps_are_laid_out_as_the_guardian_reads_them(bench: Bench) -> None:
    maps = bench.router.maps.values()

    assert {map_.name: bench.libbpf.map_info(map_.descriptor).layout for map_ in maps} == LAYOUTS


def test_ports_that_share_a_slot_are_all_routed(bench: Bench) -> None:
    """`near_port` has one place for them; only the latest is found there."""
    here = socket.if_nametoindex("in")
    other = here + 1024
    frame = frame4("10.1.0.7")
    set_port(bench.libbpf, bench.router, other, RoutedBy(here, IN))
    assert bench.run(frame).action == TC_ACT_REDIRECT
    clear_port(bench.libbpf, bench.router, other)
    assert bench.run(frame).action == TC_ACT_REDIRECT
    clear_port(bench.libbpf, bench.router, here)
    assert bench.run(frame).action == TC_ACT_UNSPEC
    assert read_ports(bench.libbpf, bench.router).keys().isdisjoint({here, other})
    set_port(bench.libbpf, bench.router, here, RoutedBy(here, IN))
    clear_port(bench.libbpf, bench.router, other)
    assert bench.run(frame).action == TC_ACT_REDIRECT
    assert bench.decisions()[Decision.PASSED_UNKNOWN_PORT].packets == 1


def test_every_decision_has_a_case() -> None:
    """But for two, which need a kernel that fails: a lookup error and a refused write."""
    tried = {case.decision for case in (*FORWARDED, *DROPPED, *PASSED)}

    assert set(Decision) - tried == {D.PASSED_LOOKUP_FAILED, D.PASSED_UNWRITABLE}
