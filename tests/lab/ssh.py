# SPDX-License-Identifier: Apache-2.0
"""Commands in a machine: one SSH connection kept open, as each new one costs a second there."""

import socket
import subprocess
import time
from pathlib import Path

from tests.lab.identity import Identity
from tests.lab.process import LabError, run


class Ssh:
    """A way into the machine whose SSH answers on 127.0.0.1."""

    def __init__(self, port: int, key: Path, sockets: Path) -> None:
        self.port = port
        self.key = key
        self._control = sockets / "ssh"

    @property
    def login(self) -> list[str]:
        """The command that a person logs in with."""
        return [
            "ssh", "-q", "-i", str(self.key), "-p", str(self.port),
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "root@127.0.0.1",
        ]  # fmt: skip

    @property
    def _command(self) -> list[str]:
        return [
            *self.login[:-1], "-o", "BatchMode=yes", "-o", "ConnectTimeout=30",
            "-o", "KexAlgorithms=curve25519-sha256", "-o", "ServerAliveInterval=30",
            "-o", "ControlMaster=auto", "-o", "ControlPersist=yes",
            "-o", f"ControlPath={self._control}", self.login[-1],
        ]  # fmt: skip

    def execute(self, script: str, stdin: bytes, timeout: float) -> tuple[bytes, bytes, int]:
        """Run a shell script; output, errors, exit code (255: the connection failed)."""
        self._open_master()
        done = subprocess.run(
            [*self._command, "--", script], input=stdin, capture_output=True, timeout=timeout,
            check=False,
        )  # fmt: skip
        return done.stdout, done.stderr, done.returncode

    def interact(self, script: str) -> int:
        """Run a command on the terminal that this program has; its exit code."""
        return subprocess.call([*self.login[:-1], "-t", self.login[-1], "--", script])

    def _open_master(self) -> None:
        """Open the shared connection by itself.

        The first command would do, but the connection would keep its output open.
        """
        if not self._control.exists():
            run([*self._command[:-1], "-f", "-N", self._command[-1]], check=False, timeout=120)

    def close(self) -> None:
        if self._control.exists():
            run([*self._command[:-1], "-O", "exit", self._command[-1]], check=False, timeout=10)
            self._control.unlink(missing_ok=True)

    def wait(self, patience: float, alive: "Liveness") -> None:
        """Wait until the machine's SSH greets. Raises LabError after `patience` seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            alive.check()
            if self._greets():
                return
            time.sleep(0.1)
        raise LabError(f"no SSH on 127.0.0.1:{self.port} after {patience:.0f} s")

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=3) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False


class Liveness:
    """Tells while something is waited for whether waiting still makes sense."""

    def __init__(self, process: Identity, log: Path) -> None:
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raises LabError when the process has ended."""
        if not self._process.alive:
            raise LabError(f"the machine ended: {self._log.read_text(encoding='utf-8')}")
