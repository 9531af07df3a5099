# SPDX-License-Identifier: Apache-2.0
"""Netlink messages and attributes as bytes (netlink(7), rtnetlink(7)).

By hand, because making a link takes twenty messages and looking at it one with sixty
attributes: pyroute2 spends fifteen times as long on them as the kernel (docs/benchmarks.md).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Container, Iterator

from netop.common.netlink import NLM_F_REQUEST
from netop.netlink_reconciler.uapi import HEADER

Attributes = dict[int, bytes]

_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=HHI")
_TYPE = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER


def request(kind: int, flags: int, body: bytes, *attributes: bytes) -> bytes:
    """Return a message without sequence number; `body` is the structure of its kind."""
    content = body + b"".join(attributes)
    return HEADER.pack(HEADER.size + len(content), kind, NLM_F_REQUEST | flags, 0, 0) + content


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute of any value, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length & 3)


def number(kind: int, value: int) -> bytes:
    """Return an attribute of 32 bits."""
    return _NUMBER.pack(_NUMBER.size, kind, value)


def byte(kind: int, value: int) -> bytes:
    """Return an attribute of 8 bits."""
    return attribute(kind, bytes((value,)))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that is text, with its NUL."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind, b"".join(attributes))


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield kind, flags, sequence number and all bytes of each message in `data`."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3


def walk(data: bytes, offset: int = 0, wanted: Container[int] | None = None) -> Attributes:
    """Return the attributes in `data`, or those `wanted`, by kind; of two, the last."""
    found: Attributes = {}
    last = len(data) - _ATTRIBUTE.size
    unpack = _ATTRIBUTE.unpack_from
    while offset <= last:
        length, kind = unpack(data, offset)
        if length < 4:
            break
        kind &= _TYPE
        if wanted is None or kind in wanted:
            found[kind] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def number_in(attributes: Attributes, kind: int) -> int | None:
    """Return the number that an attribute is, in the host's order, or None without it."""
    value = attributes.get(kind)
    return None if value is None else int.from_bytes(value, sys.byteorder)


def text_in(attributes: Attributes, kind: int) -> str:
    """Return the text that an attribute is; empty without it."""
    # The kernel takes any bytes for a name or an alias; ours are ASCII.
    return attributes.get(kind, b"").rstrip(b"\0").decode("utf-8", "replace")
