# SPDX-License-Identifier: Apache-2.0
"""Requests to the kernel in batches, one answer for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from netop.common.netlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    RTM_NEWTFILTER,
    IPRSocket,
    NetlinkDumpInterrupted,
    NetlinkError,
    bpftcmsg,
)

# Each answer to an error repeats its request; so many fit into the receive buffer.
_CHUNK = 200
_BUFFER = 4 << 20
_DUMPS = 20


class RtnetlinkError(Exception):
    """The kernel's answers were lost or refused as a whole; the next look tells more."""


class Rtnetlink:
    """A socket to this network namespace."""

    def __init__(self) -> None:
        self._ip = IPRSocket(
            ext_ack=True, strict_check=True, groups=0, rcvbuf=_BUFFER, sndbuf=1 << 20
        )
        # pyroute2 does not know a BPF filter's id and tag; this message class does.
        self._ip.marshal.msg_map[RTM_NEWTFILTER] = bpftcmsg

    def close(self) -> None:
        """Close the socket."""
        self._ip.close()

    def batch(self, requests: Sequence[Any]) -> list[Any]:
        """Return one answer for each request, in their order; raises RtnetlinkError."""
        answers: list[Any] = []
        for start in range(0, len(requests), _CHUNK):
            chunk = list(requests[start : start + _CHUNK])
            try:
                replies = list(self._ip.nlm_request_batch(chunk, noraise=True))
            except OSError as error:
                raise RtnetlinkError(f"the kernel's answers were lost: {error}") from error
            if len(replies) != len(chunk):
                raise RtnetlinkError(f"{len(replies)} answers to {len(chunk)} requests")
            answers += replies
        return answers

    def dump(self, request: Any, kind: int) -> list[Any]:
        """Return everything of a kind; raises RtnetlinkError."""
        for _ in range(_DUMPS):
            try:
                return list(self._ip.nlm_request(request, kind, NLM_F_REQUEST | NLM_F_DUMP))
            except NetlinkDumpInterrupted:
                continue
            except (NetlinkError, OSError) as error:
                raise RtnetlinkError(f"the kernel refused dump {kind}: {error}") from error
        raise RtnetlinkError(f"dump {kind} was interrupted by changes {_DUMPS} times")


def sample(request: Any, kind: int, most: int) -> list[Any]:
    """Return the first answers of a dump that may be long; raises RtnetlinkError."""
    # A socket of its own, so that the rest of the dump goes with it.
    with IPRSocket(strict_check=True, groups=0) as ip:
        replies: Iterator[Any] = ip.nlm_request(request, kind, NLM_F_REQUEST | NLM_F_DUMP)
        try:
            return list(islice(replies, most))
        except (NetlinkError, NetlinkDumpInterrupted, OSError) as error:
            raise RtnetlinkError(f"the kernel refused dump {kind}: {error}") from error


def refusal(answer: Any) -> NetlinkError | None:
    """Return the error that an answer carries, or None."""
    error = answer["header"]["error"]
    return error if isinstance(error, NetlinkError) else None
