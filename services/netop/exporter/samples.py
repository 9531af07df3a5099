# SPDX-License-Identifier: Apache-2.0
"""What was found of the node, as samples. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from netop import __version__
from netop.exporter import bpf, catalogue, documents, frr, numbers, units, vrfs
from netop.exporter.metric import Sample
from netop.exporter.node import Node


def samples(node: Node) -> Iterator[Sample]:
    """Yield everything that is known; of what is not known there is no sample."""
    yield catalogue.BUILD.at(1, __version__)
    yield from documents.samples(node)
    yield from numbers.samples(node)
    yield from units.samples(node.units)
    desired, links = node.desired.document, node.links.document
    served, attached = node.served.document, node.attached.document
    if desired is not None:
        yield from vrfs.wanted(desired)
        yield from vrfs.served(desired, links, served)
    if links is not None:
        yield from vrfs.linked(desired, links)
    if served is not None:
        yield from frr.state(served)
        yield from frr.last_reload(served.reload)
    if attached is not None:
        yield from bpf.attached(attached)
    yield from bpf.counted(node.counted)
