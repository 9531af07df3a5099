# SPDX-License-Identifier: Apache-2.0
"""Our place on an interface: clsact ingress, one fixed priority and handle.

The explicit handle makes replacing atomic (0 would append a copy each time), the explicit
parent keeps the filter off the root qdisc.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netop.bpf_guardian.rtnetlink import Rtnetlink, refusal
from netop.common.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTM_DELTFILTER,
    RTM_GETTFILTER,
    RTM_NEWQDISC,
    RTM_NEWTFILTER,
    bpftcmsg,
)

PRIORITY = 200
HANDLE = 1
FILTER_NAME = "netop_router"

# linux/pkt_sched.h, linux/pkt_cls.h, linux/if_ether.h
_CLSACT = 0xFFFFFFF1
_CLSACT_HANDLE = 0xFFFF0000
_INGRESS = 0xFFFFFFF2
_DIRECT_ACTION = 1
_ALL_PROTOCOLS = 0x0003


@dataclass(frozen=True)
class Place:
    """What stands at our place: the id of a program; `ours` by its name."""

    program: int
    name: str

    @property
    def ours(self) -> bool:
        """True for a filter of this daemon or of one before it."""
        return self.name == FILTER_NAME


@dataclass(frozen=True)
class Attempt:
    """What came of attaching, by ifindex: why the kernel `refused`, and what had to be `cleared`
    of filters that `places` does not see, of another kind or protocol.
    """

    refused: Mapping[int, str] = field(default_factory=dict)
    cleared: frozenset[int] = frozenset()


def places(rtnetlink: Rtnetlink, indexes: Sequence[int]) -> dict[int, Place]:
    """Return what stands at our place, by ifindex; nothing there, no entry.

    Raises RtnetlinkError.
    """
    requests = [_filter(RTM_GETTFILTER, index, NLM_F_ACK) for index in indexes]
    found: dict[int, Place] = {}
    for index, answer in zip(indexes, rtnetlink.batch(requests), strict=True):
        if answer["header"]["type"] == RTM_NEWTFILTER:
            options = answer.get_attr("TCA_OPTIONS")
            found[index] = Place(
                options.get_attr("TCA_BPF_ID") or 0, options.get_attr("TCA_BPF_NAME") or ""
            )
    return found


def attach(rtnetlink: Rtnetlink, indexes: Sequence[int], program: int) -> Attempt:
    """Put `program`, a descriptor, in our place, whatever stands there.

    A program of ours is replaced without a gap. Raises RtnetlinkError.
    """
    requests = [request for index in indexes for request in _attach(index, program)]
    answers = rtnetlink.batch(requests)
    refused: dict[int, str] = {}
    taken: list[int] = []
    for position, index in enumerate(indexes):
        qdisc, filter_ = (refusal(answer) for answer in answers[2 * position : 2 * position + 2])
        if filter_ is None:
            continue
        if filter_.code == errno.EINVAL and (qdisc is None or qdisc.code == errno.EEXIST):
            taken.append(index)
        else:
            refused[index] = _reason(qdisc, filter_)
    second = _take(rtnetlink, taken, program)
    return Attempt({**refused, **second.refused}, second.cleared)


def detach(rtnetlink: Rtnetlink, indexes: Sequence[int]) -> None:
    """Remove our filter; the qdisc stays, for it may carry others'. Raises RtnetlinkError."""
    rtnetlink.batch([_filter(RTM_DELTFILTER, index, NLM_F_ACK) for index in indexes])


def _take(rtnetlink: Rtnetlink, indexes: Sequence[int], program: int) -> Attempt:
    """Clear our priority, which holds a filter of another kind, and put the program there."""
    requests = []
    for index in indexes:
        everything = _filter(RTM_DELTFILTER, index, NLM_F_ACK)
        # Handle, kind and protocol unset: whatever has this priority.
        everything["handle"], everything["info"], everything["attrs"] = 0, PRIORITY << 16, []
        requests += [everything, _set_filter(index, program)]
    answers = rtnetlink.batch(requests)
    deleted = zip(indexes, map(refusal, answers[::2]), strict=True)
    attached = zip(indexes, map(refusal, answers[1::2]), strict=True)
    return Attempt(
        {index: _reason(None, error) for index, error in attached if error is not None},
        frozenset(index for index, error in deleted if error is None),
    )


def _attach(index: int, program: int) -> tuple[Any, Any]:
    qdisc = bpftcmsg()
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    qdisc["header"] = {"type": RTM_NEWQDISC, "flags": flags}
    qdisc["index"], qdisc["parent"], qdisc["handle"] = index, _CLSACT, _CLSACT_HANDLE
    qdisc["attrs"] = [("TCA_KIND", "clsact")]
    return qdisc, _set_filter(index, program)


def _set_filter(index: int, program: int) -> Any:
    request = _filter(RTM_NEWTFILTER, index, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
    options = [
        ("TCA_BPF_FD", program),
        ("TCA_BPF_NAME", FILTER_NAME),
        ("TCA_BPF_FLAGS", _DIRECT_ACTION),
    ]
    request["attrs"] = [("TCA_KIND", "bpf"), ("TCA_OPTIONS", {"attrs": options})]
    return request


def _filter(kind: int, index: int, flags: int) -> Any:
    request = bpftcmsg()
    request["header"] = {"type": kind, "flags": NLM_F_REQUEST | flags}
    request["index"], request["parent"], request["handle"] = index, _INGRESS, HANDLE
    request["info"] = PRIORITY << 16 | socket.htons(_ALL_PROTOCOLS)
    request["attrs"] = [("TCA_KIND", "bpf")]
    return request


def _reason(qdisc: Any, filter_: Any) -> str:
    # The filter fails for want of the qdisc; then the qdisc's reason is the reason.
    told = qdisc if qdisc is not None and qdisc.code != errno.EEXIST else filter_
    return f"the kernel refused the filter: {told.args[1]}"
