# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives: passed untouched, dropped for a counted reason, or routed and no more."""

from __future__ import annotations

import errno
import ipaddress
import struct

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from netop.bpf_guardian import frames
from netop.bpf_guardian.decisions import Decision
from netop.bpf_guardian.frames import BEHIND_ADDRESSES, ethernet, ipv4, ipv6, routed, udp
from netop.bpf_guardian.libbpf import BpfError, TestRun
from netop.bpf_guardian.program import TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_UNSPEC, clear_counts
from tests.packet.conftest import Bench

IN = bytes.fromhex("020000000001")
PROPERTY = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ROUTES4 = [f"10.{net}.0.7" for net in range(1, 10)] + ["192.168.2.2", "172.16.0.1", "192.168.1.1"]
ROUTES6 = [f"fd00:1{net}::7" for net in range(1, 9)] + ["fd00:b::2", "fd99::1", "fd00:a::1"]
addresses4 = st.one_of(st.sampled_from(ROUTES4), st.ip_addresses(v=4, network="0.0.0.0/0").map(str))
addresses6 = st.one_of(st.sampled_from(ROUTES6), st.ip_addresses(v=6, network="::/0").map(str))
octets = st.integers(0, 255)


@st.composite
def packets4(draw: st.DrawFn) -> bytes:
    return ipv4(
        draw(addresses4),
        draw(addresses4),
        draw(st.binary(max_size=1600)),
        ttl=draw(octets),
        protocol=draw(octets),
        options=draw(st.sampled_from([b"", b"", b"", b"\x94\x04\0\0"])),
        fragment=draw(st.integers(0, 0xFFFF)),
        tos=draw(octets),
    )


@st.composite
def packets6(draw: st.DrawFn) -> bytes:
    return ipv6(
        draw(addresses6),
        draw(addresses6),
        draw(st.binary(max_size=1600)),
        hops=draw(octets),
        following=draw(octets),
        flow=draw(st.integers(0, (1 << 28) - 1)),
    )


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame that was right until some of its bytes were changed, cut off or added."""
    family, packet = draw(
        st.one_of(
            packets4().map(lambda packet: (frames.IPV4, packet)),
            packets6().map(lambda packet: (frames.IPV6, packet)),
        )
    )
    frame = bytearray(ethernet(IN, family, packet))
    for _ in range(draw(st.integers(0, 3))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(octets)
    return bytes(frame[: draw(st.integers(14, len(frame)))]) + draw(st.binary(max_size=20))


def run(bench: Bench, frame: bytes, gso_size: int = 0) -> TestRun:
    clear_counts(bench.libbpf, bench.router)
    try:
        return bench.run(frame, gso_size=gso_size)
    except BpfError as error:
        # The kernel makes no packet of a frame that ends before its network header does.
        assume(error.errno != errno.EINVAL or len(frame) >= 14 + 40)
        raise


def assert_sound(bench: Bench, frame: bytes, result: TestRun) -> Decision:
    """Whatever the frame was: nothing corrupted, everything counted once, and by its reason."""
    counted = bench.decisions()
    assert len(counted) == 1
    (decision, count), *_ = counted.items()
    assert (count.packets, count.bytes) == (1, len(frame))
    if result.action == TC_ACT_REDIRECT:
        assert decision is Decision.FORWARDED
        assert result.frame[BEHIND_ADDRESSES] == routed(frame)
    else:
        assert result.frame == frame
        dropped = decision is Decision.DROPPED_BLACKHOLE
        assert result.action == (TC_ACT_SHOT if dropped else TC_ACT_UNSPEC)
        assert decision is not Decision.FORWARDED
    return decision


@PROPERTY
@given(frame=st.binary(min_size=14, max_size=2000))
def test_noise_is_passed_untouched(bench: Bench, frame: bytes) -> None:
    decision = assert_sound(bench, frame, run(bench, frame))

    assert decision is not Decision.FORWARDED or frame[:6] == IN


@PROPERTY
@given(frame=damaged(), gso_size=st.sampled_from([0, 0, 0, 1, 500, 1400, 9000]))
def test_damaged_packets_are_never_corrupted_further(
    bench: Bench, frame: bytes, gso_size: int
) -> None:
    assert_sound(bench, frame, run(bench, frame, gso_size))


@PROPERTY
@given(packet=packets4())
def test_ipv4_is_forwarded_exactly_when_a_router_would(bench: Bench, packet: bytes) -> None:
    frame = ethernet(IN, frames.IPV4, packet)
    decision = assert_sound(bench, frame, run(bench, frame))

    assert (decision is Decision.FORWARDED) == router_forwards_ipv4(packet)


@PROPERTY
@given(packet=packets6())
def test_ipv6_is_forwarded_exactly_when_a_router_would(bench: Bench, packet: bytes) -> None:
    frame = ethernet(IN, frames.IPV6, packet)
    decision = assert_sound(bench, frame, run(bench, frame))

    assert (decision is Decision.FORWARDED) == router_forwards_ipv6(packet)


@PROPERTY
@given(ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)), ttl=st.integers(2, 255))
def test_several_next_hops_never_stop_a_packet(
    bench: Bench, ports: tuple[int, int], ttl: int
) -> None:
    packet = ipv4("192.168.1.7", "10.9.0.1", udp(b"x", *ports), ttl=ttl)
    frame = ethernet(IN, frames.IPV4, packet)

    assert assert_sound(bench, frame, run(bench, frame)) is Decision.FORWARDED


# A second opinion on the network of conftest.py, in as few words as can be.
FORWARD4 = [ipaddress.ip_network(f"10.{net}.0.0/16") for net in (1, 2, 3, 9)]
FORWARD6 = [ipaddress.ip_network(f"fd00:{net}::/32") for net in (11, 13)]
SMALL4, SMALL6 = ipaddress.ip_network("10.4.0.0/16"), ipaddress.ip_network("fd00:14::/32")
HOSTS = {"192.168.2.2", "192.168.2.3", "fd00:b::2"}


def router_forwards_ipv4(packet: bytes) -> bool:
    source, destination = (ipaddress.IPv4Address(packet[at : at + 4]) for at in (12, 16))
    if packet[0] != 0x45 or packet[8] <= 1 or stays(source) or stays(destination):
        return False
    return goes(destination, len(packet), FORWARD4, SMALL4)


def router_forwards_ipv6(packet: bytes) -> bool:
    source, destination = (ipaddress.IPv6Address(packet[at : at + 16]) for at in (8, 24))
    if packet[6] == 0 or packet[7] <= 1 or stays(source) or stays(destination):
        return False
    return goes(destination, len(packet), FORWARD6, SMALL6)


def stays(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_multicast or address.is_link_local or int(address) >> 48 == 0
    first = struct.unpack("!B", address.packed[:1])[0]
    return first in {0, 127} or first >= 224 or address.is_link_local


def goes(
    destination: ipaddress.IPv4Address | ipaddress.IPv6Address,
    length: int,
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    small: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    if destination in small:
        return length <= 1300
    routable = str(destination) in HOSTS or any(destination in network for network in networks)
    return routable and length <= 1500
