# SPDX-License-Identifier: Apache-2.0
"""Program and maps in systemd's file descriptor store (sd_pid_notify_with_fds(3)).

There they outlive a restart, a crash and an upgrade of the daemon, and the counters with
them. Names: `netop.program.<hash of the source>` and `netop.map.<name>.<id>`. Two programs
may share maps, and systemd stores a descriptor once only, so a map is named for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from netop.bpf_guardian.libbpf import BpfError, Libbpf
from netop.bpf_guardian.program import Router, UnfitError, adopt

_PROGRAM = "netop.program."
_MAP = "netop.map."


class Keeper(Protocol):
    """Where descriptors are kept; systemd, but for tests."""

    def keep(self, name: str, descriptor: int) -> None:
        """Store a duplicate of `descriptor` under `name`."""
        ...

    def forget(self, name: str) -> None:
        """Remove what is stored under `name`."""
        ...


@dataclass(frozen=True)
class Recovered:
    """What came back at the start: routers that are complete, and why others are not."""

    routers: tuple[Router, ...]
    unfit: tuple[str, ...]


class FdStore:
    """What is in the store, under which names."""

    def __init__(self, libbpf: Libbpf, keeper: Keeper, given: Mapping[str, int]) -> None:
        """`given` are the descriptors that systemd handed over at the start, by name."""
        self._libbpf = libbpf
        self._keeper = keeper
        self._given = {
            name: number for name, number in given.items() if name.startswith((_PROGRAM, _MAP))
        }
        self._kept = set(self._given)

    def recover(self) -> Recovered:
        """Return the stored routers, and close what was handed over."""
        routers: list[Router] = []
        unfit: list[str] = []
        maps = self._given_maps()
        for name, descriptor in self._given.items():
            if name.startswith(_PROGRAM):
                try:
                    source = name.removeprefix(_PROGRAM)
                    routers.append(adopt(self._libbpf, source, descriptor, maps))
                except (BpfError, UnfitError) as error:
                    unfit.append(f"{name} of the descriptor store is of no use: {error}")
        for descriptor in self._given.values():
            os.close(descriptor)
        self._given.clear()
        return Recovered(tuple(routers), tuple(unfit))

    def keep_only(self, routers: Iterable[Router]) -> None:
        """Store these routers, and remove everything else; the new come before the old go."""
        wanted: dict[str, int] = {}
        for router in routers:
            for map_ in router.maps.values():
                wanted[f"{_MAP}{map_.name}.{map_.id}"] = map_.descriptor
            wanted[f"{_PROGRAM}{router.source}"] = router.descriptor
        for name, descriptor in wanted.items():
            if name not in self._kept:
                self._keeper.keep(name, descriptor)
        for name in self._kept - wanted.keys():
            self._keeper.forget(name)
        self._kept = set(wanted)

    def _given_maps(self) -> dict[int, int]:
        """Return the stored maps' descriptors by map id."""
        found: dict[int, int] = {}
        for name, descriptor in self._given.items():
            if name.startswith(_MAP):
                try:
                    found[self._libbpf.map_info(descriptor).id] = descriptor
                except BpfError:
                    continue  # no map any more; the program that needs it will say so
        return found
