# SPDX-License-Identifier: Apache-2.0
"""The BGP sessions between the default VRF and the others, as FRR tells of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from netop.common.edge import Field, FieldError
from netop.ctl.vtysh import Ask, VtyshError

ESTABLISHED = "Established"

_QUESTION = "show bgp summary json"
_MOST = (1 << 32) - 1


@dataclass(frozen=True)
class Session:
    """One session of the default VRF: `state` of RFC 4271, prefixes of all families."""

    state: str
    received: int
    sent: int


def read_sessions(ask: Ask) -> dict[str, Session] | None:
    """Return the sessions by the name of their interface or peer; None where nobody knows."""
    try:
        return _parse(Field(json.loads(ask(_QUESTION))))
    except (VtyshError, ValueError, FieldError):
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
