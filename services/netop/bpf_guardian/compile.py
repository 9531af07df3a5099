# SPDX-License-Identifier: Apache-2.0
"""The short-lived child that compiles: LLVM's 130 MB end with it.

``python3 -I compile.py SOURCE SOCKET``: compiles SOURCE with bcc, and sends over the
descriptor SOCKET one message: the instructions, in which each map is named by its place
among the map descriptors that travel with them (SCM_RIGHTS). Ends with 0, or with the
diagnostics on standard error.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

FUNCTION = "netop_router"
SYSTEM_HEADERS = Path("/usr/include")

# struct bpf_insn: opcode, registers (destination low, source high), offset, immediate.
_INSTRUCTION = struct.Struct("=BBhi")
_LOAD_IMMEDIATE = 0x18  # BPF_LD | BPF_IMM | BPF_DW, two instructions long
_PSEUDO_MAP = 1  # BPF_PSEUDO_MAP_FD in the source register


class CompileError(Exception):
    """The program cannot be compiled here; the message says what is missing or wrong."""


def map_references(instructions: bytes) -> Iterator[tuple[int, int]]:
    """Yield (byte offset of the immediate, immediate) for each instruction that loads a map."""
    position = 0
    while position < len(instructions):
        opcode, registers, _, immediate = _INSTRUCTION.unpack_from(instructions, position)
        if opcode == _LOAD_IMMEDIATE:
            if registers >> 4 == _PSEUDO_MAP:
                yield position + 4, immediate
            position += _INSTRUCTION.size
        position += _INSTRUCTION.size


def replace_maps(instructions: bytes, replacement: dict[int, int]) -> bytes:
    """Return the instructions with each map immediate replaced as `replacement` says."""
    text = bytearray(instructions)
    for offset, immediate in map_references(instructions):
        struct.pack_into("=i", text, offset, replacement[immediate])
    return bytes(text)


def kernel_headers(shim: Path, place: Path, system: Path = SYSTEM_HEADERS) -> Path:
    """Make below `place` the header tree that bcc wants, and return it.

    The system's stable headers stand where a kernel source has them, and `shim` for its
    internal ones. Raises CompileError where a package is missing.
    """
    asm = system / str(sysconfig.get_config_var("MULTIARCH") or "") / "asm"
    for needed in (system / "linux" / "pkt_cls.h", asm / "byteorder.h"):
        if not needed.exists():
            raise CompileError(f"{needed} is missing; apt install linux-libc-dev")
    if not (shim / "linux" / "kconfig.h").exists():
        raise CompileError(f"{shim} is missing; apt install --reinstall netop")
    stable = place / "include" / "uapi"
    stable.mkdir(parents=True)
    (place / "include" / "linux").symlink_to(shim / "linux")
    (place / "include" / "asm").symlink_to(shim / "asm")
    (stable / "linux").symlink_to(system / "linux")
    (stable / "asm-generic").symlink_to(system / "asm-generic")
    (stable / "asm").symlink_to(asm)
    return place


def compile_source(source: Path, headers: Path) -> tuple[bytes, list[int]]:
    """Return the instructions and the descriptors of the maps they name by position."""
    os.environ["BCC_KERNEL_SOURCE"] = str(headers)
    try:
        import bcc
    except ImportError as error:
        raise CompileError(f"{error}; apt install python3-bpfcc") from error
    try:
        module = bcc.BPF(text=source.read_bytes())
        instructions = module.dump_func(FUNCTION.encode())
    except Exception as error:  # bcc raises nothing more particular
        raise CompileError(str(error)) from error
    maps = sorted({immediate for _, immediate in map_references(instructions)})
    places = {descriptor: place for place, descriptor in enumerate(maps)}
    # bcc closes its maps when the module goes; these are ours until they are sent.
    return replace_maps(instructions, places), [os.dup(descriptor) for descriptor in maps]


def main(arguments: list[str]) -> int:
    """Compile, send, and return the exit status."""
    source, channel = Path(arguments[0]).resolve(), int(arguments[1])
    try:
        with tempfile.TemporaryDirectory(prefix="netop-headers-") as place:
            headers = kernel_headers(source.parent / "shim", Path(place))
            instructions, maps = compile_source(source, headers)
    except (CompileError, OSError) as error:
        print(f"netop: {error}", file=sys.stderr)
        return 1
    with socket.socket(fileno=channel) as sender:
        socket.send_fds(sender, [instructions], maps)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
