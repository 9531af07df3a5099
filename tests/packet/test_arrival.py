# SPDX-License-Identifier: Apache-2.0
"""What leaves the node: a test run of the program ends before the kernel sends the frame."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netop.bpf_guardian import filters, frames
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.rtnetlink import Rtnetlink
from tests.packet.conftest import Bench
from tests.packet.test_decisions import FORWARDED, Case, frame4, frame6

PATIENCE = 10.0  # seconds; it takes microseconds
GROUP = [
    Case("ipv4-groups-address", frame4("192.168.2.4"), Decision.FORWARDED, FibResult.SUCCESS),
    Case("ipv6-groups-address", frame6("fd00:b::4"), Decision.FORWARDED, FibResult.SUCCESS),
]
SENT = [
    case
    for case in (*FORWARDED, *GROUP)
    if case.fib is FibResult.SUCCESS and case.interface == "in" and not case.gso_size
]


@contextmanager
def attached(bench: Bench, interface: str = "in") -> Iterator[None]:
    rtnetlink, index = Rtnetlink(), socket.if_nametoindex(interface)
    assert not filters.attach(rtnetlink, [index], bench.router.descriptor).refused
    try:
        yield
    finally:
        filters.detach(rtnetlink, [index])


def listening(interface: str) -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    found.bind((interface, 0))
    found.settimeout(PATIENCE)
    return found


def packet(frame: bytes) -> tuple[bytes, bytes]:
    """Return the frame without its padding, and where its packet goes."""
    if frame[12:14] == struct.pack("!H", frames.IPV4):
        return frame[: 14 + int.from_bytes(frame[16:18], "big")], frame[30:34]
    return frame[: 54 + int.from_bytes(frame[18:20], "big")], frame[38:54]


def arrival(frame: bytes, inner: bytes | None = None) -> bytes:
    """Send a frame to `in`, and return what arrives of it, or of the one in it, behind `out`."""
    sent, destination = packet(inner or frame)
    with listening("out-peer") as out, listening("in-peer") as sender:
        sender.send(frame)
        while True:
            got = out.recv(2000)
            if got[12:14] == sent[12:14] and packet(got)[1] == destination:
                return packet(got)[0]


@pytest.mark.parametrize("case", SENT, ids=[case.name for case in SENT])
def test_a_packet_leaves_as_the_kernel_alone_would_send_it(bench: Bench, case: Case) -> None:
    alone = arrival(case.frame)
    assert not bench.decisions()
    with attached(bench):
        routed = arrival(case.frame)
    assert bench.decisions()[Decision.FORWARDED].packets == 1
    assert routed == alone
