# SPDX-License-Identifier: Apache-2.0
"""From a changed source file to a program that has proven itself, without holding up repairs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netop.bpf_guardian.compiler import CompileError, Compiler, source_hash
from netop.bpf_guardian.libbpf import BpfError, Libbpf
from netop.bpf_guardian.program import Map, Router, UnfitError, load
from netop.bpf_guardian.proof import Port, RefusedError, prove
from netop.bpf_guardian.rtnetlink import RtnetlinkError
from netop.common.backoff import Backoff
from netop.common.messages import Message

LivePorts = Callable[[], tuple[Port, ...]]


@dataclass(frozen=True)
class Complaint:
    """Why there is no new program: `reason`, and the way out."""

    reason: str
    message: Message
    remedy: str = ""


@dataclass
class Workshop:
    """Makes the program of `source`, one at a time, in the background.

    `wake` is called when there is something to collect. A source that was refused is not
    tried again until it changes; one that could not be compiled is, for what was missing
    may be installed meanwhile.
    """

    libbpf: Libbpf
    compiler: Compiler
    source: Path
    backoff: Backoff
    clock: Callable[[], float]
    wake: Callable[[], None] = lambda: None
    complaint: Complaint | None = None
    _task: asyncio.Task[Router | None] | None = None
    _refused: str = ""
    _refusal: Complaint | None = None
    _retry_at: float = 0.0

    def wanted(self) -> str:
        """Return the hash of the source as it is now, or nothing where it cannot be read."""
        try:
            return source_hash(self.source)
        except OSError as error:
            self.complaint = Complaint(
                f"{self.source} cannot be read: {error.strerror}",
                Message.FILE_UNREADABLE,
                "apt install --reinstall netop",
            )
            self._retry_at = 0.0
            return ""

    def begin(self, source: str, kept: Mapping[str, Map], ports: LivePorts) -> None:
        """Start to make the program, unless that is under way or of no use."""
        if source == self._refused:
            self._retry_at, self.complaint = 0.0, self._refusal
        elif self._task is None and self.clock() >= self._retry_at:
            self._retry_at = 0.0
            self._task = asyncio.create_task(self._make(source, kept, ports))
            self._task.add_done_callback(lambda _: self.wake())

    def rest(self) -> None:
        """Nothing has to be made: what did not work before is nobody's concern now.

        An attempt that stays due would have the daemon look without a pause.
        """
        self._retry_at, self.complaint = 0.0, None

    @property
    def busy(self) -> bool:
        """True while a program is being made."""
        return self._task is not None and not self._task.done()

    async def finish(self, patience: float) -> Router | None:
        """Wait for the program that is being made, so many seconds, and collect it."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=patience)
        return self.collect()

    def collect(self) -> Router | None:
        """Return a program that has proven itself, once; its holder closes it."""
        if self._task is None or not self._task.done():
            return None
        task, self._task = self._task, None
        return task.result()

    def retry(self) -> float | None:
        """Return in how many seconds another attempt is due, or None."""
        return max(0.0, self._retry_at - self.clock()) if self._retry_at else None

    async def _make(self, source: str, kept: Mapping[str, Map], ports: LivePorts) -> Router | None:
        try:
            router = await self._compile_and_prove(source, kept, ports)
        except RefusedError as error:
            self._refused, self._retry_at = source, 0.0
            reason = f"{source} was refused: {error}"
            self._refusal = Complaint(reason, Message.PROGRAM_REFUSED, "mend or reinstall it")
            self.complaint = self._refusal
            return None
        except (CompileError, BpfError, UnfitError, RtnetlinkError, OSError) as error:
            self._retry_at = self.clock() + self.backoff.next()
            self.complaint = Complaint(f"{source}: {error}", Message.COMPILE_FAILED)
            return None
        self.backoff.reset()
        self._retry_at, self.complaint = 0.0, None
        return router

    async def _compile_and_prove(
        self, source: str, kept: Mapping[str, Map], ports: LivePorts
    ) -> Router:
        compiled = await self.compiler.compile(self.source)
        try:
            candidate = load(self.libbpf, compiled, source)
            try:
                prove(self.libbpf, candidate, ports())
            finally:
                candidate.close()
            # `prove` leaves the fresh maps as it found them: empty.
            router = load(self.libbpf, compiled, source, kept)
        finally:
            compiled.close()
        return router
