# SPDX-License-Identifier: Apache-2.0
"""Processes that are found again later: their numbers are used anew after a while."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process: its number, and when it started, in clock ticks since the host's boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The process that has this number now. Raises ProcessLookupError when there is none."""
        return cls(pid, int(_stat(pid)[19]))

    @property
    def alive(self) -> bool:
        """Whether it runs: it has not ended, nor has another one taken its number."""
        try:
            fields = _stat(self.pid)
        except ProcessLookupError:
            return False
        return fields[0] != "Z" and int(fields[19]) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal; without effect when it has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The descriptor stands for one process, so what is true now stays so.
            if self.alive:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third, the state, on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    return text.rpartition(")")[2].split()
