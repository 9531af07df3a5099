# SPDX-License-Identifier: Apache-2.0
"""The loaded program with its maps: the one thing that outlives the daemon."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netop.bpf_guardian.compile import FUNCTION, replace_maps
from netop.bpf_guardian.compiler import Compiled
from netop.bpf_guardian.decisions import COUNTER_SLOTS
from netop.bpf_guardian.libbpf import (
    MAP_ARRAY,
    MAP_HASH,
    MAP_PERCPU_ARRAY,
    PROGRAM_SCHED_CLS,
    Libbpf,
    MapLayout,
    ProgramInfo,
)

PORTS = "lookup_port"
NEAR_PORTS = "near_port"
DECISIONS = "decisions"
FIB_RESULTS = "fib_results"
_COUNTER = struct.Struct("=QQ")
_INDEX = struct.Struct("=I")
_PORT = struct.Struct("=II6sH")
_NEAR_SLOTS = 1024
_COUNTERS = MapLayout(MAP_PERCPU_ARRAY, _INDEX.size, _COUNTER.size, COUNTER_SLOTS)

# As bpf/router.c has them, and as they are read and written here.
LAYOUTS: Mapping[str, MapLayout] = {
    PORTS: MapLayout(MAP_HASH, _INDEX.size, _PORT.size, 4096),
    NEAR_PORTS: MapLayout(MAP_ARRAY, _INDEX.size, _PORT.size, _NEAR_SLOTS),
    DECISIONS: _COUNTERS,
    FIB_RESULTS: _COUNTERS,
}

# What a classifier may answer (linux/pkt_cls.h).
TC_ACT_UNSPEC = -1
TC_ACT_SHOT = 2
TC_ACT_REDIRECT = 7


@dataclass(frozen=True)
class Count:
    """Packets and bytes since the maps were made."""

    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class RoutedBy:
    """The interface, an ifindex, in whose VRF packets are routed that are for its `mac`."""

    index: int
    mac: bytes


@dataclass(frozen=True)
class Map:
    """A map that a program uses; the holder of the router closes the descriptor."""

    name: str
    id: int
    descriptor: int


@dataclass(frozen=True)
class Router:
    """A loaded program: `source` is the hash of what it was compiled from, `maps` go by
    name. The holder closes it.
    """

    source: str
    descriptor: int
    info: ProgramInfo
    maps: Mapping[str, Map]

    def close(self) -> None:
        """Close the program and its maps; what is attached goes on without them."""
        os.close(self.descriptor)
        for map_ in self.maps.values():
            os.close(map_.descriptor)


class UnfitError(Exception):
    """Something that is not the router it is said to be."""


def load(
    libbpf: Libbpf, compiled: Compiled, source: str, kept: Mapping[str, Map] | None = None
) -> Router:
    """Load the compiled program, on the `kept` maps wherever their layout is the same.

    The descriptors that the router holds are its own. Raises BpfError and UnfitError.
    """
    numbers: dict[int, int] = {}
    for place, descriptor in enumerate(compiled.maps):
        fresh = libbpf.map_info(descriptor)
        old = (kept or {}).get(fresh.name)
        fits = old is not None and libbpf.map_info(old.descriptor).layout == fresh.layout
        numbers[place] = old.descriptor if old is not None and fits else descriptor
    instructions = replace_maps(compiled.instructions, numbers)
    descriptor = libbpf.load_program(FUNCTION, instructions)
    try:
        return Router(
            source,
            descriptor,
            libbpf.program_info(descriptor),
            _duplicates(libbpf, numbers.values()),
        )
    except UnfitError:
        os.close(descriptor)
        raise


def adopt(libbpf: Libbpf, source: str, descriptor: int, maps: Mapping[int, int]) -> Router:
    """Return the router of a stored program, its maps found by id among `maps`.

    The descriptors that the router holds are its own. Raises BpfError and UnfitError.
    """
    info = libbpf.program_info(descriptor)
    missing = [str(number) for number in info.map_ids if number not in maps]
    if info.type != PROGRAM_SCHED_CLS or missing:
        raise UnfitError(f"program {info.id} is no classifier, or without maps {missing}")
    for map_ in (libbpf.map_info(maps[number]) for number in info.map_ids):
        # Of another version, perhaps: a longer value would be read past the buffer's end.
        if map_.name in LAYOUTS and not map_.layout.holds(LAYOUTS[map_.name]):
            raise UnfitError(f"{map_.name} of program {info.id} is laid out as {map_.layout}")
    own = _duplicates(libbpf, [maps[number] for number in info.map_ids])
    return Router(source, os.dup(descriptor), info, own)


def _duplicates(libbpf: Libbpf, descriptors: Iterable[int]) -> dict[str, Map]:
    """Return descriptors of our own to the maps that a router has; raises UnfitError."""
    descriptors = tuple(descriptors)
    infos = [libbpf.map_info(descriptor) for descriptor in descriptors]
    names = sorted(info.name for info in infos)
    if names != sorted(LAYOUTS):
        raise UnfitError(f"the program has the maps {', '.join(names)}, not {', '.join(LAYOUTS)}")
    return {
        info.name: Map(info.name, info.id, os.dup(descriptor))
        for info, descriptor in zip(infos, descriptors, strict=True)
    }


def read_counts(libbpf: Libbpf, router: Router, name: str) -> tuple[Count, ...]:
    """Return one sum over all CPUs for each slot of the counters `name`."""
    return tuple(_sum(libbpf, router.maps[name].descriptor, slot) for slot in range(COUNTER_SLOTS))


def clear_counts(libbpf: Libbpf, router: Router) -> None:
    """Set all counters to zero."""
    for name in (DECISIONS, FIB_RESULTS):
        for slot in range(COUNTER_SLOTS):
            libbpf.clear_percpu(router.maps[name].descriptor, _INDEX.pack(slot), _COUNTER.size)


def read_ports(libbpf: Libbpf, router: Router) -> dict[int, RoutedBy]:
    """Return what routes what each interface receives, by ifindex."""
    map_ = router.maps[PORTS].descriptor
    ports: dict[int, RoutedBy] = {}
    for key in libbpf.keys(map_, _INDEX.size):
        value = libbpf.lookup(map_, key, _PORT.size)
        if value is not None:
            ports[_INDEX.unpack(key)[0]] = RoutedBy(*_PORT.unpack(value)[1:3])
    return ports


def set_port(libbpf: Libbpf, router: Router, received: int, by: RoutedBy) -> None:
    """Have `by` route what `received`, an ifindex, receives."""
    value = _PORT.pack(received, by.index, by.mac, 0)
    # Only the second one is ever looked at: it comes last, so that a crash is noticed.
    libbpf.update(router.maps[NEAR_PORTS].descriptor, _near(received), value)
    libbpf.update(router.maps[PORTS].descriptor, _INDEX.pack(received), value)


def clear_port(libbpf: Libbpf, router: Router, received: int) -> None:
    """Leave what `received`, an ifindex, receives to the stack."""
    near = router.maps[NEAR_PORTS].descriptor
    value = libbpf.lookup(near, _near(received), _PORT.size)
    if value is not None and _PORT.unpack(value)[0] == received:
        libbpf.update(near, _near(received), bytes(_PORT.size))
    libbpf.delete(router.maps[PORTS].descriptor, _INDEX.pack(received))


def _near(received: int) -> bytes:
    return _INDEX.pack(received % _NEAR_SLOTS)


def _sum(libbpf: Libbpf, map_: int, slot: int) -> Count:
    values = libbpf.lookup_percpu(map_, _INDEX.pack(slot), _COUNTER.size)
    pairs = [_COUNTER.unpack(value) for value in values]
    return Count(sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs))
