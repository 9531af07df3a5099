# SPDX-License-Identifier: Apache-2.0
"""Netlink events, read no further than it takes to know whether they concern us."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netop.common.netlink import SO_RCVBUFFORCE
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.link import Kind, vrf_of
from netop.netlink_reconciler.lost_routes import lost_routes

# include/uapi/linux/rtnetlink.h.
_RTMGRP_LINK = 0x1
_RTMGRP_IPV4_IFADDR = 0x10
_RTMGRP_IPV6_IFADDR = 0x100
_LINK_MESSAGES = frozenset({16, 17})  # RTM_NEWLINK, RTM_DELLINK
_ADDRESS_MESSAGES = frozenset({20, 21})  # RTM_NEWADDR, RTM_DELADDR
_IFLA_IFNAME = 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INDEX = struct.Struct("=i")
_INDEX_AT = _HEADER.size + 4  # in struct ifinfomsg and struct ifaddrmsg alike
_LINK_ATTRIBUTES_AT = _HEADER.size + 16

_BUFFER = 1 << 20


@dataclass(frozen=True)
class Interest:
    """Which links concern us: some by ifindex, and every one that has such a name."""

    indexes: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actual: Actual, node: NodeSettings) -> Interest:
        """Return the interest in what was just observed.

        VXLANs and VRFs of others are part of it: what they hold may be refused to us. So are
        links of others with our names, by ifindex: who renames one is told of by the new name.
        """
        names = frozenset({node.underlay, node.cluster_bridge})
        indexes = (
            link.index
            for link in actual.links
            if link.vrf is not None
            or link.name in names
            or link.attributes.kind in {Kind.VRF, Kind.VXLAN}
        )
        return cls(frozenset(indexes), names)

    def concerns(self, data: bytes) -> bool:
        """Say whether one of the messages in `data` is about a link of interest."""
        offset = 0
        while offset + _LINK_ATTRIBUTES_AT - 8 <= len(data):
            length, kind, *_ = _HEADER.unpack_from(data, offset)
            if length < _HEADER.size:
                return True  # not what netlink(7) promises; better look
            if kind in _LINK_MESSAGES | _ADDRESS_MESSAGES:
                index = _INDEX.unpack_from(data, offset + _INDEX_AT)[0]
                if index in self.indexes:
                    return True
            if kind in _LINK_MESSAGES and self._known(_link_name(data, offset, length)):
                return True
            offset += length + 3 & ~3
        return False

    def _known(self, name: str) -> bool:
        return name in self.names or vrf_of(name) is not None


def _link_name(data: bytes, message: int, length: int) -> str:
    offset, end = message + _LINK_ATTRIBUTES_AT, min(message + length, len(data))
    while offset + _ATTRIBUTE.size <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, offset)
        if kind == _IFLA_IFNAME:
            return data[offset + _ATTRIBUTE.size : offset + size].rstrip(b"\0").decode("latin-1")
        if size < _ATTRIBUTE.size:
            break
        offset += size + 3 & ~3
    return ""


class Events:
    """Wakes the daemon when a link of interest changed, or a route of ours is gone."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._interest = Interest()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        self._routes = lost_routes()

    def close(self) -> None:
        """Close the sockets."""
        self._socket.close()
        self._routes.close()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Wake nobody meanwhile: a pass that changes links shall not make another one.

        What happens between the pass's last look and the end is told afterwards.
        """
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_reader(self._routes)
        try:
            yield
        finally:
            loop.add_reader(self._socket, self._readable)
            loop.add_reader(self._routes, self._route_lost)

    def drain(self) -> None:
        """Forget what happened so far, because the kernel will be looked at anew."""
        for each in (self._socket, self._routes):
            for _ in _read(each):
                pass

    def watch(self, interest: Interest) -> None:
        """Tell what is of interest from now on."""
        self._interest = interest

    def _readable(self) -> None:
        concerned = False
        for data in _read(self._socket):
            concerned = concerned or data is None or self._interest.concerns(data)
        if concerned:
            self._wake()

    def _route_lost(self) -> None:
        for _ in _read(self._routes):
            pass
        self._wake()


def _read(events: socket.socket) -> Iterator[bytes | None]:
    """Yield what is there; None where events were lost and everything is in doubt."""
    while True:
        try:
            yield events.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            yield None
