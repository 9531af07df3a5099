# SPDX-License-Identifier: Apache-2.0
"""The kernel as the reconciler sees it: look, and carry out steps."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import Protocol

from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.exchange import Exchange
from netop.netlink_reconciler.message import message
from netop.netlink_reconciler.observe import KernelError, Observer, Tables
from netop.netlink_reconciler.step import Address, Change, Delete, Failure, Route, Step

# What the buffers of a socket hold even where they cannot be enlarged: so many requests, and
# as many errors.
_CHUNK = 200
# What is already gone needs no deleting: a link, a route.
_GONE = {errno.ENODEV, errno.ESRCH}


class Kernel(Protocol):
    """What the reconciler needs of the kernel; tests have their own."""

    def observe(self, node: NodeSettings, tables: Tables) -> Actual:
        """Return what there is now, and free tables; raises KernelError."""
        ...

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        """Carry out the steps in order and return those that were refused."""
        ...


class RtnetlinkKernel:
    """The kernel of this network namespace."""

    def __init__(self) -> None:
        self._exchange = Exchange()
        self._observer = Observer()

    def close(self) -> None:
        """Close the sockets."""
        self._exchange.close()
        self._observer.close()

    def observe(self, node: NodeSettings, tables: Tables) -> Actual:
        """Return what there is now, and free tables; raises KernelError."""
        return self._observer.observe(node, tables)

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
            refused = self._exchange.batch([message(step) for step in steps])
        except OSError as error:
            raise KernelError(f"the kernel's answers were lost: {error}") from error
        for position, refusal in refused.items():
            step = steps[position]
            if not (_removes(step) and refusal.code in _GONE):
                yield Failure(step, refusal.reason)


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
