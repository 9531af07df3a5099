# SPDX-License-Identifier: Apache-2.0
"""When to leave a VRF, or a part of it, alone for a while: after a refusal, or in a fight."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netop.common.backoff import Backoff
from netop.common.messages import Message
from netop.netlink_reconciler.refusal import Refusal
from netop.netlink_reconciler.spare import Spare

# So many repairs within so many seconds are a fight: somebody else changes what we do.
FIGHT_REPAIRS = 5
FIGHT_SECONDS = 60.0
# Where the kernel refuses, the reason seldom goes away within a second.
RETRY_FIRST = 1.0
RETRY_LONGEST = 120.0
# watchfrr has FRR back within a minute, unless it cannot start with the links as they are.
FRR_PATIENCE = 90.0


@dataclass
class _Record:
    backoff: Backoff
    refusal: Refusal | None = None
    due: float = 0.0
    repairs: deque[float] = field(default_factory=lambda: deque(maxlen=FIGHT_REPAIRS))


class Patience:
    """Remembers, for each VRF, what failed and when to try again. Seconds of `clock`."""

    def __init__(self, clock: Callable[[], float], chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._records: dict[str, _Record] = {}
        self._lacks: dict[Spare, _Record] = {}
        self._dead_since: float | None = None

    def held(self) -> dict[str, Refusal]:
        """Return the VRFs to leave alone for now, with the reason; release those that are due."""
        now = self._clock()
        for record in self._records.values():
            if record.due <= now:
                record.refusal = None
        return {vrf: record.refusal for vrf, record in self._records.items() if record.refusal}

    def failed(self, vrf: str, refusal: Refusal) -> None:
        """Remember that nothing can be done about the VRF, so that it is left alone for a while."""
        self._refuse(self._record(vrf), refusal)

    def lacking(self) -> dict[Spare, Refusal]:
        """Return what VRFs go without for now, with the reason; release what is due."""
        now = self._clock()
        for record in self._lacks.values():
            if record.due <= now:
                record.refusal = None
        return {spare: record.refusal for spare, record in self._lacks.items() if record.refusal}

    def lack(self, spare: Spare, refusal: Refusal) -> None:
        """Remember that the kernel refused what the VRF can do without, for a while."""
        self._refuse(self._lacks.setdefault(spare, self._fresh()), refusal)

    def lacked(self, spare: Spare) -> bool:
        """Return whether that was refused before, so that a step for it repairs nothing."""
        return spare in self._lacks

    def repaired(self, vrf: str, what: str, interface: str = "") -> None:
        """Remember that something of the VRF, of `interface` if of one, had to be put right
        that was right before.
        """
        record = self._record(vrf)
        now = self._clock()
        record.repairs.append(now)
        if len(record.repairs) == FIGHT_REPAIRS and now - record.repairs[0] < FIGHT_SECONDS:
            reason = (
                f"something else keeps changing its links ({what}); "
                f"put right {FIGHT_REPAIRS} times within {FIGHT_SECONDS:g} s"
            )
            self.failed(vrf, Refusal(reason, Message.LINKS_FOUGHT_OVER, interface))

    def frr_gone(self, *, alive: bool) -> bool:
        """Say whether FRR has been dead for so long that there is nobody to ask."""
        if alive:
            self._dead_since = None
            return False
        if self._dead_since is None:
            self._dead_since = self._clock()
        return self._clock() - self._dead_since >= FRR_PATIENCE

    def frr_wait(self) -> float | None:
        """Return the seconds until FRR is given up, or None while it is alive."""
        if self._dead_since is None:
            return None
        return max(0.0, self._dead_since + FRR_PATIENCE - self._clock())

    def well(self, vrf: str) -> None:
        """Forget what failed: nothing is left to do for this VRF."""
        for spare in [spare for spare, lack in self._lacks.items() if spare.vrf == vrf]:
            if self._lacks[spare].refusal is None:
                del self._lacks[spare]
        record = self._records.get(vrf)
        if record is None:
            return
        record.refusal = None
        if not record.repairs or self._clock() - record.repairs[-1] > FIGHT_SECONDS:
            del self._records[vrf]

    def keep(self, vrfs: Iterable[str]) -> None:
        """Forget all but these VRFs."""
        kept = set(vrfs)
        self._records = {vrf: record for vrf, record in self._records.items() if vrf in kept}
        self._lacks = {spare: lack for spare, lack in self._lacks.items() if spare.vrf in kept}

    def hasten(self) -> None:
        """Try everything again at once: what is wanted has changed."""
        for record in self._all():
            record.due = 0.0

    def wait(self) -> float | None:
        """Return the seconds until the next VRF, or part of one, is due, or None."""
        due = [record.due for record in self._all() if record.refusal]
        return max(0.0, min(due) - self._clock()) if due else None

    def _record(self, vrf: str) -> _Record:
        return self._records.setdefault(vrf, self._fresh())

    def _fresh(self) -> _Record:
        return _Record(Backoff(RETRY_FIRST, RETRY_LONGEST, self._chance))

    def _refuse(self, record: _Record, refusal: Refusal) -> None:
        record.refusal = refusal
        record.due = self._clock() + record.backoff.next()

    def _all(self) -> list[_Record]:
        return [*self._records.values(), *self._lacks.values()]
