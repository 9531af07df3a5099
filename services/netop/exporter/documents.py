# SPDX-License-Identifier: Apache-2.0
"""The documents themselves: which can be read, how old they are, how far they have come."""

from __future__ import annotations

from collections.abc import Iterator

from netop.common.documents import Attached, Desired, Document, Links, Served
from netop.common.tally import FILE
from netop.exporter import catalogue
from netop.exporter.metric import Sample
from netop.exporter.node import Node


def samples(node: Node) -> Iterator[Sample]:
    """Yield what there is to say of each document."""
    found: dict[type[Document], tuple[Document | None, float | None]] = {
        Desired: (node.desired.document, node.desired.changed),
        Links: (node.links.document, node.links.changed),
        Served: (node.served.document, node.served.changed),
        Attached: (node.attached.document, node.attached.changed),
    }
    for kind, (document, changed) in found.items():
        yield from _file(f"{kind.WRITER}/{kind.FILE}", document is not None, changed)
    for daemon, numbers in node.numbers.items():
        yield from _file(f"{daemon}/{FILE}", numbers.known is not None, numbers.changed)
    for kind, (document, _) in found.items():
        if document is not None:
            yield catalogue.GENERATION.at(document.generation, kind.WRITER)
    yield from _lags(node)
    yield from _problems(node)


def _file(name: str, readable: bool, changed: float | None) -> Iterator[Sample]:  # noqa: FBT001
    yield catalogue.DOCUMENT_READABLE.at(readable, name)
    yield catalogue.DOCUMENT_PRESENT.at(changed is not None, name)
    if changed is not None:
        yield catalogue.DOCUMENT_CHANGED.at(changed, name)


def _lags(node: Node) -> Iterator[Sample]:
    if node.desired.document is None:
        return
    newest = node.desired.document.generation
    for document in (node.links.document, node.served.document, node.attached.document):
        if document is not None:
            lag = max(0, newest - document.generation)
            yield catalogue.GENERATION_LAG.at(lag, document.WRITER)


def _problems(node: Node) -> Iterator[Sample]:
    for document in (node.links.document, node.served.document, node.attached.document):
        if document is not None:
            name = f"{document.WRITER}/{document.FILE}"
            yield catalogue.PROBLEMS.at(len(document.problems), name)
