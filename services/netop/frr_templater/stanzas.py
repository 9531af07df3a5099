# SPDX-License-Identifier: Apache-2.0
"""The empty `vrf` stanzas that FRR keeps of VRFs that have left.

While the kernel has a VRF, FRR refuses to forget it ("Only inactive VRFs can be deleted"),
and the kernel has it until FRR has let go of everything in it. So the stanza is what is
left, and frr-reload.py does not come back for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from netop.common.backoff import Backoff
from netop.common.documents import Links
from netop.common.names import LinkNames
from netop.frr_templater.frr import FrrError

# zebra hears of a link's end a moment after netop told of it.
AGAIN = 2.0
TRIES = 5

_EMPTY = re.compile(r"^vrf (vr\.\S{1,12})\nexit-vrf$", re.MULTILINE)
_NAMED = re.compile(r"^vrf (\S+)$", re.MULTILINE)


class Forgetting(Protocol):
    """What has to be asked of FRR."""

    async def shown(self) -> str:
        """Return the running configuration; raises FrrError."""
        ...

    async def forget(self, vrf: str) -> None:
        """Take an empty `vrf` stanza out, if FRR lets go of it; raises FrrError."""
        ...


def empty_stanzas(running: str, kept: Collection[str]) -> tuple[str, ...]:
    """Return the kernel VRFs with names of ours that have an empty stanza, but for `kept`."""
    return tuple(dict.fromkeys(name for name in _EMPTY.findall(running) if name not in kept))


@dataclass
class Stanzas:
    """Looks for them whenever a VRF has come or gone, and at no other time."""

    frr: Forgetting
    backoff: Backoff = field(default_factory=lambda: Backoff(first=AGAIN, longest=120.0))
    _tidy: frozenset[str] | None = None
    _tries: int = 0

    async def tidy(self, links: Links, text: str) -> float | None:
        """Remove the empty stanzas of VRFs that neither the kernel nor `text` has.

        Returns in how many seconds to look again, None where that is not needed. Nothing
        depends on it, so nothing fails: what FRR refuses a few times is left to the next
        VRF that comes or goes, or to FRR's next start.
        """
        kept = frozenset(LinkNames.of(vrf.name).vrf for vrf in links.vrfs)
        kept |= frozenset(_NAMED.findall(text))
        if kept == self._tidy:
            return None
        try:
            done = await self._done(kept)
        except FrrError:
            return self.backoff.next()
        self.backoff.reset()
        self._tries += 1
        if not done and self._tries < TRIES:
            return AGAIN
        self._tidy, self._tries = kept, 0
        return None

    async def _done(self, kept: frozenset[str]) -> bool:
        left = empty_stanzas(await self.frr.shown(), kept)
        for vrf in left:
            await self.frr.forget(vrf)
        return not left
