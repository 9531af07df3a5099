# SPDX-License-Identifier: Apache-2.0
"""Which interfaces the kernel says have changed, or lost or got a filter."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

# From linux/rtnetlink.h; rtnetlink(7) explains them.
_NEWLINK, _DELLINK = 16, 17
_NEWQDISC, _DELQDISC = 36, 37
_NEWTFILTER, _DELTFILTER = 44, 45
_TOLD = frozenset({_NEWLINK, _DELLINK, _NEWQDISC, _DELQDISC, _NEWTFILTER, _DELTFILTER})
_GROUP_LINK, _GROUP_TC = 1, 4

_HEADER = struct.Struct("=IHHII")
# ifinfomsg and tcmsg both begin with four bytes and the ifindex.
_INDEX = struct.Struct("=i")
_INDEX_OFFSET = _HEADER.size + 4

_BUFFER = 8 << 20
_DATAGRAM = 1 << 16
_SO_RCVBUFFORCE = 33


@dataclass(frozen=True)
class Changes:
    """What happened since the last look: `everything` where events were lost."""

    indexes: frozenset[int]
    everything: bool = False


def changed_indexes(data: bytes) -> set[int]:
    """Return the ifindexes that a datagram of events tells of, reading headers alone."""
    found: set[int] = set()
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, offset)[:2]
        if length < _HEADER.size or offset + length > len(data):
            break
        if kind in _TOLD and length >= _INDEX_OFFSET + _INDEX.size:
            found.add(_INDEX.unpack_from(data, offset + _INDEX_OFFSET)[0])
        offset += length + -length % 4
    return found


class KernelEvents:
    """A subscription to links and filters, gathered between two looks.

    A plain socket: parsing an event fully costs pyroute2 a hundred times what its header
    costs, and an event only ever says "look again".
    """

    def __init__(self) -> None:
        self._indexes: set[int] = set()
        self._everything = True  # nothing has been looked at yet
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            socket.NETLINK_ROUTE,
        )
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.bind((0, 1 << (_GROUP_LINK - 1) | 1 << (_GROUP_TC - 1)))

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    def read(self, wake: Callable[[], None]) -> None:
        """Gather what has arrived and call `wake` if there was anything."""
        before = len(self._indexes), self._everything
        while True:
            try:
                data, (sender, _) = self._socket.recvfrom(_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._everything = True
                continue
            # Anybody may send to this socket, but only the kernel is port 0.
            if sender == 0:
                self._indexes |= changed_indexes(data)
        if (len(self._indexes), self._everything) != before:
            wake()

    def take(self) -> Changes:
        """Return what was gathered, and begin anew."""
        changes = Changes(frozenset(self._indexes), self._everything)
        self._indexes.clear()
        self._everything = False
        return changes
