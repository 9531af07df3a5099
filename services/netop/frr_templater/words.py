# SPDX-License-Identifier: Apache-2.0
"""What FRR said during a reload, from the journal of frr.service.

frr-reload.py tells systemd little more than yes or no; why a line was refused, only its
output says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from netop.common.masking import masked

Words = Callable[[float], Iterable[str]]

MOST = 8
LONGEST = 200

# What frr-reload.py and the vtysh that it calls say when all goes well, and what says
# nothing about the reason when it does not.
_CHATTER = re.compile(
    r"\[\d+\|\w+\] (sending configuration|done)"
    r"|Waiting for children to finish applying config\.\.\."
    r"|MGMTD: No changes found to be committed!"
    r"|% Configuration failed\."
    r"|\[\d+\|\w+\] Configuration file\[.*"
    r"|line \d+: Warning\[\d+\]\.\.\.: early exit from config file"
    r"|Traceback \(most recent call last\):"
    # Of maps that the same file makes a few lines later.
    r"|The route-map '\S+' does not exist\."
)


def complaints(messages: Iterable[str]) -> tuple[str, ...]:
    """Return the complaints among what FRR said, each once, short and few, without secrets."""
    found: dict[str, None] = {}
    for message in messages:
        text = " ".join(message.split())
        # What is indented belongs to a traceback; its last line is not.
        if text and not message.startswith(" ") and not _CHATTER.fullmatch(text):
            found.setdefault(masked(text)[:LONGEST])
        if len(found) == MOST:
            break
    return tuple(found)


def journal_words(unit: str) -> Words:
    """Return a function that reads what `unit` wrote since a time in seconds of the epoch.

    It finds nothing where the journal cannot be read: the words are a help, not a need.
    """
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import journal

    def read(since: float) -> list[str]:
        try:
            with journal.Reader() as reader:
                # FRR's daemons write to the same journal; only the reload's own words count.
                reader.add_match(_SYSTEMD_UNIT=unit)
                reader.add_match(SYSLOG_IDENTIFIER="frr-reload.py")
                reader.seek_realtime(since)
                return [str(entry.get("MESSAGE", "")) for entry in reader]
        except OSError:
            return []

    return read
