# SPDX-License-Identifier: Apache-2.0
"""A node as a machine with a kernel of its own: VRFs, BPF and traffic."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.lab.cache import Cache, Held
from tests.lab.identity import Identity
from tests.lab.node import ENVIRONMENT, Node
from tests.lab.process import LabError, tail
from tests.lab.progress import Progress
from tests.lab.qemu import Boot, Hardware, Qmp, free_port, make_overlay, start
from tests.lab.rundir import RunDirectory, remove_run
from tests.lab.ssh import Liveness, Ssh

#: Seconds; an idle machine takes 30 under emulation.
BOOT_LIMIT = 600.0


@dataclass(frozen=True)
class Running:
    """All one needs to find a running machine again."""

    process: Identity
    port: int
    key: str
    directory: str
    sockets: str


class VirtualMachine(Node):
    """A running machine. Its disk is an overlay, which goes when it is stopped."""

    def __init__(self, found: Running, progress: Progress, failures: Path, name: str) -> None:
        super().__init__(name, progress, failures)
        self.running = found
        self.directory = Path(found.directory)
        self._sockets = Path(found.sockets)
        self.ssh = Ssh(found.port, Path(found.key), self._sockets)
        self._liveness = Liveness(found.process, self.directory / "qemu.log")

    @classmethod
    def boot(cls, cache: Cache, source: "Source", progress: Progress, *,
             name: str = "vm", survives: bool = False) -> Self:  # fmt: skip
        """Start a machine and wait until it answers; from a saved state if `source` has one."""
        place = RunDirectory.make(cache, name)
        disk = place.path / "disk.qcow2"
        make_overlay(source.backing, source.backing_kind, disk)
        boot = Boot(source.image.path, disk, place.path, place.sockets, free_port(),
                    source.state, survives)  # fmt: skip
        try:
            process = start(boot, source.hardware, (*source.locks, place.lock))
        except LabError:
            remove_run(place.path)
            raise
        finally:
            # From now on the machine holds it.
            os.close(place.lock)
        found = Running(
            Identity.of(process.pid),
            boot.port,
            str(source.key),
            str(place.path),
            str(place.sockets),
        )
        machine = cls(found, progress, cache.scratch("failures"), name)
        try:
            machine.await_boot(settled=source.state is not None)
        except BaseException:
            machine.stop()
            raise
        return machine

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    def execute(self, script: str, stdin: bytes, timeout: float) -> tuple[bytes, bytes, int]:
        self._liveness.check()
        exports = " ".join(ENVIRONMENT)
        return self.ssh.execute(f"cd / && export {exports} && {script}", stdin, timeout)

    def interact(self, script: str) -> int:
        """Run a command on the terminal that this program has; its exit code."""
        return self.ssh.interact(script)

    def await_boot(self, *, settled: bool = False) -> None:
        """Wait for SSH, set the clock, and wait until systemd has nothing left to start."""
        try:
            self.ssh.wait(BOOT_LIMIT, self._liveness)
            # A saved state brings the time of its saving along.
            self.run(["date", "--set", f"@{time.time():.3f}"])
            if not settled:
                self.wait_settled()
        except LabError as error:
            console = self.console.read_text(encoding="utf-8", errors="replace")
            raise LabError(f"the machine did not boot: {error}\n{tail(console)}") from None

    def wait_settled(self) -> None:
        """Wait until the boot is over. Raises LabError, naming the units, if some have failed."""
        state = self.run("systemctl is-system-running --wait", check=False, timeout=BOOT_LIMIT)
        if state.stdout.strip() not in {"running", "starting"}:
            failed = self.run("systemctl --failed --no-legend --plain", check=False).stdout
            raise LabError(f"the system is {state.stdout.strip()!r}:\n{failed}")

    def reboot(self, *, orderly: bool = True) -> None:
        """Restart the machine and wait until it is up; without `orderly`, by the reset button."""
        before = self.read("/proc/sys/kernel/random/boot_id")
        if orderly:
            self.run("systemctl reboot", check=False)
        else:
            self.qmp("system_reset")
        self.ssh.close()
        end = time.monotonic() + BOOT_LIMIT
        while time.monotonic() < end:
            self.ssh.wait(BOOT_LIMIT, self._liveness)
            now = self.run("cat /proc/sys/kernel/random/boot_id", check=False, timeout=60)
            if now.ok and now.stdout != before:
                return self.await_boot()
            self.ssh.close()
            time.sleep(1)
        raise LabError(
            f"{self.name}: no new boot {BOOT_LIMIT:.0f} s after the reboot was asked for"
        )

    def qmp(self, command: str) -> None:
        """Give QEMU a command that takes no arguments, such as `stop`, `cont`."""
        connection = Qmp(self._sockets / "qmp")
        try:
            connection.command(command)
        finally:
            connection.close()

    def freeze(self, state: Path) -> None:
        """Save the running machine to a file and end it, keeping its disk."""
        self.run("sync")
        self.ssh.close()
        connection = Qmp(self._sockets / "qmp")
        connection.save(state)
        connection.command("quit")
        connection.close()
        self._await_end(20)

    def stop(self) -> None:
        # Nothing of the disk is kept, so the system need not shut down in good order.
        self.ssh.close()
        self.running.process.send(signal.SIGKILL)
        self._await_end(10)
        remove_run(self.directory)

    def _await_end(self, patience: float) -> None:
        end = time.monotonic() + patience
        while self.running.process.alive and time.monotonic() < end:
            time.sleep(0.02)
        try:
            os.waitpid(self.running.process.pid, os.WNOHANG)
        except ChildProcessError:
            return


@dataclass(frozen=True)
class Source:
    """What a machine starts from: an image, or a machine that was saved while it ran."""

    image: Held
    key: Path
    hardware: Hardware
    locks: Sequence[int]
    saved: Held | None = None

    @property
    def backing(self) -> Path:
        return self.saved.path / "disk.qcow2" if self.saved else self.image.path / "disk.img"

    @property
    def backing_kind(self) -> str:
        return "qcow2" if self.saved else "raw"

    @property
    def state(self) -> Path | None:
        return self.saved.path / "state" if self.saved else None
