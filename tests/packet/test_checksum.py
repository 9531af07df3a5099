# SPDX-License-Identifier: Apache-2.0
"""A checksum over the whole packet, which came with it, goes on being right.

Network cards may give one (CHECKSUM_COMPLETE), and the kernel makes one of a VXLAN packet's
own. Whoever receives the packet in the end believes it, or logs "hw csum failure".
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator

import pytest
from bcc import BPF

from netop.bpf_guardian import filters, frames
from netop.bpf_guardian.decisions import Decision
from netop.bpf_guardian.frames import ethernet, ipv4, ipv6, udp
from netop.bpf_guardian.program import RoutedBy, clear_port, set_port
from netop.bpf_guardian.rtnetlink import Rtnetlink
from tests.packet.conftest import Bench
from tests.packet.namespace import run
from tests.packet.test_arrival import arrival, attached
from tests.packet.test_decisions import IN, packet4

TUNNEL = bytes.fromhex("020000000006")
VNI = 7
NOT_THERE = -524  # ENOTSUPP of the kernel
PAYLOAD = udp(bytes(range(1, 34)))  # of odd length

# The helper leaves the checksum as it is, adding nothing, and returns it; or an error
# where there is none over the whole packet.
PROBE = rb"""
#include <uapi/linux/pkt_cls.h>

BPF_HASH(seen, __u16, __s64);

int probe(struct __sk_buff *skb)
{
	__u16 protocol = skb->protocol;
	__s64 sum = bpf_csum_update(skb, 0);

	seen.update(&protocol, &sum);
	return TC_ACT_UNSPEC;
}
"""


@pytest.fixture
def tunnel(bench: Bench) -> Iterator[None]:
    """A VXLAN that the router routes."""
    run(
        f"""
        link add tunnel address 02:00:00:00:00:06 type vxlan id {VNI} dstport 4789 local 192.168.1.1
        link set tunnel up
        """
    )
    index = socket.if_nametoindex("tunnel")
    set_port(bench.libbpf, bench.router, index, RoutedBy(index, TUNNEL))
    try:
        with attached(bench, "tunnel"):
            yield
    finally:
        clear_port(bench.libbpf, bench.router, index)
        run("link del tunnel")


@pytest.fixture
def probe() -> Iterator[BPF]:
    """What looks at frames behind `out`."""
    program = BPF(text=PROBE)
    rtnetlink, index = Rtnetlink(), socket.if_nametoindex("out-peer")
    loaded = program.load_func(b"probe", BPF.SCHED_CLS)
    assert not filters.attach(rtnetlink, [index], loaded.fd).refused
    yield program
    filters.detach(rtnetlink, [index])


def in_vxlan(frame: bytes) -> bytes:
    """Wrap a frame in VXLAN, in UDP with a checksum (RFC 7348)."""
    body = struct.pack("!II", 0x08 << 24, VNI << 8) + frame
    datagram = bytearray(udp(body, destination=4789))
    source, destination = "192.168.1.9", "192.168.1.1"
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    pseudo = addresses + struct.pack("!HH", frames.UDP, len(datagram))
    datagram[6:8] = struct.pack("!H", frames.checksum(pseudo + datagram))
    return ethernet(IN, frames.IPV4, ipv4(source, destination, bytes(datagram)))


@pytest.mark.parametrize("hops", [2, 64, 255])
@pytest.mark.parametrize("family", [frames.IPV4, frames.IPV6])
@pytest.mark.usefixtures("tunnel")
def test_a_checksum_over_the_whole_packet_stays_right(
    bench: Bench, probe: BPF, family: int, hops: int
) -> None:
    if family == frames.IPV4:
        inner = ethernet(TUNNEL, family, ipv4("10.0.0.1", "10.1.2.3", PAYLOAD))
        inner = packet4(inner, {8: hops})
    else:
        inner = ethernet(TUNNEL, family, ipv6("fd00:c::1", "fd00:11::3", PAYLOAD, hops=hops))
    got = arrival(in_vxlan(inner), inner)
    assert bench.decisions()[Decision.FORWARDED].packets == 1
    told = probe[b"seen"][ctypes.c_uint16(socket.htons(family))].value
    assert told != NOT_THERE, "no checksum over the whole packet came through"
    # In the kernel it is a sum of words in the order of its processor.
    right = socket.htons(~frames.checksum(got[14:]) & 0xFFFF)
    assert (told & 0xFFFFFFFF) % 0xFFFF == right % 0xFFFF
