# SPDX-License-Identifier: Apache-2.0
"""What FRR did not live through, and how long it is spared the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netop.common.documents import DesiredVrf

# FRR may end or hang while it takes over a change without the change being the reason. It is
# tried again, later each time, in seconds.
FIRST, LONGEST = 60.0, 6 * 3600.0

# The name under which that is known which changed no VRF, or more than VRFs.
WHOLE = ""

# Of a VRF what it was to become, None where it was to go, and the template's digest.
Version = tuple[DesiredVrf | None, str]
Change = tuple[str, Version]


@dataclass(frozen=True)
class Death:
    """For what reason FRR ended or hung, how often, and until when to wait.

    `versions` are what the VRF was to become then: a step on the way, and what is wanted.
    """

    reason: str
    times: int
    until: float
    versions: tuple[Version, ...] = ()


@dataclass
class Deaths:
    """Remembers the changes of which FRR ended or hung; not over a restart of the daemon.

    By VRF, so that no other has to wait. Where several changed at once each is suspect, and
    they are tried one by one. Where FRR ends of one after the other, it is none of them: all
    have to wait.
    """

    clock: Callable[[], float]
    _of: dict[str, Death] = field(default_factory=dict)
    _row: frozenset[str] = frozenset()
    _all: Death | None = None

    def add(self, changes: Iterable[Change], reason: str) -> None:
        """Take up a death; what went before of other versions of these VRFs is forgotten."""
        versions: dict[str, tuple[Version, ...]] = {}
        for name, version in changes:
            versions[name] = (*versions.get(name, ()), version)
        for name, several in versions.items():
            before = self._of.get(name)
            again = before is not None and any(each in before.versions for each in several)
            times = before.times + 1 if before is not None and again else 1
            self._of[name] = Death(reason, times, self._until(times), several)
        if len(versions) == 1:
            self._row = self._row.union(versions)
            self._all = Death(reason, len(self._row), self._until(len(self._row)))

    def _until(self, times: int) -> float:
        # The first time it gets another chance at once.
        wait = 0.0 if times == 1 else min(LONGEST, FIRST * 10.0 ** (times - 2))
        return self.clock() + wait

    def wait(self, vrfs: Iterable[DesiredVrf], mark: str, frame: str) -> Death | None:
        """Return why nothing at all is to be tried just now on the way to these, or None.

        `mark` is the template's digest and `frame` that of the text apart from policies. All
        wait only as long as something of which FRR ended is still wanted.
        """
        now, whole = self.clock(), self._of.get(WHOLE)
        wanted = set(self.suspects(vrfs, mark)) - {WHOLE}
        if whole is not None and {(None, mark), (None, frame)}.intersection(whole.versions):
            if whole.until > now:
                return whole
            wanted.add(WHOLE)
        if self._all is not None and self._all.until > now and self._row & wanted:
            return self._all
        return None

    def held(self) -> dict[str, Death]:
        """Return by VRF what has to wait now."""
        now = self.clock()
        return {name: it for name, it in self._of.items() if it.until > now and name != WHOLE}

    def left(self) -> float | None:
        """Return in how many seconds the next wait ends, None where nothing has to wait."""
        now = self.clock()
        waits = [*self._of.values(), *([self._all] if self._all is not None else [])]
        return min((death.until - now for death in waits if death.until > now), default=None)

    def suspects(self, vrfs: Iterable[DesiredVrf], mark: str) -> dict[str, int]:
        """Return of which VRFs FRR ended on the way to these, and how often."""
        if not self._of:
            return {}
        wanted = {vrf.name: vrf for vrf in vrfs}
        return {
            name: death.times
            for name, death in self._of.items()
            if (wanted.get(name), mark) in death.versions
        }

    def survived(self, changes: Iterable[Change]) -> None:
        """Forget what FRR was seen to serve."""
        self._row, self._all = frozenset(), None
        if self._of:
            for name, version in changes:
                if name in self._of and version in self._of[name].versions:
                    del self._of[name]

    def another_frr(self) -> None:
        """Forget all: another version of FRR may live through it."""
        self._of.clear()
        self._row, self._all = frozenset(), None
