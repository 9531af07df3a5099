# SPDX-License-Identifier: Apache-2.0
"""`python3 -m netop.netlink_reconciler`: the daemon under systemd."""

from __future__ import annotations

import asyncio
import sys

from netop.common.daemon import Daemon, production_journal, production_notify, run_watching
from netop.common.documents import Desired, Links, Served
from netop.common.garbage import Sweeper
from netop.common.store import Store, remove_leftovers
from netop.common.tally import FILE, Tally
from netop.netlink_reconciler.events import Events
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from netop.netlink_reconciler.reconciler import LinkReconciler


async def _run() -> None:
    store = Store()
    remove_leftovers(store.path(Links))
    journal = production_journal("netop-netlink-reconciler")
    tally = Tally(store.path(Links).with_name(FILE))
    # The daemon and the events know each other; `wake` is bound late for that.
    events = Events(lambda: daemon.wake())
    reconciler = LinkReconciler(store, RtnetlinkKernel(), events, journal, tally=tally)
    daemon = Daemon(reconciler, production_notify(), sweep=Sweeper())
    await run_watching(daemon, [store.path(Desired), store.path(Served)])


def main() -> int:
    """Run until stopped; the exit code."""
    asyncio.run(_run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
