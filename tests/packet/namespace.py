# SPDX-License-Identifier: Apache-2.0
"""A network of our own: this process moves into a fresh network namespace."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000


@contextmanager
def fresh_network() -> Iterator[None]:
    """Be in a new, empty network namespace for as long as the context lasts."""
    library = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        _check(library.unshare(CLONE_NEWNET))
        yield
    finally:
        _check(library.setns(home, CLONE_NEWNET))
        os.close(home)


def run(commands: str) -> None:
    """Run lines of `ip`, one command a line, stopping at the first that fails."""
    lines = [line.strip() for line in commands.splitlines() if line.strip()]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def sysctl(name: str, value: str) -> None:
    """Set a sysctl of this namespace; interface names may hold dots, so slashes divide."""
    Path("/proc/sys", name).write_text(value)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
