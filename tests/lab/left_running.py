# SPDX-License-Identifier: Apache-2.0
"""The machine that a demo leaves running: how to find it, log in, and take it down."""

import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.cache import Cache
from tests.lab.identity import Identity
from tests.lab.process import LabError
from tests.lab.progress import Progress
from tests.lab.vm import Running, VirtualMachine


@dataclass(frozen=True)
class LeftRunning:
    """A machine, and the process of its API server where it has one."""

    machine: Running
    apiserver: Identity | None = None


def path_of(cache: Cache) -> Path:
    return cache.scratch("run") / "demo.json"


def remember(cache: Cache, left: LeftRunning) -> None:
    path_of(cache).write_text(json.dumps(asdict(left)) + "\n", encoding="utf-8")


def recall(cache: Cache) -> LeftRunning | None:
    """What an earlier demo left; its machine may have ended meanwhile."""
    try:
        found = json.loads(path_of(cache).read_text(encoding="utf-8"))
        machine = found["machine"]
        running = Running(**{**machine, "process": Identity(**machine["process"])})
        apiserver = found["apiserver"]
        return LeftRunning(running, Identity(**apiserver) if apiserver else None)
    except (FileNotFoundError, TypeError, ValueError, KeyError):
        return None


def attach(cache: Cache, progress: Progress) -> VirtualMachine:
    """The machine that the demo left running. Raises LabError when there is none."""
    left = recall(cache)
    if left is None or not left.machine.process.alive:
        raise LabError("no machine is running; `make demo` leaves one")
    return VirtualMachine(left.machine, progress, cache.scratch("failures"), "demo")


def take_down(cache: Cache, progress: Progress) -> bool:
    """End what an earlier demo left; whether there was something."""
    left = recall(cache)
    if left is None:
        return False
    if left.apiserver:
        left.apiserver.send(signal.SIGTERM)
    VirtualMachine(left.machine, progress, cache.scratch("failures"), "demo").stop()
    path_of(cache).unlink()
    return True
