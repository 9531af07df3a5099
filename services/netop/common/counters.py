# SPDX-License-Identifier: Apache-2.0
"""What the eBPF router has counted, asked of netop-bpf-guardian's socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netop.common.edge import Field, FieldError

#: Below the root of the documents.
SOCKET = Path("bpf-guardian", "counters.sock")

_HIGHEST = (1 << 64) - 1


class CountersError(Exception):
    """The counters cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Row:
    """One counter. Packets are as the kernel handles them: a merged (GRO) one counts once."""

    name: str
    packets: int
    bytes: int
    meaning: str


@dataclass(frozen=True)
class Counted:
    """All counters of one program; `program` is 0 where none is loaded."""

    program: int
    decisions: tuple[Row, ...]
    fib_results: tuple[Row, ...]


def ask(path: Path, patience: float = 5.0) -> str:
    """Return bpf-guardian's answer, waiting `patience` seconds for it; raises CountersError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience)
            connection.connect(str(path))
            with connection.makefile("r", encoding="utf-8") as answer:
                return answer.read()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        remedy = "see systemctl status netop-bpf-guardian"
        raise CountersError(f"netop-bpf-guardian is not running ({path}); {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CountersError(f"{path}: {error}") from error


def parse(text: str) -> Counted:
    """Return what an answer says; raises CountersError."""
    try:
        field = Field(json.loads(text))
        return Counted(
            program=field["program"].integer(0, _HIGHEST),
            decisions=tuple(_rows(field["decisions"])),
            fib_results=tuple(_rows(field["fib_results"])),
        )
    except (ValueError, RecursionError, FieldError) as error:
        raise CountersError(f"bpf-guardian's answer cannot be read: {error}") from error


def _rows(field: Field) -> Iterable[Row]:
    for name in () if field.absent else field.keys():
        counter = field[name]
        yield Row(
            name,
            counter["packets"].integer(0, _HIGHEST),
            counter["bytes"].integer(0, _HIGHEST),
            counter["meaning"].text(),
        )
