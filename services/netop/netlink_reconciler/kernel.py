# SPDX-License-Identifier: Apache-2.0
"""The kernel as the reconciler sees it: look, and carry out steps."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.exchange import Exchange
from netop.netlink_reconciler.link import DOOMED
from netop.netlink_reconciler.message import completion, group_deletion, message, regrouping
from netop.netlink_reconciler.observe import KernelError, Observer, Tables
from netop.netlink_reconciler.step import Address, Change, Delete, Failure, Route, Step

# What the buffers of a socket hold even where they cannot be enlarged: so many requests, and
# as many errors.
_CHUNK = 200
# What is already gone needs no deleting: a link, a route.
_GONE = {errno.ENODEV, errno.ESRCH}


class AnswersLostError(KernelError):
    """Changes were asked for, and nobody knows which of them were made; the next look tells."""


class Kernel(Protocol):
    """What the reconciler needs of the kernel; tests have their own."""

    def observe(self, node: NodeSettings, tables: Tables) -> Actual:
        """Return what there is now, and free tables; raises KernelError."""
        ...

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        """Carry out the steps in order and return those that were refused.

        Raises AnswersLostError.
        """
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

        Raises AnswersLostError.
        """
        failures: list[Failure] = []
        try:
            for kind, run in itertools.groupby(steps, _kind_deleted):
                these = list(run)
                together = kind and len(these) > 1 and self._into_group(these)
                if not together or self._exchange.batch([group_deletion(DOOMED)]):
                    for chunk in _chunks(these):
                        failures += self._batch(_parts(chunk))
        except (OSError, KernelError) as error:
            raise AnswersLostError(f"the kernel's answers were lost: {error}") from error
        return tuple(failures)

    def _batch(self, parts: Sequence[Sequence[Step]]) -> Iterator[Failure]:
        refused = self._exchange.batch([_message(part) for part in parts])
        for position, refusal in refused.items():
            part = parts[position]
            if len(part) > 1:
                # Which of them it was is told only to one that comes alone.
                yield from self._batch([(step,) for step in part])
            elif not (_removes(part[0]) and refusal.code in _GONE):
                yield Failure(part[0], refusal.reason)

    def _into_group(self, steps: Sequence[Step]) -> bool:
        """Gather links that go in a group of their own; say whether nobody else is in it.

        The kernel waits for all its processors after each request that deletes links: one
        request for hundreds takes as long as one for one.
        """
        indexes = [step.index for step in steps if isinstance(step, Delete)]
        for start in range(0, len(indexes), _CHUNK):
            chunk = indexes[start : start + _CHUNK]
            self._exchange.batch([regrouping(index, DOOMED) for index in chunk])
        gathered = self._observer.group(DOOMED)
        return bool(gathered) and gathered <= frozenset(indexes)


def _kind_deleted(step: Step) -> str:
    """Return the kind of link that a step deletes, by its prefix; empty for other steps."""
    return step.name[:3] if isinstance(step, Delete) else ""


def _parts(steps: Sequence[Step]) -> list[tuple[Step, ...]]:
    """Return the steps with those together that complete one link that was just made."""
    return [tuple(run) for _, run in itertools.groupby(steps, _completed)]


def _completed(step: Step) -> int:
    """Return the same number for all steps that complete one link, another for each other."""
    if isinstance(step, Change) and not step.told and step.difference.attribute != "arp":
        return -step.index
    return id(step)


def _message(part: Sequence[Step]) -> bytes:
    changes = [step for step in part if isinstance(step, Change)]
    return completion(changes) if len(changes) > 1 else message(part[0])


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
