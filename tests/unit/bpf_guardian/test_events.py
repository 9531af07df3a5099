# SPDX-License-Identifier: Apache-2.0
"""Reading which interfaces changed from the headers of events."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.bpf_guardian.events import changed_indexes


def event(kind: int, index: int, rest: bytes = b"") -> bytes:
    body = bytes(4) + struct.pack("=i", index) + rest
    message = struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
    return message + bytes(-len(message) % 4)


@pytest.mark.parametrize("kind", [16, 17, 36, 37, 44, 45])
def test_links_qdiscs_and_filters_are_told(kind: int) -> None:
    assert changed_indexes(event(kind, 7)) == {7}


@pytest.mark.parametrize("kind", [20, 24, 28, 2, 3])
def test_addresses_routes_neighbours_and_control_messages_are_not(kind: int) -> None:
    assert changed_indexes(event(kind, 7)) == set()


def test_one_datagram_may_hold_several() -> None:
    data = event(16, 7, b"abc") + event(24, 8) + event(45, 9)

    assert changed_indexes(data) == {7, 9}


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 60))
def test_no_bytes_are_too_odd(data: bytes, cut: int) -> None:
    changed_indexes(data)
    changed_indexes((event(16, 7) + event(45, 9))[:cut] + data)
