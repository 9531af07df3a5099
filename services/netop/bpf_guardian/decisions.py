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


DECISION_MEANINGS: dict[Decision, str] = {
    Decision.FORWARDED: "sent to its next hop, TTL lowered",
    Decision.DROPPED_BLACKHOLE: "dropped: a blackhole route",
    Decision.PASSED_UNKNOWN_PORT: "the interface is in no VRF, or new: the stack routes",
    Decision.PASSED_NOT_IP: "neither IPv4 nor IPv6, such as ARP",
    Decision.PASSED_TAGGED: "VLAN tag",
    Decision.PASSED_NOT_FOR_ROUTER: "broadcast, multicast or another's MAC address",
    Decision.PASSED_MALFORMED: "header wrong or cut short; the stack drops it",
    Decision.PASSED_OPTIONS: "IPv4 options or IPv6 hop-by-hop options",
    Decision.PASSED_TTL_EXPIRED: "TTL 1 or 0: the stack answers time exceeded",
    Decision.PASSED_MARTIAN: "source or destination that no router forwards",
    Decision.PASSED_SEGMENTS: "segments whose length cannot be told",
    Decision.PASSED_UNREACHABLE: "unreachable route: the stack answers",
    Decision.PASSED_PROHIBITED: "prohibit route: the stack answers",
    Decision.PASSED_NOT_FORWARDED: "to this node itself, or no route",
    Decision.PASSED_FORWARDING_OFF: "forwarding is off on the interface (sysctl)",
    Decision.PASSED_ENCAPSULATION: "route with an encapsulation",
    Decision.PASSED_NO_NEIGHBOUR: "host on the link not resolved: the stack asks for it",
    Decision.PASSED_TOO_BIG: "larger than the MTU: the stack fragments or answers",
    Decision.PASSED_LOOKUP_FAILED: "the route lookup failed",
    Decision.PASSED_UNWRITABLE: "the kernel would not have the packet sent",
}

FIB_MEANINGS: dict[FibResult, str] = {
    FibResult.SUCCESS: "route and neighbour found",
    FibResult.BLACKHOLE: "blackhole route",
    FibResult.UNREACHABLE: "unreachable route",
    FibResult.PROHIBIT: "prohibit route",
    FibResult.NOT_FORWARDED: "local, or no route",
    FibResult.FORWARDING_DISABLED: "forwarding is off on the interface",
    FibResult.UNSUPPORTED_TUNNEL: "route with an encapsulation",
    FibResult.NO_NEIGHBOUR: "route found, next hop not resolved",
    FibResult.FRAGMENTATION_NEEDED: "larger than the MTU",
    FibResult.NO_SOURCE_ADDRESS: "no source address",
    FibResult.UNKNOWN: "a result that this netop does not know",
    FibResult.ERROR: "the lookup itself failed",
}


def label(name: IntEnum) -> str:
    """Return a name as people and metrics see it."""
    return name.name.lower()
