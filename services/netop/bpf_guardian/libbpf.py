# SPDX-License-Identifier: Apache-2.0
"""libbpf.so.1 through ctypes: loading, test runs, maps and object information.

bcc costs 74 MB of memory at import; this costs one. Structures are those of bpf(2) and
of libbpf 1.0's bpf/bpf.h, which libbpf only ever extends at their ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

LIBRARY = "libbpf.so.1"

PROGRAM_SCHED_CLS = 3  # BPF_PROG_TYPE_SCHED_CLS
MAP_HASH = 1  # BPF_MAP_TYPE_HASH
MAP_ARRAY = 2  # BPF_MAP_TYPE_ARRAY
MAP_PERCPU_ARRAY = 6  # BPF_MAP_TYPE_PERCPU_ARRAY

_TEST_RUN_ROOM = 256  # more than a program may make a frame longer
_LOG_ROOM = 1 << 20


class BpfError(Exception):
    """What the kernel refused; the message says what was tried and, for programs, why."""

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.errno = number


@dataclass(frozen=True)
class ProgramInfo:
    """A loaded program; `tag` is the kernel's hash of its instructions, without map ids."""

    id: int
    type: int
    tag: str
    name: str
    map_ids: tuple[int, ...]


@dataclass(frozen=True)
class MapLayout:
    """What two maps must share to stand in for each other; sizes in bytes."""

    type: int
    key_size: int
    value_size: int
    max_entries: int

    def holds(self, other: MapLayout) -> bool:
        """Say whether what is read and written as `other` is right here, too."""
        same = (self.type, self.key_size, self.value_size)
        return (
            same == (other.type, other.key_size, other.value_size)
            and self.max_entries >= other.max_entries
        )


@dataclass(frozen=True)
class MapInfo:
    """A map as the kernel knows it."""

    id: int
    name: str
    layout: MapLayout


@dataclass(frozen=True)
class TestRun:
    """What a program made of a frame; `nanoseconds` for one run."""

    __test__ = False  # no test class, whatever pytest takes it for

    action: int
    frame: bytes
    nanoseconds: int


class _ProgramInfo(ctypes.Structure):
    # struct bpf_prog_info, as far as it is read here
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("tag", ctypes.c_uint8 * 8),
        ("jited_prog_len", ctypes.c_uint32),
        ("xlated_prog_len", ctypes.c_uint32),
        ("jited_prog_insns", ctypes.c_uint64),
        ("xlated_prog_insns", ctypes.c_uint64),
        ("load_time", ctypes.c_uint64),
        ("created_by_uid", ctypes.c_uint32),
        ("nr_map_ids", ctypes.c_uint32),
        ("map_ids", ctypes.c_uint64),
        ("name", ctypes.c_char * 16),
    ]


class _MapInfo(ctypes.Structure):
    # struct bpf_map_info, as far as it is read here
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("key_size", ctypes.c_uint32),
        ("value_size", ctypes.c_uint32),
        ("max_entries", ctypes.c_uint32),
        ("map_flags", ctypes.c_uint32),
        ("name", ctypes.c_char * 16),
    ]


class _LoadOptions(ctypes.Structure):
    # struct bpf_prog_load_opts
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("sz", ctypes.c_size_t),
        ("attempts", ctypes.c_int),
        ("expected_attach_type", ctypes.c_int),
        ("prog_btf_fd", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_ifindex", ctypes.c_uint32),
        ("kern_version", ctypes.c_uint32),
        ("attach_btf_id", ctypes.c_uint32),
        ("attach_prog_fd", ctypes.c_uint32),
        ("attach_btf_obj_fd", ctypes.c_uint32),
        ("fd_array", ctypes.c_void_p),
        ("func_info", ctypes.c_void_p),
        ("func_info_cnt", ctypes.c_uint32),
        ("func_info_rec_size", ctypes.c_uint32),
        ("line_info", ctypes.c_void_p),
        ("line_info_cnt", ctypes.c_uint32),
        ("line_info_rec_size", ctypes.c_uint32),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_char_p),
    ]


class _TestRunOptions(ctypes.Structure):
    # struct bpf_test_run_opts
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    ]


class _SkBuff(ctypes.Structure):
    # struct __sk_buff, with what a test run may set under its own name
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("_before", ctypes.c_uint32 * 10),
        ("ifindex", ctypes.c_uint32),
        ("_between", ctypes.c_uint32 * 27),
        ("_clock", ctypes.c_uint64),
        ("wire_len", ctypes.c_uint32),
        ("gso_segs", ctypes.c_uint32),
        ("_socket", ctypes.c_uint64),
        ("gso_size", ctypes.c_uint32),
        ("_behind", ctypes.c_uint32 * 3),
    ]


