# SPDX-License-Identifier: Apache-2.0
"""crd-watcher in a thread of the test, against a real API server."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from netop.common.backoff import Backoff
from netop.common.documents import Desired
from netop.common.journal import Journal, Priority
from netop.common.store import Store
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.cluster import Timing
from netop.crd_watcher.last_good import StateDirectory
from netop.crd_watcher.mirror import ClusterMirror
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.reconciler import CrdWatcher, wall_clock
from netop.crd_watcher.report.reporter import Reporter
from netop.crd_watcher.sources import Sources

CONFIG = "{{vnimap: {{red: 100, blue: 200}}, skipVRFConfig: [mgmt], debounce: {debounce}}}"


class Watcher:
    """A node's files, and the daemon's parts on them with shorter times than in production.

    Entering starts it, leaving ends it as a crash would; it can be entered again.
    """

    def __init__(self, root: Path, kubeconfig: Path, debounce: float = 0.2) -> None:
        self.root = root
        self.kubeconfig = root / "kubeconfig"
        shutil.copy(kubeconfig, self.kubeconfig)
        for name in ("manifests", "run/crd-watcher", "state"):
            (root / name).mkdir(parents=True)
        (root / "config.yaml").write_text(CONFIG.format(debounce=debounce))
        self.timing = Timing(connect=2, answer=3, watch=4, grace=1, stable=1)
        self.told: list[str] = []
        self.status = ""
        self.generations: list[int] = []
        self.reporter: Reporter | None = None

    def __enter__(self) -> Self:
        self._wanted = threading.Event()
        self._stopping = False
        changes = Changes(wake=self._wanted.set)
        self._changes = changes
        self._sources = Sources(
            (self.kubeconfig,),
            self.root / "manifests",
            lambda path: ClusterMirror(
                path, changes, lambda: wall_clock().isoformat(), self.timing, Backoff(0.1, 1.0)
            ),
        )
        self._reconciler = CrdWatcher(
            self.root / "config.yaml",
            self._sources,
            Publisher(Store(self.root / "run"), StateDirectory(self.root / "state")),
            changes,
            Journal(self._tell),
            reporter=self.reporter,
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stopping = True
        self._wanted.set()
        self._thread.join()
        self._sources.stop()

    def use(self, kubeconfig: Path) -> None:
        """Put another kubeconfig in the place of the present one."""
        replacement = self.root / "kubeconfig.new"
        shutil.copy(kubeconfig, replacement)
        replacement.replace(self.kubeconfig)
        self._changes.touch()

    def boot(self) -> None:
        """Empty /run, as a boot does; between leaving and entering again."""
        (self.root / "run/crd-watcher/desired.json").unlink()

    def desired(self) -> Desired | None:
        return Store(self.root / "run").read(Desired)

    def generation(self) -> int:
        document = self.desired()
        return document.generation if document else 0

    def names(self) -> list[str]:
        document = self.desired()
        vrfs = document.vrfs if document else ()
        return sorted(policy.resource for vrf in vrfs for policy in vrf.policies)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}; {self.status}"
            time.sleep(0.02)

    def has(self, *names: str, seconds: float = 30) -> None:
        self.wait(lambda: self.names() == sorted(names), f"serves {names}", seconds)

    def says(self, words: str, seconds: float = 30) -> None:
        self.wait(lambda: words in self.status, f"says {words!r}", seconds)

    def is_well(self, seconds: float = 30) -> None:
        self.wait(lambda: "no watch" not in self.status, "watches again", seconds)

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.clear()
            report = asyncio.run(self._reconciler.reconcile())
            self.status = report.status
            document = self.desired()
            if document and document.generation not in self.generations[-1:]:
                self.generations.append(document.generation)
            self._wanted.wait(report.retry)

    def _tell(self, priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
        self.told.append(f"{priority.name} {sentence} {dict(fields)}")
