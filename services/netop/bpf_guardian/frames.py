# SPDX-License-Identifier: Apache-2.0
"""Frames as bytes: made for test runs, and as a router must leave them behind."""

from __future__ import annotations

import ipaddress
import struct

ETHERNET_HEADER = 14
ADDRESSES = slice(0, 12)
BEHIND_ADDRESSES = slice(12, None)
IPV4 = 0x0800
ARP = 0x0806
VLAN = 0x8100
IPV6 = 0x86DD
UDP = 17
TCP = 6

_IPV4_TTL = ETHERNET_HEADER + 8
_IPV4_CHECKSUM = ETHERNET_HEADER + 10
_IPV6_HOPS = ETHERNET_HEADER + 7

SOURCE_MAC = bytes.fromhex("02005e000001")


def checksum(data: bytes) -> int:
    """Return the Internet checksum of `data` (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(destination: bytes, ethertype: int, payload: bytes) -> bytes:
    """Return a frame from a neighbour to `destination`, padded to Ethernet's least length."""
    frame = destination + SOURCE_MAC + struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0")


def ipv4(
    source: str,
    destination: str,
    payload: bytes = b"",
    *,
    ttl: int = 64,
    protocol: int = UDP,
    options: bytes = b"",
    fragment: int = 0,
    tos: int = 0,
) -> bytes:
    """Return an IPv4 packet with a right checksum; `fragment` is flags and offset."""
    length = 20 + len(options) + len(payload)
    words = 5 + len(options) // 4
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    start = struct.pack("!BBHHHBB", 0x40 | words, tos, length, 0, fragment, ttl, protocol)
    right = checksum(start + b"\0\0" + addresses + options)
    return start + struct.pack("!H", right) + addresses + options + payload


def ipv6(
    source: str,
    destination: str,
    payload: bytes = b"",
    *,
    hops: int = 64,
    following: int = UDP,
    flow: int = 0,
) -> bytes:
    """Return an IPv6 packet; `flow` is traffic class and flow label."""
    return (
        struct.pack("!IHBB", 6 << 28 | flow, len(payload), following, hops)
        + ipaddress.IPv6Address(source).packed
        + ipaddress.IPv6Address(destination).packed
        + payload
    )


def udp(payload: bytes = b"", source: int = 40000, destination: int = 9) -> bytes:
    """Return a UDP datagram without a checksum."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def routed(frame: bytes) -> bytes | None:
    """Return the frame as a router sends it on, from behind its MAC addresses, which become
    those of the next hop: lifetime lowered by one and the checksum with it. None where no
    router may.
    """
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    changed = bytearray(frame)
    if ethertype == IPV4 and len(frame) >= ETHERNET_HEADER + 20:
        if frame[_IPV4_TTL] <= 1:
            return None
        changed[_IPV4_TTL] -= 1
        struct.pack_into("!H", changed, _IPV4_CHECKSUM, 0)
        right = checksum(bytes(changed[ETHERNET_HEADER : ETHERNET_HEADER + 20]))
        struct.pack_into("!H", changed, _IPV4_CHECKSUM, right)
        return bytes(changed[BEHIND_ADDRESSES])
    if ethertype == IPV6 and len(frame) >= ETHERNET_HEADER + 40:
        if frame[_IPV6_HOPS] <= 1:
            return None
        changed[_IPV6_HOPS] -= 1
        return bytes(changed[BEHIND_ADDRESSES])
    return None
