# SPDX-License-Identifier: Apache-2.0
"""A socket that carries requests to the kernel and its answers back, many at a time."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from netop.common.netlink import NLM_F_ACK, NLM_F_DUMP, SO_RCVBUFFORCE
from netop.netlink_reconciler.uapi import (
    HEADER,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    SOL_NETLINK,
)
from netop.netlink_reconciler.wire import messages, text_in, walk

_RECEIVE_BUFFER = 4 << 20
# The kernel fills no more than half of it (netlink_dump).
_ONE_READ = 1 << 16
_ERROR = struct.Struct("=i")
_FLAGS_AT, _SEQUENCE_AT = 6, 8


@dataclass(frozen=True)
class Refused:
    """The kernel's answer to a request that it does not carry out; `code` is an errno."""

    code: int
    reason: str


class RefusedError(OSError):
    """The kernel refused a dump."""


class InterruptedDumpError(Exception):
    """What was dumped changed meanwhile, so that some of it may be missing."""


class Exchange:
    """A route netlink socket of this network namespace.

    Each method raises OSError where answers were lost.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        # Errors say why in words, do not repeat the request, and a dump is filtered.
        for option in (NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK):
            self._socket.setsockopt(SOL_NETLINK, option, 1)
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def batch(self, requests: Sequence[bytes]) -> dict[int, Refused]:
        """Have all requests carried out in order; return the refusals by position.

        Only the last is acknowledged: the kernel has answered a message before it takes
        up the next, and an error is answered in any case (netlink_rcv_skb).
        """
        if not requests:
            return {}
        first = self._sequence + 1
        data = bytearray()
        for request in requests:
            start = len(data)
            data += request
            self._number(data, start)
        _flag(data, start, NLM_F_ACK)
        self._socket.sendto(data, (0, 0))
        refused: dict[int, Refused] = {}
        for kind, _flags, sequence, message in self._answers():
            if kind != NLMSG_ERROR or sequence < first:
                continue  # left behind by a question whose answers were lost
            answer = _refused(message)
            if answer is not None:
                refused[sequence - first] = answer
            if sequence == self._sequence:
                break
        return refused

    def dump(self, request: bytes, answered: int) -> Iterator[bytes]:
        """Yield the messages of kind `answered` that a dump consists of.

        To be read to its end: the kernel begins no other dump before. Raises RefusedError,
        and InterruptedDumpError in the end where it has to be repeated.
        """
        data = bytearray(request)
        self._number(data, 0)
        _flag(data, 0, NLM_F_DUMP)
        self._socket.sendto(data, (0, 0))
        interrupted = 0
        for kind, flags, sequence, message in self._answers():
            if sequence != self._sequence:
                continue
            interrupted |= flags & NLM_F_DUMP_INTR
            if kind == answered:
                yield message
            elif kind in {NLMSG_DONE, NLMSG_ERROR}:
                answer = _refused(message)
                if answer is not None:
                    raise RefusedError(answer.code, answer.reason)
                break
        if interrupted:
            raise InterruptedDumpError

    def _number(self, data: bytearray, start: int) -> None:
        self._sequence += 1
        struct.pack_into("=I", data, start + _SEQUENCE_AT, self._sequence)

    def _answers(self) -> Iterator[tuple[int, int, int, bytes]]:
        while True:
            yield from messages(self._socket.recv(_ONE_READ))


def _flag(data: bytearray, start: int, flag: int) -> None:
    flags = HEADER.unpack_from(data, start)[2]
    struct.pack_into("=H", data, start + _FLAGS_AT, flags | flag)


def _refused(message: bytes) -> Refused | None:
    """Return what an NLMSG_ERROR or NLMSG_DONE says is wrong, or None."""
    if len(message) < HEADER.size + _ERROR.size:
        return None
    code = -_ERROR.unpack_from(message, HEADER.size)[0]
    if code <= 0:
        return None
    # After the header of the request, which is all of it that the answer repeats.
    attributes = walk(message, HEADER.size + _ERROR.size + HEADER.size)
    return Refused(code, text_in(attributes, NLMSGERR_ATTR_MSG) or os.strerror(code))
