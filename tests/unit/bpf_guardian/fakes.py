# SPDX-License-Identifier: Apache-2.0
"""A kernel, a compiler and a descriptor store that are only Python."""
# ruff: noqa: ARG002 - fakes take what the real ones take

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netop.bpf_guardian.compile import map_references, replace_maps
from netop.bpf_guardian.compiler import Compiled, CompileError
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.events import Changes
from netop.bpf_guardian.filters import FILTER_NAME, Attempt, Place
from netop.bpf_guardian.libbpf import (
    PROGRAM_SCHED_CLS,
    BpfError,
    Libbpf,
    MapInfo,
    MapLayout,
    ProgramInfo,
    TestRun,
)
from netop.bpf_guardian.links import KernelLink, LinkTable
from netop.bpf_guardian.program import (
    DECISIONS,
    FIB_RESULTS,
    LAYOUTS,
    TC_ACT_REDIRECT,
    TC_ACT_SHOT,
    TC_ACT_UNSPEC,
)
from netop.bpf_guardian.proof import Port
from netop.bpf_guardian.rtnetlink import RtnetlinkError
from netop.common.journal import Priority

# What a program makes of a frame: what it answers, what it leaves, what it counts.
Verdict = tuple[int, bytes, Decision, FibResult | None]
Behaviour = Callable[[bytes], Verdict]


def passing(frame: bytes) -> Verdict:
    """Pass everything, for the reason that a right program would give."""
    return TC_ACT_UNSPEC, frame, reason_to_pass(frame), None


def reason_to_pass(frame: bytes) -> Decision:
    """Return why a router leaves this frame of a proof to the stack."""
    ethertype = int.from_bytes(frame[12:14])
    if ethertype == 0x8100:
        return Decision.PASSED_TAGGED
    if ethertype not in {0x0800, 0x86DD}:
        return Decision.PASSED_NOT_IP
    if frame[:6] in {b"\xff" * 6, bytes.fromhex("02005e000001")}:
        return Decision.PASSED_NOT_FOR_ROUTER
    if ethertype == 0x0800:
        return _ipv4_reason(frame)
    length, following, hops = struct.unpack_from("!HBB", frame, 18)
    if following == 0:
        return Decision.PASSED_OPTIONS
    if length + 54 > len(frame):
        return Decision.PASSED_MALFORMED
    if hops <= 1:
        return Decision.PASSED_TTL_EXPIRED
    return Decision.PASSED_MARTIAN if frame[22] == 0xFE else Decision.PASSED_NOT_FORWARDED


def _ipv4_reason(frame: bytes) -> Decision:
    if frame[14] != 0x45:
        return Decision.PASSED_OPTIONS
    if int.from_bytes(frame[16:18]) + 14 > len(frame):
        return Decision.PASSED_MALFORMED
    if frame[22] <= 1:
        return Decision.PASSED_TTL_EXPIRED
    return Decision.PASSED_MARTIAN if frame[30] >= 224 else Decision.PASSED_NOT_FORWARDED


@dataclass
class _FakeMap:
    info: MapInfo
    data: dict[bytes, bytes] = field(default_factory=dict)


@dataclass
class _FakeProgram:
    info: ProgramInfo
    behaviour: Behaviour


