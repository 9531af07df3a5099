# SPDX-License-Identifier: Apache-2.0
"""Has a child compile the program, and takes over what it made."""

from __future__ import annotations

import array
import asyncio
import hashlib
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netop.bpf_guardian import compile as compile_
from netop.bpf_guardian.compile import CompileError

__all__ = ["BccCompiler", "CompileError", "Compiled", "Compiler", "source_hash"]

# Under emulation, on a machine that has much else to do, bcc was seen to need 80 s.
COMPILE_LONGEST = 600.0

_MESSAGE_ROOM = 1 << 20
_MAPS_HIGHEST = 64

# As clang says it, with bcc's name for a source that it was given as text.
_OUR_TEXT = "/virtual/main.c"
_DIAGNOSTIC = re.compile(r"^(\S+?):(\d+):\d+: (?:fatal )?error: (.*)$")


@dataclass(frozen=True)
class Compiled:
    """A program that is not loaded yet, and the maps made for it, which the holder closes.

    Where an instruction loads a map, its immediate is an index into `maps`.
    """

    instructions: bytes
    maps: tuple[int, ...]

    def close(self) -> None:
        """Close the maps."""
        for descriptor in self.maps:
            os.close(descriptor)


class Compiler(Protocol):
    """What makes instructions of a source file."""

    async def compile(self, source: Path) -> Compiled:
        """Return the program; raises CompileError."""
        ...


@dataclass(frozen=True)
class BccCompiler:
    """Compiles by compile.py in a process of its own; `python` must know bcc."""

    python: str = sys.executable

    async def compile(self, source: Path) -> Compiled:
        """Return the program; raises CompileError with what clang or bcc complains about."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                child = await asyncio.create_subprocess_exec(
                    self.python,
                    "-I",
                    compile_.__file__,
                    str(source),
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
            told = await self._finish(child)
            if child.returncode != 0:
                raise CompileError(_summary(told, child.returncode))
            return _receive(ours)

    @staticmethod
    async def _finish(child: asyncio.subprocess.Process) -> str:
        try:
            _, stderr = await asyncio.wait_for(child.communicate(), COMPILE_LONGEST)
        except TimeoutError as error:
            child.kill()
            await child.wait()
            raise CompileError(f"the compiler took more than {COMPILE_LONGEST:g} s") from error
        return stderr.decode(errors="replace")


def source_hash(source: Path) -> str:
    """Return what a program is known by: a hash of its source; raises OSError."""
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16]


def _receive(channel: socket.socket) -> Compiled:
    """Return the one message of the child; every descriptor in it is ours now."""
    room = socket.CMSG_SPACE(_MAPS_HIGHEST * array.array("i").itemsize)
    text, _, flags, _ = (message := channel.recvmsg(_MESSAGE_ROOM, room))
    maps = array.array("i")
    for level, kind, data in message[1]:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            maps.frombytes(data[: len(data) - len(data) % maps.itemsize])
    compiled = Compiled(text, tuple(maps))
    if not text or not maps or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        compiled.close()
        raise CompileError("the compiler's answer is incomplete")
    return compiled


def _summary(told: str, status: int | None) -> str:
    """Return the first complaint of clang with its line, or the last line said."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    for line in lines:
        if match := _DIAGNOSTIC.match(line):
            place, number, reason = match.groups()
            return f"line {number}: {reason}" if place == _OUR_TEXT else f"{place}: {reason}"
    return lines[-1].removeprefix("netop: ") if lines else f"the compiler ended with {status}"
