# SPDX-License-Identifier: Apache-2.0
"""Wires frr-templater to the node and runs it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

from netop.common.daemon import (
    Daemon,
    production_journal,
    production_notify,
    run_watching,
)
from netop.common.documents import Desired, Links, Served
from netop.common.garbage import Sweeper
from netop.common.store import Store
from netop.common.tally import FILE, Count, Tally
from netop.frr_templater.apply import Applier
from netop.frr_templater.comparison import Comparison, Remembered
from netop.frr_templater.files import Files
from netop.frr_templater.frr import Frr
from netop.frr_templater.keeper import Keeper
from netop.frr_templater.lives import Lives
from netop.frr_templater.reconciler import Templater
from netop.frr_templater.reloads import COUNTED
from netop.frr_templater.state import StateFile
from netop.frr_templater.systemd1 import Service
from netop.frr_templater.target import Targets
from netop.frr_templater.words import journal_words

UNIT = "frr.service"
IDENTIFIER = "netop-frr-templater"
STATE_DIRECTORY = Path("/var/lib/netop/frr-templater")


def main() -> int:
    """Run until systemd says stop."""
    asyncio.run(_run())
    return 0


async def _run() -> None:
    store = Store()
    files = Files()
    daemons: list[Daemon] = []  # there is one, but it needs what needs it
    lives = Lives(lambda: _wake(daemons))
    frr = Frr(scratch=store.path(Served).parent, alive=lives.alive)
    unit = Service(UNIT, lambda: _wake(daemons))
    journal = production_journal(IDENTIFIER)
    directory = Path(os.environ.get("STATE_DIRECTORY") or STATE_DIRECTORY)
    memory = StateFile(directory / "state.json")
    comparison = Comparison(frr, Remembered(directory / "compared.json"))
    applier = Applier(comparison, unit, journal_words(UNIT), time.time, asyncio.sleep)
    tally = Tally(store.path(Served).with_name(FILE))
    tally.know(Count.FRR_RELOADS, COUNTED)
    tally.save()
    templater = Templater(
        store=store,
        files=files,
        frr=frr,
        unit=unit,
        keeper=Keeper(files, memory, applier, journal, time.monotonic, tally=tally),
        targets=Targets(frr, str(files.template), socket.gethostname()),
        journal=journal,
        clock=time.monotonic,
    )
    templater.begin()
    daemon = Daemon(templater, production_notify(), sweep=Sweeper())
    daemons.append(daemon)
    watched = [
        store.path(Desired), store.path(Links), files.template, files.configuration, frr.pids
    ]  # fmt: skip
    await run_watching(daemon, watched)


def _wake(daemons: list[Daemon]) -> None:
    for daemon in daemons:
        daemon.wake()


if __name__ == "__main__":
    raise SystemExit(main())
