# SPDX-License-Identifier: Apache-2.0
"""The child that compiles, and the parent that reads its answer; without bcc."""

from __future__ import annotations

import struct
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.bpf_guardian.compile import (
    CompileError,
    kernel_headers,
    map_references,
    replace_maps,
)
from netop.bpf_guardian.compiler import BccCompiler, source_hash

OPEN = Path("/proc/self/fd")
SHIM = Path(__file__).parents[3] / "bpf" / "shim"


def load_map(number: int) -> bytes:
    return struct.pack("=BBhiQ", 0x18, 0x11, 0, number, 0)


OTHER = struct.pack("=BBhi", 0xB7, 0x01, 0, 7)
LOAD_NUMBER = struct.pack("=BBhiQ", 0x18, 0x01, 0, 7, 0x18)


def test_only_instructions_that_load_maps_are_changed() -> None:
    text = OTHER + load_map(7) + LOAD_NUMBER + load_map(8)
    changed = replace_maps(text, {7: 70, 8: 80})

    assert changed == OTHER + load_map(70) + LOAD_NUMBER + load_map(80)


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.one_of(st.integers(0, 1000).map(load_map), st.just(OTHER), st.just(LOAD_NUMBER))
    )
)
def test_replacing_there_and_back_changes_nothing(parts: list[bytes]) -> None:
    text = b"".join(parts)
    numbers = sorted({number for _, number in map_references(text)})
    there = {number: place + 5000 for place, number in enumerate(numbers)}
    back = {place: number for number, place in there.items()}

    assert replace_maps(replace_maps(text, there), back) == text


def system_headers(place: Path) -> Path:
    asm = place / str(sysconfig.get_config_var("MULTIARCH") or "") / "asm"
    for header in (place / "linux" / "pkt_cls.h", asm / "byteorder.h"):
        header.parent.mkdir(parents=True)
        header.touch()
    return place


def test_header_tree_joins_the_system_and_the_shim(tmp_path: Path) -> None:
    headers = kernel_headers(SHIM, tmp_path / "tree", system_headers(tmp_path / "system"))

    for name in ("linux/kconfig.h", "asm/page.h", "uapi/linux/pkt_cls.h", "uapi/asm/byteorder.h"):
        assert (headers / "include" / name).exists(), name


def test_missing_headers_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"pkt_cls\.h is missing; apt install linux-libc-dev"):
        kernel_headers(SHIM, tmp_path / "tree", tmp_path)


def test_missing_shim_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="apt install --reinstall netop"):
        kernel_headers(tmp_path, tmp_path / "tree", system_headers(tmp_path / "system"))


def child(place: Path, script: str) -> BccCompiler:
    """Return a compiler whose child is a shell script; the socket is its fifth argument."""
    python = place / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return BccCompiler(str(python))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo '/virtual/main.c:116:11: error: unknown type name x' >&2; exit 1",
            "^line 116: unknown type name x$",
        ),
        ("echo 'netop: No module named bcc; apt install python3-bpfcc' >&2; exit 1", "^No module"),
        ("kill -9 $$", "^the compiler ended with -9$"),
        ("exit 0", "^the compiler's answer is incomplete$"),
        ("exit 3", "^the compiler ended with 3$"),
    ],
)
async def test_failures_are_told_in_a_line(tmp_path: Path, script: str, reason: str) -> None:
    open_before = len(list(OPEN.iterdir()))
    with pytest.raises(CompileError, match=reason):
        await child(tmp_path, script).compile(tmp_path / "router.c")

    assert len(list(OPEN.iterdir())) == open_before


def test_source_is_known_by_what_it_says(tmp_path: Path) -> None:
    source = tmp_path / "router.c"
    source.write_text("a")
    first = source_hash(source)
    source.write_text("b")

    assert len(first) == 16
    assert source_hash(source) != first