class Libbpf:
    """The calls of libbpf that the guardian needs; each raises BpfError where refused."""

    def __init__(self, library: ctypes.CDLL | None = None) -> None:
        """Bind the library; raises OSError where it is not installed (Debian: libbpf1)."""
        self._library = library or ctypes.CDLL(LIBRARY, use_errno=True)
        self._library.bpf_prog_load.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
        )
        self._library.bpf_map_update_elem.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_uint64,
        )
        self._cpus = self._possible_cpus()

    def load_program(self, name: str, instructions: bytes) -> int:
        """Load a classifier under the GPL and return its descriptor."""
        log = ctypes.create_string_buffer(_LOG_ROOM)
        options = _LoadOptions(sz=ctypes.sizeof(_LoadOptions))
        arguments = (
            PROGRAM_SCHED_CLS,
            name.encode(),
            b"GPL",
            instructions,
            len(instructions) // 8,
        )
        descriptor = self._library.bpf_prog_load(*arguments, ctypes.byref(options))
        if descriptor < 0:
            # Once more with the verifier's log, which costs time when it is not read.
            options.log_level, options.log_size = 1, _LOG_ROOM
            options.log_buf = ctypes.cast(log, ctypes.c_char_p)
            descriptor = self._library.bpf_prog_load(*arguments, ctypes.byref(options))
        if descriptor < 0:
            raise self._failure(descriptor, f"load program {name}", _verdict(log.value))
        return int(descriptor)

    def test_run(
        self,
        program: int,
        frame: bytes,
        ifindex: int = 0,
        gso_size: int = 0,
        repeat: int = 1,
    ) -> TestRun:
        """Run a program on a frame as if `ifindex` had received it; nothing is sent."""
        out = ctypes.create_string_buffer(len(frame) + _TEST_RUN_ROOM)
        context = _SkBuff(ifindex=ifindex, gso_size=gso_size, gso_segs=2 if gso_size else 0)
        options = _TestRunOptions(
            sz=ctypes.sizeof(_TestRunOptions),
            data_in=frame,
            data_size_in=len(frame),
            data_out=ctypes.addressof(out),
            data_size_out=len(out),
            ctx_in=ctypes.addressof(context),
            ctx_size_in=ctypes.sizeof(context),
            repeat=repeat,
        )
        result = self._library.bpf_prog_test_run_opts(program, ctypes.byref(options))
        if result < 0:
            raise self._failure(result, "test-run a program")
        action = ctypes.c_int32(options.retval).value
        return TestRun(action, out.raw[: options.data_size_out], options.duration)

    def program_info(self, program: int) -> ProgramInfo:
        """Return what the kernel tells of a program."""
        ids = (ctypes.c_uint32 * 64)()
        info = _ProgramInfo(nr_map_ids=len(ids), map_ids=ctypes.addressof(ids))
        self._get_info(program, info)
        return ProgramInfo(
            id=info.id,
            type=info.type,
            tag=bytes(info.tag).hex(),
            name=info.name.decode(errors="replace"),
            map_ids=tuple(ids[: info.nr_map_ids]),
        )

    def map_info(self, map_: int) -> MapInfo:
        """Return what the kernel tells of a map."""
        info = _MapInfo()
        self._get_info(map_, info)
        layout = MapLayout(info.type, info.key_size, info.value_size, info.max_entries)
        return MapInfo(info.id, info.name.decode(errors="replace"), layout)

    def lookup(self, map_: int, key: bytes, value_size: int) -> bytes | None:
        """Return the value under `key`, or None; for per-CPU maps use `lookup_percpu`."""
        value = ctypes.create_string_buffer(value_size)
        result = self._library.bpf_map_lookup_elem(map_, key, value)
        if result < 0:
            if ctypes.get_errno() == errno.ENOENT:
                return None
            raise self._failure(result, "read a map")
        return value.raw

    def lookup_percpu(self, map_: int, key: bytes, value_size: int) -> tuple[bytes, ...]:
        """Return one value for each possible CPU; `value_size` is a multiple of 8 bytes."""
        whole = self.lookup(map_, key, value_size * self._cpus) or b""
        return tuple(
            whole[start : start + value_size] for start in range(0, len(whole), value_size)
        )

    def update(self, map_: int, key: bytes, value: bytes) -> None:
        """Put `value` under `key`."""
        result = self._library.bpf_map_update_elem(map_, key, value, 0)
        if result < 0:
            raise self._failure(result, "write a map")

    def clear_percpu(self, map_: int, key: bytes, value_size: int) -> None:
        """Put zeros under `key`, for every CPU."""
        self.update(map_, key, bytes(value_size * self._cpus))

    def delete(self, map_: int, key: bytes) -> None:
        """Remove `key`, which may be gone already."""
        result = self._library.bpf_map_delete_elem(map_, key)
        if result < 0 and ctypes.get_errno() != errno.ENOENT:
            raise self._failure(result, "delete from a map")

    def keys(self, map_: int, key_size: int) -> Iterator[bytes]:
        """Yield the keys of a map; do not change the map meanwhile."""
        key: bytes | None = None
        following = ctypes.create_string_buffer(key_size)
        while True:
            result = self._library.bpf_map_get_next_key(map_, key, following)
            if result < 0:
                if ctypes.get_errno() == errno.ENOENT:
                    return
                raise self._failure(result, "list a map")
            key = following.raw
            yield key

    def _possible_cpus(self) -> int:
        count = int(self._library.libbpf_num_possible_cpus())
        if count < 0:
            raise self._failure(count, "count CPUs")
        return count

    def _get_info(self, descriptor: int, info: ctypes.Structure) -> None:
        size = ctypes.c_uint32(ctypes.sizeof(info))
        result = self._library.bpf_obj_get_info_by_fd(
            descriptor, ctypes.byref(info), ctypes.byref(size)
        )
        if result < 0:
            raise self._failure(result, "ask about a BPF object")

    @staticmethod
    def _failure(result: int, tried: str, detail: str = "") -> BpfError:
        # libbpf 1.x returns the negative error number and sets errno as well.
        number = -result if result < -1 else ctypes.get_errno()
        sentence = f"cannot {tried}: {os.strerror(number)}"
        return BpfError(f"{sentence}: {detail}" if detail else sentence, number)


def _verdict(log: bytes) -> str:
    """Return the last thing that the verifier said, which is why, but for its statistics."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("processed")), "")
