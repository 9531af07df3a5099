# SPDX-License-Identifier: Apache-2.0
"""The names of what the program counts, under the numbers that bpf/router.c gives them."""

from __future__ import annotations

from enum import IntEnum

COUNTER_SLOTS = 32


class Decision(IntEnum):
    """What became of a frame: `enum decision` of bpf/router.c."""

    FORWARDED = 0
    DROPPED_BLACKHOLE = 1
    PASSED_UNKNOWN_PORT = 2
    PASSED_NOT_IP = 3
    PASSED_TAGGED = 4
    PASSED_NOT_FOR_ROUTER = 5
    PASSED_MALFORMED = 6
    PASSED_OPTIONS = 7
    PASSED_TTL_EXPIRED = 8
    PASSED_MARTIAN = 9
    PASSED_SEGMENTS = 10
    PASSED_UNREACHABLE = 11
    PASSED_PROHIBITED = 12
    PASSED_NOT_FORWARDED = 13
    PASSED_FORWARDING_OFF = 14
    PASSED_ENCAPSULATION = 15
    PASSED_NO_NEIGHBOUR = 16
    PASSED_TOO_BIG = 17
    PASSED_LOOKUP_FAILED = 18
    PASSED_UNWRITABLE = 19


class FibResult(IntEnum):
    """What the route lookup said: BPF_FIB_LKUP_RET_* of linux/bpf.h, and two of our own."""

    SUCCESS = 0
    BLACKHOLE = 1
    UNREACHABLE = 2
    PROHIBIT = 3
    NOT_FORWARDED = 4
    FORWARDING_DISABLED = 5
    UNSUPPORTED_TUNNEL = 6
    NO_NEIGHBOUR = 7
    FRAGMENTATION_NEEDED = 8
    NO_SOURCE_ADDRESS = 9
    UNKNOWN = 30
    ERROR = 31


def label(name: IntEnum) -> str:
    """Return a name as people and metrics see it."""
    return name.name.lower()
