# SPDX-License-Identifier: Apache-2.0
"""The kernel as the reconciler sees it: look, and carry out steps."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence
from socket import SOL_SOCKET
from typing import Protocol

from netop.common.netlink import SO_RCVBUFFORCE, IPRoute, NetlinkError
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.message import message
from netop.netlink_reconciler.observe import KernelError, observe
from netop.netlink_reconciler.step import Address, Change, Delete, Failure, Route, Step

# A reply that tells an error repeats its request; so many fit into the receive buffer even
# where it cannot be enlarged.
_CHUNK = 200
_RECEIVE_BUFFER = 4 << 20
# What is already gone needs no deleting: a link, a route.
_GONE = {errno.ENODEV, errno.ESRCH}


class Kernel(Protocol):
    """What the reconciler needs of the kernel; tests have their own."""

    def observe(self, node: NodeSettings, *, tables: bool) -> Actual:
        """Return what there is now; raises KernelError."""
        ...

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        """Carry out the steps in order and return those that were refused."""
        ...


class RtnetlinkKernel:
    """The kernel of this network namespace."""

    def __init__(self) -> None:
        self._ip = IPRoute(ext_ack=True, strict_check=True)
        with contextlib.suppress(PermissionError):
            self._ip.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, _RECEIVE_BUFFER)

    def close(self) -> None:
        """Close the socket."""
        self._ip.close()

    def observe(self, node: NodeSettings, *, tables: bool) -> Actual:
        """Return what there is now; raises KernelError."""
        return observe(self._ip, node, tables=tables)

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        """Carry out the steps in order and return those that were refused.

        Raises KernelError where the answers were lost: then nobody knows, and the next
        look tells.
        """
        failures: list[Failure] = []
        for chunk in _chunks(steps):
            failures += self._batch(chunk)
        return tuple(failures)

    def _batch(self, steps: Sequence[Step]) -> Iterator[Failure]:
        try:
            replies = tuple(
                self._ip.nlm_request_batch([message(step) for step in steps], noraise=True)
            )
        except OSError as error:
            raise KernelError(f"the kernel's answers were lost: {error}") from error
        if len(replies) != len(steps):
            raise KernelError(f"{len(replies)} answers to {len(steps)} requests")
        for step, reply in zip(steps, replies, strict=True):
            refusal = reply["header"]["error"]
            if isinstance(refusal, NetlinkError) and not (_removes(step) and refusal.code in _GONE):
                yield Failure(step, str(refusal.args[1]))


def _removes(step: Step) -> bool:
    return isinstance(step, Delete) or (isinstance(step, Route | Address) and not step.present)


def _chunks(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield the steps in batches; one never ends between a link's making and its marks."""
    start = 0
    for index, step in enumerate(steps):
        completes = isinstance(step, Change | Route | Address) and not step.told
        if index - start >= _CHUNK and not completes:
            yield steps[start:index]
            start = index
    if start < len(steps):
        yield steps[start:]
