# SPDX-License-Identifier: Apache-2.0
"""Has FRR let go of everything of netop's, and makes sure that it has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from netop.frr_templater.files import Files
from netop.frr_templater.frr import Facts, FrrError
from netop.frr_templater.template import BEGIN, END, HEADER
from netop.netlink_reconciler.link import Kind, Link

T = TypeVar("T")

# All sections go at once, and frr.service allows each reload two minutes, in which
# frr-reload.py deletes some 13,000 lines natively. One that runs out of them goes on in
# the next; where the lines get fewer each time, no node has so many.
RELOADS = 20

_REMEDY = (
    "links stay, because FRR must let go of them first; systemctl restart frr.service, "
    "then netopctl cleanup again"
)
_RESTING = frozenset({"inactive", "failed"})
_NEIGHBOR = re.compile(r"\s*neighbor (\S+)")
_INSTANCE = re.compile(r"router bgp \d+ vrf (\S+)")


class CleanupError(Exception):
    """Something could not be removed; the message says what, and what to do."""


Run = Callable[[Sequence[str]], str]


class Asking(Protocol):
    """What has to be asked of FRR."""

    async def facts(self) -> Facts:
        """Return what runs; raises FrrError."""
        ...

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`; raises FrrError."""
        ...


@dataclass(frozen=True)
class Release:
    """How FRR is made to let go."""

    files: Files
    frr: Asking
    command: Run
    adopt: Callable[[Path], None]

    def release(self, own: Sequence[Link]) -> None:
        """Have FRR let go of netop's sections and of the links `own`.

        What frr.conf says does not tell what FRR has: an earlier run may have written it,
        and its reload have failed. A FRR that is stopped has nothing, and reads a clean file
        when it starts. Raises CleanupError, OSError.
        """
        text = self.files.read()
        clean = text is None or without_sections(text) == text
        if clean and not own:
            return
        if not self._runs():
            if text is not None and not clean:
                self._write(without_sections(text))
            return
        self._lines()  # finds a dead or hung FRR before anything is changed
        gone = frozenset(link.name for link in own if link.attributes.kind == Kind.VRF)
        self._asked(self.frr.dismiss(gone))
        failure = ""
        if text is not None:
            self._write(without_sections(text))
            failure = self._reload()
        if text is not None and failure and not clean:
            if not own:
                # Only the sections tell the next run that FRR may still have them.
                self._write(text)
            raise CleanupError(f"{failure}; {_REMEDY}")
        # Without a section, it may be the operator's own text that FRR does not take.
        self._check(frozenset(link.name for link in own), failure)

    def _write(self, text: str) -> None:
        self.files.write(text)
        self.adopt(self.files.configuration)

    def _runs(self) -> bool:
        show = ["systemctl", "show", "--property=ActiveState", "--value", "frr.service"]
        return self.command(show).strip() not in _RESTING

    def _reload(self) -> str:
        """Reload until FRR has no more to delete; return how the last reload failed, if it did.

        Twice at least: deleting a `router bgp` hides other deletions of the same reload
        from frr-reload.py.
        """
        failure, left = "", self._lines()
        for number in range(1, RELOADS + 1):
            failure = self._failure()
            before, left = left, self._lines()
            if left >= before and (failure or number > 1):
                break
        return failure

    def _failure(self) -> str:
        try:
            self.command(["systemctl", "reload", "frr.service"])
        except CleanupError as error:
            return str(error)
        return ""

    def _check(self, names: frozenset[str], failure: str) -> None:
        """Make sure that FRR has nothing of these links any more, or it may end of their end."""
        facts = self._asked(self.frr.facts())
        bound = {vrf: vni for vrf, vni in facts.bindings.items() if vni and vrf in names}
        left = [f"VNI {vni} of {vrf}" for vrf, vni in bound.items()]
        left += [f"`{line.strip()}`" for line in facts.running.splitlines() if _of(line) in names]
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            raise CleanupError(
                f"{f'{failure}; ' if failure else ''}FRR still has {left[0]}{more}; should "
                f"frr.conf say so, take it out there; {_REMEDY}"
            )

    def _lines(self) -> int:
        return len(self._asked(self.frr.facts()).running.splitlines())

    def _asked(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run(question)
        except FrrError as error:
            raise CleanupError(f"{error}; {_REMEDY}") from error


def _of(line: str) -> str:
    """Return the link that a line of the running configuration lives on, or nothing."""
    found = _NEIGHBOR.match(line) or _INSTANCE.match(line)
    return found[1] if found else ""


def without_sections(text: str) -> str:
    """Return frr.conf without what netop wrote: the operator's own lines, byte for byte."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped.startswith(BEGIN):
            inside = True
        elif stripped.startswith(END):
            inside = False
        elif not inside and stripped != HEADER:
            kept.append(line)
    return "".join(kept)
