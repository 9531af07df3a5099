# SPDX-License-Identifier: Apache-2.0
"""A node as the cluster sees it: crd-watcher's reporter, and documents of the other daemons."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from netop.common.backoff import Backoff
from netop.common.documents import Desired
from netop.common.store import Store
from netop.crd_watcher.reconciler import wall_clock
from netop.crd_watcher.report.pace import Pace
from netop.crd_watcher.report.reporter import ClusterReporter
from tests.apiserver.watcher import Watcher
from tests.lab.apiserver import ApiError, Collection
from tests.unit.crd_watcher.report import node as documents

QUICK = Pace(spread=0, gap=0, patience=0)


class ReportingNode(Watcher):
    """A watcher that reports, and daemons that serve whatever it publishes."""

    def __init__(self, root: Path, kubeconfig: Path, pace: Pace = QUICK) -> None:
        super().__init__(root, kubeconfig)
        self.pace = pace
        self.store = Store(root / "run")
        for name in ("netlink-reconciler", "frr-templater", "bpf-guardian"):
            (root / "run" / name).mkdir(parents=True)

    def __enter__(self) -> Self:
        self.reporter = ClusterReporter(
            self.store, lambda: self._changes.wake(), wall_clock, "host", self.pace, self.timing,
            Backoff(0.1, 0.5),
        )  # fmt: skip
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        super().__exit__(kind, error, trace)
        if isinstance(self.reporter, ClusterReporter) and self.reporter._thread is not None:
            self.reporter.stop()
            self.reporter._thread.join()

    def serve(self) -> Desired:
        """Do at once what the other daemons would do with the present generation."""
        wanted = self.desired()
        assert wanted is not None
        for each in (
            documents.links(wanted), documents.served(wanted), documents.attached(wanted)
        ):  # fmt: skip
            self.store.publish(each)
        return wanted


def named(node: ReportingNode, name: str) -> ReportingNode:
    """Call the node `name`, by its config.yaml; again where it has another name."""
    config = node.root / "config.yaml"
    text = re.sub(r"nodeName: \S+, ", "", config.read_text())
    config.write_text(text.replace("{", f"{{nodeName: {name}, ", 1))
    return node


def status_of(states: Collection, name: str = "n1") -> dict[str, Any]:
    """The status of an object, empty where there is none, or its kind is not served yet."""
    try:
        found: dict[str, Any] = states.get(name).get("status") or {}
    except ApiError as error:
        if error.code not in {404, 429}:
            raise
        return {}
    return found


def conditions_of(states: Collection, name: str = "n1") -> dict[str, str]:
    return {each["type"]: each["status"] for each in status_of(states, name).get("conditions", ())}
