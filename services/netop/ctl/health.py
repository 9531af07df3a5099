# SPDX-License-Identifier: Apache-2.0
"""How well a thing is, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Health(IntEnum):
    """From well to broken; the number is the exit status of `netopctl status`."""

    WELL = 0
    WAITING = 1  # under way, or served in part: a person need not hurry
    BROKEN = 2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: a word or two, and where it is not well, the reason."""

    health: Health
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return self.reason or self.text


def well(text: str) -> Finding:
    """Return a finding that needs nobody."""
    return Finding(Health.WELL, text)


def waiting(text: str, reason: str) -> Finding:
    """Return a finding that the daemons are still at work on."""
    return Finding(Health.WAITING, text, reason)


def broken(text: str, reason: str) -> Finding:
    """Return a finding that needs somebody."""
    return Finding(Health.BROKEN, text, reason)


def worst(findings: Iterable[Finding]) -> Health:
    """Return the worst health among them; of nothing, WELL."""
    return max((finding.health for finding in findings), default=Health.WELL)
