# SPDX-License-Identifier: Apache-2.0
"""Frames for test runs, and what a router makes of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.bpf_guardian import frames
from netop.bpf_guardian.frames import (
    BEHIND_ADDRESSES,
    checksum,
    ethernet,
    ipv4,
    ipv6,
    routed,
    udp,
)

TO = bytes.fromhex("020000000001")


def test_checksum_of_the_rfc() -> None:
    """RFC 1071, section 3."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def changed(frame: bytes, after: bytes) -> set[int]:
    """Where the two differ, counted from behind the MAC addresses."""
    before = frame[BEHIND_ADDRESSES]
    assert len(before) == len(after)
    return {at for at in range(len(before)) if before[at] != after[at]}


@settings(max_examples=100, deadline=None)
@given(ttl=st.integers(2, 255), payload=st.binary(max_size=100), tos=st.integers(0, 255))
def test_routed_ipv4_lost_one_hop_and_sums_up(ttl: int, payload: bytes, tos: int) -> None:
    frame = ethernet(TO, frames.IPV4, ipv4("10.0.0.1", "10.1.0.1", udp(payload), ttl=ttl, tos=tos))
    after = routed(frame)

    assert after is not None
    assert after[10] == ttl - 1
    assert checksum(after[2:22]) == 0
    assert changed(frame, after) <= {10, 12, 13}


@settings(max_examples=100, deadline=None)
@given(hops=st.integers(2, 255), payload=st.binary(max_size=100))
def test_routed_ipv6_lost_one_hop_and_nothing_else(hops: int, payload: bytes) -> None:
    frame = ethernet(TO, frames.IPV6, ipv6("fd00::1", "fd00::2", udp(payload), hops=hops))
    after = routed(frame)

    assert after is not None
    assert changed(frame, after) == {9}


def test_nothing_is_routed_that_is_too_old_or_no_packet() -> None:
    assert routed(ethernet(TO, frames.IPV4, ipv4("10.0.0.1", "10.1.0.1", ttl=1))) is None
    assert routed(ethernet(TO, frames.IPV6, ipv6("fd00::1", "fd00::2", hops=1))) is None
    assert routed(ethernet(TO, frames.ARP, bytes(28))) is None
