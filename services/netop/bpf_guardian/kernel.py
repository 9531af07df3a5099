# SPDX-License-Identifier: Apache-2.0
"""The kernel's links and filters as the guardian sees them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from netop.bpf_guardian import filters, live
from netop.bpf_guardian.filters import Attempt, Place
from netop.bpf_guardian.links import LinkTable, all_links, refreshed
from netop.bpf_guardian.proof import Port
from netop.bpf_guardian.rtnetlink import Rtnetlink


class Kernel(Protocol):
    """What the guardian needs of rtnetlink; each raises RtnetlinkError."""

    def links(self) -> LinkTable:
        """Return every link."""
        ...

    def refreshed(self, links: LinkTable, indexes: Collection[int]) -> LinkTable:
        """Return `links` with those of `indexes` looked at again."""
        ...

    def places(self, indexes: Sequence[int]) -> dict[int, Place]:
        """Return what stands at our place, by ifindex."""
        ...

    def attach(self, indexes: Sequence[int], program: int) -> Attempt:
        """Put a program in our place; return what came of it."""
        ...

    def detach(self, indexes: Sequence[int]) -> None:
        """Remove our filter."""
        ...

    def live_ports(self, names: Sequence[str], links: LinkTable) -> tuple[Port, ...]:
        """Return what a new program is tried on."""
        ...


class RtnetlinkKernel:
    """The kernel of this network namespace."""

    def __init__(self) -> None:
        self._rtnetlink = Rtnetlink()

    def links(self) -> LinkTable:
        """Return every link."""
        return all_links(self._rtnetlink)

    def refreshed(self, links: LinkTable, indexes: Collection[int]) -> LinkTable:
        """Return `links` with those of `indexes` looked at again."""
        return refreshed(self._rtnetlink, links, indexes)

    def places(self, indexes: Sequence[int]) -> dict[int, Place]:
        """Return what stands at our place, by ifindex."""
        return filters.places(self._rtnetlink, indexes)

    def attach(self, indexes: Sequence[int], program: int) -> Attempt:
        """Put a program in our place; return what came of it."""
        return filters.attach(self._rtnetlink, indexes, program)

    def detach(self, indexes: Sequence[int]) -> None:
        """Remove our filter."""
        filters.detach(self._rtnetlink, indexes)

    def live_ports(self, names: Sequence[str], links: LinkTable) -> tuple[Port, ...]:
        """Return what a new program is tried on."""
        return live.live_ports(names, links)
