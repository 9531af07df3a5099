# SPDX-License-Identifier: Apache-2.0
"""A program in the background: started, paused and ended by its process id alone."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.process import LabError, tail

#: Seconds that a program has to end by itself.
PATIENCE = 15.0


class BackgroundProcess:
    """One process that writes into a log file."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            # A session of its own, so that Ctrl-C reaches the lab alone, which ends it in order.
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, cwd=log.parent,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip

    def check(self) -> None:
        """Raise LabError, with the end of the log, where the process has ended."""
        if (code := self._process.poll()) is not None:
            text = tail(self.log.read_text(encoding="utf-8", errors="replace"), lines=15)
            raise LabError(f"{self.name} ended with exit code {code}; the end of its log:\n{text}")

    def pause(self) -> None:
        """Stop it in its tracks: connections stay open and nothing answers."""
        self.check()
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait for that; a paused one is woken first."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """TCP ports that nobody had a moment ago; all different."""
    sockets = [socket.create_server((address, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
