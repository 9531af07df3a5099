# SPDX-License-Identifier: Apache-2.0
"""The eBPF router: where it is attached, and what it has decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netop.common.counters import Counted
from netop.common.documents import Attached, Attachment
from netop.exporter import catalogue
from netop.exporter.metric import Sample

_STATES = ("attached", "waiting", "refused")


def attached(document: Attached) -> Iterator[Sample]:
    """Yield the interfaces, one by one and by state."""
    states = Counter(_state(item) for item in document.interfaces)
    for state in _STATES:
        yield catalogue.BPF_INTERFACES.at(states[state], state)
    for item in document.interfaces:
        yield catalogue.BPF_INTERFACE.at(item.program != 0, item.interface)
    if document.program:
        yield catalogue.BPF_PROGRAM.at(1, document.tag)


def counted(counted: Counted | None) -> Iterator[Sample]:
    """Yield the counters of the program's maps."""
    yield catalogue.COUNTERS_READABLE.at(counted is not None)
    if counted is None:
        return
    for row in counted.decisions:
        yield catalogue.BPF_PACKETS.at(row.packets, row.name)
        yield catalogue.BPF_BYTES.at(row.bytes, row.name)
    for row in counted.fib_results:
        yield catalogue.BPF_FIB_PACKETS.at(row.packets, row.name)
        yield catalogue.BPF_FIB_BYTES.at(row.bytes, row.name)


def _state(item: Attachment) -> str:
    if item.program:
        return "attached"
    # An interface may come yet, or come back: the guardian waits for it.
    return "refused" if item.ifindex and item.error else "waiting"