class FakeLibbpf(Libbpf):
    """Objects live in files without names, so that a duplicate is known by its inode."""

    def __init__(self) -> None:
        self.objects: dict[int, _FakeMap | _FakeProgram] = {}
        self.behaviours: dict[bytes, Behaviour] = {}
        self.refuses = ""
        self._last_id = 100

    def new_map(self, name: str, layout: MapLayout) -> int:
        """Make a map and return its descriptor."""
        return self._add(name, _FakeMap(MapInfo(self._next_id(), name, layout)))

    def load_program(self, name: str, instructions: bytes) -> int:
        if self.refuses:
            raise BpfError(self.refuses, 1)
        ids = tuple(self.map_info(number).id for _, number in map_references(instructions))
        text = replace_maps(instructions, {number: 0 for _, number in map_references(instructions)})
        tag = hashlib.sha1(text).hexdigest()[:16]
        info = ProgramInfo(self._next_id(), PROGRAM_SCHED_CLS, tag, name, ids)
        return self._add(name, _FakeProgram(info, self.behaviours.get(instructions[-8:], passing)))

    def test_run(
        self, program: int, frame: bytes, ifindex: int = 0, gso_size: int = 0, repeat: int = 1
    ) -> TestRun:
        loaded = self._program(program)
        action, left, decision, found = loaded.behaviour(frame)
        self.count(loaded.info, DECISIONS, decision)
        if found is not None:
            self.count(loaded.info, FIB_RESULTS, found)
        return TestRun(action, left, 100)

    def count(self, info: ProgramInfo, name: str, slot: int) -> None:
        """Count as a program does."""
        for found in self.objects.values():
            if not isinstance(found, _FakeMap) or found.info.name != name:
                continue
            if found.info.id in info.map_ids:
                key = struct.pack("=I", slot)
                packets, size = struct.unpack("=QQ", found.data.get(key, bytes(16)))
                found.data[key] = struct.pack("=QQ", packets + 1, size + 60)

    def program_info(self, program: int) -> ProgramInfo:
        return self._program(program).info

    def map_info(self, map_: int) -> MapInfo:
        return self._map(map_).info

    def lookup(self, map_: int, key: bytes, value_size: int) -> bytes | None:
        return self._map(map_).data.get(key)

    def lookup_percpu(self, map_: int, key: bytes, value_size: int) -> tuple[bytes, ...]:
        return (self._map(map_).data.get(key, bytes(value_size)), bytes(value_size))

    def update(self, map_: int, key: bytes, value: bytes) -> None:
        self._map(map_).data[key] = value

    def clear_percpu(self, map_: int, key: bytes, value_size: int) -> None:
        self._map(map_).data.pop(key, None)

    def delete(self, map_: int, key: bytes) -> None:
        self._map(map_).data.pop(key, None)

    def keys(self, map_: int, key_size: int) -> Iterator[bytes]:
        return iter(list(self._map(map_).data))

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _add(self, name: str, thing: _FakeMap | _FakeProgram) -> int:
        descriptor = os.memfd_create(name)
        self.objects[os.fstat(descriptor).st_ino] = thing
        return descriptor

    def _map(self, descriptor: int) -> _FakeMap:
        found = self.objects.get(os.fstat(descriptor).st_ino)
        if not isinstance(found, _FakeMap):
            raise BpfError("cannot ask about a BPF object: Invalid argument", 22)
        return found

    def _program(self, descriptor: int) -> _FakeProgram:
        found = self.objects.get(os.fstat(descriptor).st_ino)
        if not isinstance(found, _FakeProgram):
            raise BpfError("cannot ask about a BPF object: Invalid argument", 22)
        return found


@dataclass
class FakeCompiler:
    """Makes of any source a program whose last instruction is a hash of the source."""

    libbpf: FakeLibbpf
    layouts: dict[str, MapLayout] = field(default_factory=lambda: dict(LAYOUTS))
    compiled: list[str] = field(default_factory=list)
    complaint: str = ""

    async def compile(self, source: Path) -> Compiled:
        text = source.read_text()
        self.compiled.append(text)
        if self.complaint:
            raise CompileError(self.complaint)
        maps = tuple(self.libbpf.new_map(name, layout) for name, layout in self.layouts.items())
        loads = b"".join(
            struct.pack("=BBhiQ", 0x18, 0x11, 0, place, 0) for place in range(len(maps))
        )
        return Compiled(loads + marker(text), maps)


