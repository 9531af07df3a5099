# SPDX-License-Identifier: Apache-2.0
"""A socket that tells of nothing but deleted routes of ours, whatever FRR does to its own.

The kernel filters (linux/filter.h, SO_ATTACH_FILTER), so that thousands of routes that come
and go wake nobody.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from netop.common.netlink import RTM_DELROUTE
from netop.netlink_reconciler.backstop import PROTOCOL
from netop.netlink_reconciler.uapi import HEADER

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
# rtnetlink.h: RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE.
_GROUPS = 0x40 | 0x400
# linux/filter.h: struct sock_filter is code, two jumps, operand; struct sock_fprog points to them.
_INSTRUCTION = struct.Struct("@HBBI")
_PROGRAM = struct.Struct("@HP")
_LOAD_HALF, _LOAD_BYTE, _EQUAL, _RETURN = 0x28, 0x30, 0x15, 0x06
_TYPE_AT = 4  # in struct nlmsghdr
_PROTOCOL_AT = HEADER.size + 5  # in struct rtmsg
_ALL, _NONE = 0xFFFFFFFF, 0

_FILTER = (
    # A half word is loaded as from the network, but the message is in the host's order.
    (_LOAD_HALF, 0, 0, _TYPE_AT),
    (_EQUAL, 0, 3, socket.htons(RTM_DELROUTE)),
    (_LOAD_BYTE, 0, 0, _PROTOCOL_AT),
    (_EQUAL, 0, 1, PROTOCOL),
    (_RETURN, 0, 0, _ALL),
    (_RETURN, 0, 0, _NONE),
)


def lost_routes() -> socket.socket:
    """Return a socket that gets an RTM_DELROUTE for each route of netop's that goes."""
    found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    found.setblocking(False)
    instructions = b"".join(_INSTRUCTION.pack(*instruction) for instruction in _FILTER)
    held = ctypes.create_string_buffer(instructions)
    program = _PROGRAM.pack(len(_FILTER), ctypes.addressof(held))
    found.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    found.bind((0, _GROUPS))
    return found
