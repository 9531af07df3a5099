# SPDX-License-Identifier: Apache-2.0
"""The daemons as systemd sees them; anybody may ask."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

DAEMONS = ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
TARGET = "netop.target"
FRR = "frr.service"

_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,StatusText,Result,NRestarts,Paths,MemoryCurrent,CPUUsageNSec"
)
_PATIENCE = 5.0  # seconds
_UNKNOWN = (1 << 64) - 1


@dataclass(frozen=True)
class UnitState:
    """One unit; texts as in systemctl(1), `restarts` since it was last started by hand.

    `paths` are those that a path unit waits for; any of them is enough. `memory` is in
    bytes, `processor` the time used in seconds; None where systemd keeps no account.
    """

    name: str
    load: str
    active: str
    sub: str
    status: str = ""
    result: str = ""
    restarts: int = 0
    paths: tuple[str, ...] = ()
    memory: int | None = None
    processor: float | None = None


Ask = Callable[[Sequence[str]], str]


def ask_systemctl(names: Sequence[str]) -> str:
    """Return what `systemctl show` says of the units; raises OSError."""
    command = ["systemctl", "show", f"--property={_PROPERTIES}", "--", *names]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"systemctl did not answer within {_PATIENCE:g} s") from error
    if done.returncode != 0:
        raise OSError(" ".join(done.stderr.split()) or f"systemctl ended {done.returncode}")
    return done.stdout


def parse_units(text: str) -> list[UnitState]:
    """Return the units that `systemctl show` tells of, one block each."""
    units = []
    for block in text.split("\n\n"):
        pairs = [line.split("=", 1) for line in block.splitlines() if "=" in line]
        # Paths= stands there once for each path: "/etc/x (PathExists)".
        paths = tuple(value.rpartition(" (")[0] for key, value in pairs if key == "Paths")
        fields = dict(pairs)
        if "Id" in fields:
            units.append(_unit(fields, paths))
    return units


def _unit(fields: Mapping[str, str], paths: tuple[str, ...]) -> UnitState:
    processor = _number(fields, "CPUUsageNSec")
    return UnitState(
        name=fields["Id"],
        load=fields.get("LoadState", ""),
        active=fields.get("ActiveState", ""),
        sub=fields.get("SubState", ""),
        status=fields.get("StatusText", ""),
        result=fields.get("Result", ""),
        restarts=_number(fields, "NRestarts") or 0,
        paths=paths,
        memory=_number(fields, "MemoryCurrent"),
        processor=None if processor is None else processor / 1e9,
    )


def _number(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "")
    # What systemd does not know is "[not set]", or the highest number there is.
    return int(text) if text.isdecimal() and int(text) < _UNKNOWN else None