def marker(text: str) -> bytes:
    """Return the instruction that stands for a source; comments change nothing."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    return bytes([0xB7]) + hashlib.sha1(code.encode()).digest()[:7]


@dataclass
class FakeKernel:
    """Links and filters."""

    table: dict[int, KernelLink] = field(default_factory=dict)
    filters: dict[int, Place] = field(default_factory=dict)
    libbpf: FakeLibbpf | None = None
    ports: tuple[Port, ...] = ()
    refused: dict[int, str] = field(default_factory=dict)
    unseen: set[int] = field(default_factory=set)  # where filters of another kind stand
    lost: int = 0
    log: list[str] = field(default_factory=list)

    def links(self) -> LinkTable:
        self._maybe_lose()
        self.log.append("links")
        return dict(self.table)

    def refreshed(self, links: LinkTable, indexes: Collection[int]) -> LinkTable:
        self._maybe_lose()
        self.log.append(f"refreshed {sorted(indexes)}")
        kept = {index: link for index, link in links.items() if index not in indexes}
        return kept | {index: self.table[index] for index in indexes if index in self.table}

    def places(self, indexes: Sequence[int]) -> dict[int, Place]:
        return {index: self.filters[index] for index in indexes if index in self.filters}

    def attach(self, indexes: Sequence[int], program: int) -> Attempt:
        assert self.libbpf is not None
        refused = {index: self.refused[index] for index in indexes if index in self.refused}
        info = self.libbpf.program_info(program)
        for index in indexes:
            if index not in refused:
                self.log.append(f"attach {index} {info.id}")
                self.filters[index] = Place(info.id, FILTER_NAME)
        cleared = frozenset(index for index in indexes if index in self.unseen)
        self.unseen -= cleared
        return Attempt(refused, cleared)

    def detach(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            self.log.append(f"detach {index}")
            self.filters.pop(index, None)

    def live_ports(self, names: Sequence[str], links: LinkTable) -> tuple[Port, ...]:
        return self.ports

    def _maybe_lose(self) -> None:
        if self.lost:
            self.lost -= 1
            raise RtnetlinkError("the kernel's answers were lost: No buffer space available")


@dataclass
class FakeEvents:
    """What the kernel has told; the first look is at everything."""

    waiting: Changes = field(default_factory=lambda: Changes(frozenset(), everything=True))

    def tell(self, *indexes: int) -> None:
        self.waiting = Changes(frozenset(indexes))

    def take(self) -> Changes:
        taken, self.waiting = self.waiting, Changes(frozenset())
        return taken


@dataclass
class FakeKeeper:
    """systemd's descriptor store."""

    stored: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def keep(self, name: str, descriptor: int) -> None:
        self.log.append(f"keep {name}")
        # As service_add_fd_store does: what is there under another name stays as it is.
        if not any(os.path.sameopenfile(descriptor, known) for known in self.stored.values()):
            self.stored[name] = os.dup(descriptor)

    def forget(self, name: str) -> None:
        self.log.append(f"forget {name}")
        os.close(self.stored.pop(name))

    def handed_over(self) -> dict[str, int]:
        """Return duplicates, as a restarted service gets them."""
        return {name: os.dup(descriptor) for name, descriptor in self.stored.items()}


@dataclass
class FakeSink:
    """A journal that is a list."""

    entries: list[tuple[Priority, str, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
        self.entries.append((priority, sentence, fields))

    def sentences(self) -> list[str]:
        return [sentence for _, sentence, _ in self.entries]


@dataclass
class FakeClock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def dropping_arp(frame: bytes) -> Verdict:
    """A program that does what none may."""
    if frame[12:14] == b"\x08\x06":
        return TC_ACT_SHOT, frame, Decision.DROPPED_BLACKHOLE, FibResult.BLACKHOLE
    return passing(frame)


def forwarding_with_the_same_ttl(frame: bytes) -> Verdict:
    """The original's mistake."""
    action, left, decision, found = passing(frame)
    if decision is Decision.PASSED_NOT_FORWARDED:
        return TC_ACT_REDIRECT, left, Decision.FORWARDED, FibResult.SUCCESS
    return action, left, decision, found
