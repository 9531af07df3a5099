# SPDX-License-Identifier: Apache-2.0
"""Asking FRR, as far as the reader may."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

_SOCKET = Path("/run/frr/bgpd.vty")
_PATIENCE = 5.0  # seconds

#: Takes a command and returns what FRR says; raises VtyshError.
Ask = Callable[[str], str]


class VtyshError(Exception):
    """FRR cannot be asked; the message says why."""


def ask_vtysh(question: str) -> str:
    """Return what FRR says; raises VtyshError."""
    # vtysh itself would complain, and wait, once for each daemon.
    if not _SOCKET.exists():
        raise VtyshError("FRR does not run")
    if not os.access(_SOCKET, os.W_OK):
        raise VtyshError("FRR answers root and the group frrvty only")
    try:
        done = subprocess.run(
            ["vtysh", "-c", question],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VtyshError(f"FRR does not answer: {error}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise VtyshError(f"FRR does not answer `{question}`: {said[:200]}")
    return done.stdout
