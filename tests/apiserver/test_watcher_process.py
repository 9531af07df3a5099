# SPDX-License-Identifier: Apache-2.0
"""The crd-watcher as a process and a real API server: a thousand changes, kills at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from netop.common.documents import Desired
from netop.common.store import Store
from netop.exporter.node import observe
from netop.exporter.samples import samples
from tests.apiserver.conftest import NODE, manifest
from tests.lab.apiserver import ApiServer, Collection

SERVICES = Path(__file__).parents[2] / "services"
CONFIG = "{{vnimap: {{red: 100, blue: 200}}, debounce: {debounce}}}"


class Process:
    """The daemon by hand; entering starts it, leaving kills it, and it may be entered again."""

    def __init__(self, root: Path, kubeconfig: Path, debounce: float) -> None:
        self.root = root
        self.lines: list[str] = []
        for name in ("manifests", "run/crd-watcher", "state"):
            (root / name).mkdir(parents=True)
        (root / "config.yaml").write_text(CONFIG.format(debounce=debounce))
        self._command = [sys.executable, "-m", "netop.crd_watcher", "--kubeconfig", str(kubeconfig)]
        for option, name in (
            ("--config", "config.yaml"),
            ("--manifests", "manifests"),
            ("--state", "state"),
            ("--run", "run"),
        ):
            self._command += [option, str(root / name)]

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(SERVICES)}
        self._process = subprocess.Popen(
            self._command, env=environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.lines.extend(line.rstrip() for line in process.stderr)

    def memory(self) -> int:
        """Return the memory that is the process's own, in KiB."""
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        line = next(each for each in rollup.splitlines() if each.startswith("Private_Dirty"))
        return int(line.split()[1])

    def desired(self) -> Desired | None:
        return Store(self.root / "run").read(Desired)

    def sequence(self) -> dict[str, int]:
        document = self.desired()
        vrfs = document.vrfs if document else ()
        return {policy.resource: policy.seq for vrf in vrfs for policy in vrf.policies}

    def serves(self, expected: dict[str, int], seconds: float = 60) -> None:
        wait(lambda: self.sequence() == expected, seconds)


def wait(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def test_a_thousand_changes_in_a_minute_are_few_publications_and_no_memory(
    apiserver: ApiServer, routes: Collection, tmp_path: Path
) -> None:
    gap, resources, changes = 3.0, 50, 1000
    sequence = {f"red-{number:02}": number + 1 for number in range(resources)}
    for name, seq in sequence.items():
        routes.create(manifest(name, seq=seq))
    kubeconfig = apiserver.kubeconfig("127.0.0.1", NODE)
    with Process(tmp_path, kubeconfig, gap) as process:
        process.serves(sequence)
        document = process.desired()
        assert document is not None
        first = document.generation
        memory = [process.memory()]
        began = time.monotonic()
        for number in range(changes):
            name = f"red-{number % resources:02}"
            sequence[name] += resources
            routes.patch(name, {"spec": {"seq": sequence[name]}})
            if number == changes // 4:
                memory.append(process.memory())
        took = time.monotonic() - began
        process.serves(sequence)
        memory.append(process.memory())
        document = process.desired()
        assert document is not None
    publications = document.generation - first
    print(f"{changes} changes in {took:.1f} s: {publications} publications; memory {memory} KiB")
    assert took < 60
    assert 1 <= publications <= took / gap + 1
    # The first quarter fills the allocator's pools; after that it must not grow.
    assert memory[2] - memory[1] < 2048
    assert not [line for line in process.lines if line.startswith(("warning", "error", "Trace"))]


def test_kills_at_any_moment_lose_nothing_and_the_generation_only_grows(
    apiserver: ApiServer, routes: Collection, tmp_path: Path
) -> None:
    seed = int(os.environ.get("NETOP_SEED") or random.randrange(1 << 32))
    print(f"NETOP_SEED={seed}")
    chance = random.Random(seed)
    process = Process(tmp_path, apiserver.kubeconfig("127.0.0.1", NODE), debounce=0.1)
    sequence: dict[str, int] = {}
    highest = 0
    for turn in range(int(os.environ.get("NETOP_KILLS") or 12)):
        with process:
            end = time.monotonic() + chance.uniform(0.2, 2.0)
            while time.monotonic() < end:
                name = f"red-{chance.randrange(5)}"
                if name in sequence and chance.random() < 0.3:
                    routes.delete(name)
                    del sequence[name]
                elif name not in sequence:
                    sequence[name] = 1 + turn * 5 + int(name[-1])
                    routes.create(manifest(name, seq=sequence[name]))
                time.sleep(0.05)
        document = process.desired()
        if document is not None:
            assert document.generation >= highest
            highest = document.generation
            if chance.random() < 0.3:
                (tmp_path / "run/crd-watcher/desired.json").unlink()
    with process:
        process.serves(sequence)
        document = process.desired()
        assert document is not None
        assert document.generation >= highest
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {"metrics.json"}
    assert left == {"config.yaml", "desired.json", "generation", "last-good.json"}


def test_a_scrape_tells_how_the_watch_stands(
    apiserver: ApiServer, routes: Collection, tmp_path: Path
) -> None:
    routes.create(manifest("red-1"))
    store = Store(tmp_path / "run")

    def scraped(name: str) -> dict[tuple[str, ...], float]:
        found = (sample for sample in samples(observe(store)) if sample.metric.name == name)
        return {sample.labels: sample.value for sample in found}

    began = time.time()
    with Process(tmp_path, apiserver.kubeconfig("127.0.0.1", NODE), 0.1) as process:
        wait(lambda: list(process.sequence()) == ["red-1"], 60)
        wait(lambda: scraped("netop_api_watch_connected") == {(): 1}, 60)
        assert scraped("netop_api_lists_total")[()] >= 1
        assert scraped("netop_api_watches_total")[()] >= 1
        assert ("unreachable",) in scraped("netop_api_failures_total")
        assert began - 1 <= scraped("netop_api_last_list_timestamp_seconds")[()] <= time.time()
        assert scraped("netop_resources_source")["kubernetes",] == 1
        assert scraped("netop_resources")["accepted",] == 1


def test_a_kubeconfig_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.mkdir()
    words = f"{kubeconfig} cannot be read: Is a directory; user "
    with Process(tmp_path / "node", kubeconfig, 0.1) as process:
        wait(lambda: any(words in line for line in process.lines), 20)
    assert process.desired() is None
