# SPDX-License-Identifier: Apache-2.0
"""netop-crd-watcher: publishes what the cluster, or a directory, wants of this node."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from netop.common.daemon import Daemon, production_journal, production_notify
from netop.common.documents import Desired
from netop.common.garbage import Sweeper
from netop.common.settings import settings_path
from netop.common.store import STATE_ROOT, Store
from netop.common.tally import FILE, Tally
from netop.common.watch import FileWatch
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.last_good import StateDirectory
from netop.crd_watcher.manifests import DEFAULT_DIRECTORY
from netop.crd_watcher.mirror import ClusterMirror
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.reconciler import CrdWatcher, wall_clock
from netop.crd_watcher.report.reporter import ClusterReporter
from netop.crd_watcher.sources import Sources
from netop.crd_watcher.watch_count import WatchCount

KUBECONFIG = Path("/etc/netop/kubeconfig")
STATE_DIRECTORY = Path("/var/lib/netop/crd-watcher")


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; return the exit status."""
    options = _parser(os.environ).parse_args(arguments)
    asyncio.run(_run(options))
    return 0


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="netop-crd-watcher", description=__doc__)
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    for option, default, told in (
        ("--config", settings_path(), "config.yaml of the node"),
        ("--kubeconfig", KUBECONFIG, "how to reach the API server; need not exist"),
        ("--manifests", DEFAULT_DIRECTORY, "resources in files, where no kubeconfig exists"),
        ("--state", Path(state) if state else STATE_DIRECTORY, "what survives a boot"),
        ("--run", STATE_ROOT, "where desired.json is published, below crd-watcher/"),
    ):
        parser.add_argument(
            option, type=Path, default=default, metavar="PATH", help=f"{told} ({default})"
        )
    return parser


def _kubeconfigs(first: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where a kubeconfig may be: the usual place, or handed over by LoadCredential=."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return (first, Path(credentials) / "kubeconfig") if credentials else (first,)


async def _run(options: argparse.Namespace) -> None:
    journal = production_journal("netop-crd-watcher")
    changes = Changes()
    store = Store(options.run)
    count = WatchCount(Tally(store.path(Desired).with_name(FILE)), time.time)
    kubeconfigs = _kubeconfigs(options.kubeconfig, os.environ)
    sources = Sources(
        kubeconfigs,
        options.manifests,
        lambda path: ClusterMirror(
            path, changes, lambda: wall_clock().isoformat(timespec="seconds"), count=count
        ),
    )
    publisher = Publisher(store, StateDirectory(options.state))
    reporter = ClusterReporter(store, lambda: changes.wake(), wall_clock, socket.gethostname())
    watcher = CrdWatcher(options.config, sources, publisher, changes, journal, reporter=reporter)
    daemon = Daemon(watcher, production_notify(), sweep=Sweeper())
    changes.wake = daemon.wake
    watch = FileWatch((options.config, options.manifests, *kubeconfigs), changes.touch)
    watch.start()
    try:
        await daemon.run()
    finally:
        watch.stop()
        reporter.stop()
        sources.stop()


if __name__ == "__main__":
    sys.exit(main())
