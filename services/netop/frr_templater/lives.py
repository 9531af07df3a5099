# SPDX-License-Identifier: Apache-2.0
"""Which processes live, and word of it when one of them ends.

frr.service stays active while one of its daemons is gone, and the pid file of a daemon that
was killed stays too: only its process tells.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class Lives:
    """Follows processes by pidfd_open(2), which needs no right to them and no timer."""

    def __init__(self, ended: Callable[[], None]) -> None:
        """`ended` is called, in the loop's thread, when a process ends that was seen alive."""
        self._ended = ended
        self._held: dict[int, int] = {}

    def alive(self, pid: int) -> bool:
        """Return whether the process lives, and follow it from now on; needs a running loop.

        A process of which the kernel tells nothing is taken to live.
        """
        if pid in self._held:
            return True
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        self._held[pid] = handle
        asyncio.get_running_loop().add_reader(handle, self._end, pid)
        return True

    def _end(self, pid: int) -> None:
        handle = self._held.pop(pid)
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        self._ended()
