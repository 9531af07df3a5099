# SPDX-License-Identifier: Apache-2.0
"""bpf-guardian as systemd runs it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from netop.bpf_guardian import counters
from netop.bpf_guardian.compiler import BccCompiler
from netop.bpf_guardian.events import KernelEvents
from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.guardian import Guardian
from netop.bpf_guardian.kernel import RtnetlinkKernel
from netop.bpf_guardian.libbpf import Libbpf
from netop.bpf_guardian.plan import Cause
from netop.bpf_guardian.systemd import SystemdKeeper, given_descriptors
from netop.bpf_guardian.wishes import WishReader
from netop.bpf_guardian.workshop import Workshop
from netop.common.backoff import Backoff
from netop.common.daemon import Daemon, production_journal, production_notify, run_watching
from netop.common.documents import Attached, Links
from netop.common.garbage import Sweeper
from netop.common.settings import settings_path
from netop.common.store import Store, remove_leftovers
from netop.common.tally import FILE, Count, Tally

SOURCE = Path("/usr/share/netop/bpf/router.c")

# A removed filter shall be back within 50 ms; bursts coalesce within these.
SETTLE = 0.005


async def run() -> None:
    """Wire the production objects and run until stopped."""
    store = Store()
    libbpf = Libbpf()
    events = KernelEvents()
    journal = production_journal("netop-bpf-guardian")
    workshop = Workshop(libbpf, BccCompiler(), SOURCE, Backoff(5.0, 300.0), time.monotonic)
    tally = Tally(store.path(Attached).with_name(FILE))
    tally.know(Count.BPF_ATTACHMENTS, [cause.label for cause in Cause])
    tally.know(Count.BPF_PROGRAMS)
    guardian = Guardian(
        store=store,
        wishes=WishReader(store, settings_path()),
        kernel=RtnetlinkKernel(),
        libbpf=libbpf,
        workshop=workshop,
        fdstore=FdStore(libbpf, SystemdKeeper(), given_descriptors()),
        take_changes=events.take,
        journal=journal,
        clock=time.monotonic,
        tally=tally,
    )
    remove_leftovers(store.path(Attached))
    guardian.recover()
    daemon = Daemon(guardian, production_notify(), settle=SETTLE, sweep=Sweeper())
    workshop.wake = daemon.wake
    asyncio.get_running_loop().add_reader(events.fileno(), events.read, daemon.wake)
    server = await counters.serve(
        store.root / counters.SOCKET, lambda: counters.answer(libbpf, guardian.router)
    )
    async with server:
        await run_watching(daemon, (store.path(Links), settings_path(), SOURCE))


def main() -> int:
    """Run the daemon and return its exit status."""
    try:
        asyncio.run(run())
    except OSError as error:
        print(f"netop-bpf-guardian: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
