# SPDX-License-Identifier: Apache-2.0
"""Events: only what concerns us wakes, and lost ones always do."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from netop.common.netlink import ifaddrmsg, ifinfmsg
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.events import Events, Interest
from netop.netlink_reconciler.link import Attributes, Link

NEWLINK, DELLINK, NEWADDR, NEWROUTE = 16, 17, 20, 24


def encoded(message: Any, kind: int) -> bytes:
    message["header"] = {"type": kind, "flags": 0, "sequence_number": 0, "pid": 0}
    message.encode()
    return bytes(message.data)


def link_event(index: int, name: str, kind: int = NEWLINK) -> bytes:
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_TXQLEN", 1000), ("IFLA_IFNAME", name), ("IFLA_MTU", 1500)]
    return encoded(message, kind)


def address_event(index: int) -> bytes:
    message = ifaddrmsg()
    message["index"] = index
    message["attrs"] = [("IFA_LOCAL", "10.0.0.1")]
    return encoded(message, NEWADDR)


def link(index: int, name: str, kind: str = "dummy", alias: str = "") -> Link:
    return Link(index, name, up=True, attributes=Attributes(kind=kind, alias=alias))


ACTUAL = Actual(
    (
        link(1, "lo"),
        link(2, "eth0"),
        link(3, "dum.underlay"),
        link(4, "tunnel", "vxlan"),
        link(9, "vr.red", "vrf", "netop vrf red"),
        link(10, "br.red", "bridge"),
    )
)
INTEREST = Interest.of(ACTUAL, NodeSettings())


def test_a_busy_node_does_not_wake_us() -> None:
    assert not INTEREST.concerns(link_event(77, "cali1234567890a"))
    assert not INTEREST.concerns(link_event(2, "eth0") + link_event(78, "veth1"))
    assert not INTEREST.concerns(address_event(2))
    assert not INTEREST.concerns(encoded(ifinfmsg(), NEWROUTE))


def test_what_concerns_us_does() -> None:
    assert INTEREST.concerns(link_event(9, "vr.red"))
    assert INTEREST.concerns(link_event(77, "vx.blue")), "a new link with such a name"
    assert INTEREST.concerns(link_event(77, "br.cluster")), "the cluster bridge appears"
    assert INTEREST.concerns(link_event(4, "tunnel", DELLINK)), "a VNI may be free now"
    assert INTEREST.concerns(link_event(9, "renamed")), "one of ours was renamed"
    assert INTEREST.concerns(link_event(10, "br0")), "what was refused to us has another name"
    assert INTEREST.concerns(address_event(3)), "the underlay's address"
    assert INTEREST.concerns(link_event(77, "veth1") + link_event(9, "vr.red"))


def test_rubbish_makes_us_look() -> None:
    assert INTEREST.concerns(b"\0" * 64)


class Scripted:
    """Stands for a netlink socket: the answers to recv, in turn."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = list(answers)

    def recv(self, _size: int) -> bytes:
        answer = self.answers.pop(0) if self.answers else BlockingIOError()
        if isinstance(answer, OSError):
            raise answer
        return answer


def woken(*answers: bytes | OSError) -> int:
    wakes: list[None] = []
    events = Events(lambda: wakes.append(None))
    events.close()
    events.watch(INTEREST)
    events._socket = Scripted(*answers)  # type: ignore[assignment]
    events._readable()
    return len(wakes)


def test_a_burst_is_one_wake_up() -> None:
    assert woken(*[link_event(9, "vr.red")] * 50) == 1
    assert woken(link_event(77, "veth1")) == 0


def test_lost_events_wake() -> None:
    assert woken(OSError(errno.ENOBUFS, "No buffer space available")) == 1


async def test_nobody_is_woken_during_a_pass() -> None:
    wakes: list[None] = []
    events = Events(lambda: wakes.append(None))
    near, far = socket.socketpair()
    events._socket.close()
    near.setblocking(False)
    events._socket = near
    events.watch(INTEREST)
    with events.quiet():
        far.send(link_event(9, "vr.red"))
        await asyncio.sleep(0.01)
        events.drain()
    await asyncio.sleep(0.01)
    assert not wakes
    with events.quiet():
        far.send(link_event(9, "vr.red"))
    await asyncio.sleep(0.01)
    assert len(wakes) == 1, "what happens after the last look is not lost"
    asyncio.get_running_loop().remove_reader(near)
    near.close()
    far.close()
