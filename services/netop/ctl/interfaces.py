# SPDX-License-Identifier: Apache-2.0
"""Packets of an interface, as the kernel counts them for everybody to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/net")


@dataclass(frozen=True)
class Packets:
    """What went in and out since the interface was made, and what was dropped of it."""

    received: int
    received_bytes: int
    sent: int
    sent_bytes: int
    dropped: int

    def __str__(self) -> str:
        told = (
            f"in {self.received} packets, {self.received_bytes} bytes; "
            f"out {self.sent} packets, {self.sent_bytes} bytes"
        )
        return f"{told}; {self.dropped} dropped" if self.dropped else told


def packets(interface: str, root: Path = SYSFS) -> Packets | None:
    """Return the counters of an interface; None where it does not exist."""
    directory = root / interface / "statistics"

    def count(name: str) -> int:
        return int((directory / name).read_text(encoding="ascii"))

    try:
        return Packets(
            received=count("rx_packets"),
            received_bytes=count("rx_bytes"),
            sent=count("tx_packets"),
            sent_bytes=count("tx_bytes"),
            dropped=count("rx_dropped") + count("tx_dropped"),
        )
    except (OSError, ValueError):
        return None
