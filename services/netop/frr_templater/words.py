# SPDX-License-Identifier: Apache-2.0
"""What FRR said during a reload, from the journal of frr.service.

frr-reload.py tells systemd little more than yes or no; why a line was refused, only its
output says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Words = Callable[[float], Iterable[str]]

MOST = 8
LONGEST = 200

# Complaints of vtysh begin with "%" or name the line of the file it applied; those of
# frr-reload.py tell what failed.
_COMPLAINT = re.compile(r"(% ?.+|line \d+: .+|.*[Ff]ailed? to .+|.*\bERROR\b.+|.*cannot .+)")
# It says this of maps that the same file makes a few lines later.
_EARLY = re.compile(r"The route-map '\S+' does not exist\.")


def complaints(messages: Iterable[str]) -> tuple[str, ...]:
    """Return the complaints among what FRR said, each once, short and few."""
    found: dict[str, None] = {}
    for message in messages:
        text = " ".join(message.split())
        if _COMPLAINT.fullmatch(text) and not _EARLY.fullmatch(text):
            found.setdefault(text[:LONGEST])
        if len(found) == MOST:
            break
    return tuple(found)


def journal_words(unit: str) -> Words:
    """Return a function that reads what `unit` wrote since a time in seconds of the epoch.

    It finds nothing where the journal may not be read: the words are a help, not a need.
    """
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import journal

    def read(since: float) -> list[str]:
        with journal.Reader() as reader:
            reader.add_match(_SYSTEMD_UNIT=unit)
            reader.seek_realtime(since)
            return [str(entry.get("MESSAGE", "")) for entry in reader]

    return read
