# SPDX-License-Identifier: Apache-2.0
"""The loaded program with its maps: the one thing that outlives the daemon."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from netop.bpf_guardian.compile import FUNCTION, replace_maps
from netop.bpf_guardian.compiler import Compiled
from netop.bpf_guardian.decisions import COUNTER_SLOTS
from netop.bpf_guardian.libbpf import PROGRAM_SCHED_CLS, BpfError, Libbpf, ProgramInfo

PORTS = "lookup_port"
DECISIONS = "decisions"
FIB_RESULTS = "fib_results"
MAPS = (PORTS, DECISIONS, FIB_RESULTS)

_COUNTER = struct.Struct("=QQ")
_INDEX = struct.Struct("=I")

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
class Router:
    """A loaded program: `source` is the hash of what it was compiled from, `maps` the
    descriptors by name. The holder closes it.
    """

    source: str
    descriptor: int
    info: ProgramInfo
    maps: Mapping[str, int]

    def close(self) -> None:
        """Close the program and its maps; what is attached goes on without them."""
        os.close(self.descriptor)
        for descriptor in self.maps.values():
            os.close(descriptor)


class UnfitError(Exception):
    """Descriptors that are not the router they are said to be."""


def map_names(libbpf: Libbpf, compiled: Compiled) -> tuple[str, ...]:
    """Return the names of the compiled program's maps, in its order; raises UnfitError."""
    found = tuple(libbpf.map_info(descriptor).name for descriptor in compiled.maps)
    if sorted(found) != sorted(MAPS):
        raise UnfitError(f"the program has the maps {', '.join(found)}, not {', '.join(MAPS)}")
    return found


def load(
    libbpf: Libbpf, compiled: Compiled, source: str, kept: Mapping[str, int] | None = None
) -> Router:
    """Load the compiled program, on the `kept` maps wherever their layout is the same.

    The descriptors that the router holds are its own. Raises BpfError and UnfitError.
    """
    chosen: dict[str, int] = {}
    numbers: dict[int, int] = {}
    for place, name in enumerate(map_names(libbpf, compiled)):
        chosen[name] = _choose(libbpf, compiled.maps[place], (kept or {}).get(name))
        numbers[place] = chosen[name]
    descriptor = libbpf.load_program(FUNCTION, replace_maps(compiled.instructions, numbers))
    maps = {name: os.dup(original) for name, original in chosen.items()}
    return Router(source, descriptor, libbpf.program_info(descriptor), maps)


def adopt(libbpf: Libbpf, source: str, descriptor: int, maps: Mapping[str, int]) -> Router:
    """Return the router that stored descriptors make up; raises UnfitError."""
    try:
        info = libbpf.program_info(descriptor)
        ids = {libbpf.map_info(number).id for number in maps.values()}
    except BpfError as error:
        raise UnfitError(f"a stored descriptor is no BPF object: {error}") from error
    if info.type != PROGRAM_SCHED_CLS or set(maps) != set(MAPS) or ids != set(info.map_ids):
        raise UnfitError(f"the stored program {info.name} (id {info.id}) has not the stored maps")
    return Router(source, descriptor, info, maps)


def _choose(libbpf: Libbpf, fresh: int, kept: int | None) -> int:
    if kept is None or libbpf.map_info(kept).layout != libbpf.map_info(fresh).layout:
        return fresh
    return kept


def read_counts(libbpf: Libbpf, router: Router, name: str) -> tuple[Count, ...]:
    """Return one sum over all CPUs for each slot of the counters `name`."""
    return tuple(_sum(libbpf, router.maps[name], slot) for slot in range(COUNTER_SLOTS))


def clear_counts(libbpf: Libbpf, router: Router) -> None:
    """Set all counters to zero."""
    for name in (DECISIONS, FIB_RESULTS):
        for slot in range(COUNTER_SLOTS):
            libbpf.clear_percpu(router.maps[name], _INDEX.pack(slot), _COUNTER.size)


def read_ports(libbpf: Libbpf, router: Router) -> dict[int, int]:
    """Return which interface's VRF routes what each interface receives, by ifindex."""
    map_ = router.maps[PORTS]
    ports: dict[int, int] = {}
    for key in libbpf.keys(map_, _INDEX.size):
        value = libbpf.lookup(map_, key, _INDEX.size)
        if value is not None:
            ports[_INDEX.unpack(key)[0]] = _INDEX.unpack(value)[0]
    return ports


def set_port(libbpf: Libbpf, router: Router, received: int, routed: int) -> None:
    """Have what `received` receives looked up in the VRF of `routed`."""
    libbpf.update(router.maps[PORTS], _INDEX.pack(received), _INDEX.pack(routed))


def clear_port(libbpf: Libbpf, router: Router, received: int) -> None:
    """Leave what `received` receives to the stack."""
    libbpf.delete(router.maps[PORTS], _INDEX.pack(received))


def _sum(libbpf: Libbpf, map_: int, slot: int) -> Count:
    values = libbpf.lookup_percpu(map_, _INDEX.pack(slot), _COUNTER.size)
    pairs = [_COUNTER.unpack(value) for value in values]
    return Count(sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs))
