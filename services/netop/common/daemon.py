# SPDX-License-Identifier: Apache-2.0
"""The one loop that every daemon runs: wake, look, act, tell, sleep."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netop.common.edge import encodable
from netop.common.journal import Journal, journal_sink, stderr_sink
from netop.common.watch import FileWatch

Notify = Callable[[str], object]

# A pass that takes longer than this hangs. Longer than systemd's limit for a reload of
# FRR (TimeoutSec=2m in frr.service) times the passes the templater allows itself.
PASS_LONGEST = 900.0

# systemd throws away a notification of more than 4096 bytes (NOTIFY_BUFFER_MAX), and READY=1
# with it. In bytes; nobody reads so much of a status.
STATUS_LONGEST = 2000
_CUT = " … (cut here; the journal tells all)"


@dataclass(frozen=True)
class Report:
    """What one pass came to: `status` for `systemctl status`, `retry` in seconds or None."""

    status: str
    retry: float | None = None


class Reconciler(Protocol):
    """A daemon's own part: one complete pass, from observing to publishing.

    It is called again after each wake-up and must not fail for what it can tell about:
    an exception that leaves `reconcile` ends the process, and systemd starts it anew.
    """

    async def reconcile(self) -> Report:
        """Look at everything, put right what is wrong, publish, and report."""
        ...


class Daemon:
    """Runs a reconciler under systemd.

    Wake-ups that arrive during a pass are kept for the next one; those that arrive
    within `settle` seconds of the first are one. `resync` is the slow safety net, in
    seconds. Nothing else wakes an idle daemon but the watchdog ping. `sweep` is called after
    each pass, when that was told of.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        notify: Notify,
        *,
        settle: float = 0.02,
        resync: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
        sweep: Callable[[], object] = lambda: None,
    ) -> None:
        self._reconciler = reconciler
        self._notify = notify
        self._settle = settle
        self._resync = resync
        self._clock = clock
        self._sweep = sweep
        self._pass_began: float | None = None
        self._wanted = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Ask for a pass; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wanted.set)

    def stop(self) -> None:
        """End after the pass that is under way; from the loop's thread."""
        self._stopping = True
        self._wanted.set()

    async def run(self) -> None:
        """Reconcile until stopped."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        # `systemctl reload` is no part of the contract, but a wake-up by hand is handy.
        self._loop.add_signal_handler(signal.SIGHUP, self._wanted.set)
        ping = asyncio.create_task(self._ping())
        try:
            await self._passes()
        finally:
            ping.cancel()
            self._notify("STOPPING=1")

    async def _passes(self) -> None:
        ready = False
        while not self._stopping:
            self._wanted.clear()
            self._pass_began = self._clock()
            report = await self._reconciler.reconcile()
            self._pass_began = None
            line = status_of(report)
            self._notify(f"STATUS={line}" if ready else f"READY=1\nSTATUS={line}")
            ready = True
            self._sweep()
            # Who waits for something hours away still looks at everything in between.
            later = self._resync if report.retry is None else report.retry
            await self._sleep(min(self._resync, later))

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wanted.wait(), timeout=seconds)
        except TimeoutError:
            return
        if not self._stopping:
            await asyncio.sleep(self._settle)

    async def _ping(self) -> None:
        """Ping the watchdog from the loop, unless a pass hangs."""
        interval = watchdog_interval(os.environ)
        if interval is None:
            return
        while True:
            began = self._pass_began
            if began is None or self._clock() - began < PASS_LONGEST:
                self._notify("WATCHDOG=1")
            await asyncio.sleep(interval)


def status_of(report: Report) -> str:
    """Return the status as one line, cut where systemd would not take it."""
    line = encodable(" ".join(report.status.replace("\0", " ").split()))
    encoded = line.encode()
    if len(encoded) <= STATUS_LONGEST:
        return line
    return encoded[:STATUS_LONGEST].decode(errors="ignore") + _CUT


def watchdog_interval(environment: os._Environ[str] | dict[str, str]) -> float | None:
    """Return the seconds between pings: a third of WATCHDOG_USEC (sd_watchdog_enabled(3))."""
    text = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(text) / 1e6 / 3


def production_journal(identifier: str) -> Journal:
    """Return the journal of a daemon: journald under systemd, standard error by hand."""
    return Journal(journal_sink(identifier) if "JOURNAL_STREAM" in os.environ else stderr_sink)


def production_notify() -> Notify:
    """Return sd_notify(3), or what tells nobody where nobody listens, as by hand."""
    if "NOTIFY_SOCKET" not in os.environ:
        return lambda _: None
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import daemon

    def notify(state: str) -> object:
        return daemon.notify(state)

    return notify


async def run_watching(daemon: Daemon, paths: Iterable[Path]) -> None:
    """Run `daemon` and wake it whenever one of `paths` changes."""
    # `wake` needs the loop, which `run` learns first thing; nothing is lost before,
    # because the first pass reads everything anyway.
    watch = FileWatch(paths, daemon.wake)
    watch.start()
    try:
        await daemon.run()
    finally:
        watch.stop()
