# SPDX-License-Identifier: Apache-2.0
"""The BGP sessions between the default VRF and the others, as FRR tells of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from netop.common.edge import Field, FieldError

ESTABLISHED = "Established"

_COMMAND = ("vtysh", "-c", "show bgp summary json")
_PATIENCE = 5.0  # seconds
_MOST = (1 << 32) - 1


@dataclass(frozen=True)
class Session:
    """One session of the default VRF: `state` of RFC 4271, prefixes of all families."""

    state: str
    received: int
    sent: int


Ask = Callable[[], str | None]


def ask_vtysh() -> str | None:
    """Return what vtysh says; None for whom it does not answer, or without FRR."""
    # It would print complaints and wait for its time-outs, one for each daemon.
    if not os.access("/run/frr/bgpd.vty", os.W_OK):
        return None
    try:
        done = subprocess.run(
            _COMMAND, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def read_sessions(ask: Ask) -> dict[str, Session] | None:
    """Return the sessions by the name of their interface or peer; None where nobody knows."""
    text = ask()
    if text is None:
        return None
    try:
        return _parse(Field(json.loads(text)))
    except (ValueError, FieldError):
        return None


def _parse(field: Field) -> dict[str, Session]:
    found: dict[str, Session] = {}
    for family in field.keys():  # noqa: SIM118  # a Field is no dictionary
        peers = field[family]["peers"]
        for name in () if peers.absent else peers.keys():
            peer = peers[name]
            before = found.get(name, Session(ESTABLISHED, 0, 0))
            state = peer["state"].text()
            found[name] = Session(
                # One family that is down is what a person wants to hear of.
                state=state if before.state == ESTABLISHED else before.state,
                received=before.received + (peer["pfxRcd"].optional_integer(0, _MOST) or 0),
                sent=before.sent + (peer["pfxSnt"].optional_integer(0, _MOST) or 0),
            )
    return found
