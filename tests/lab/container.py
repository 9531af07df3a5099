# SPDX-License-Identifier: Apache-2.0
"""A node as a booted container: everything but VRFs, at native speed, up in about a second."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import Cache, Held
from tests.lab.node import ENVIRONMENT, Node
from tests.lab.process import LabError, tail
from tests.lab.progress import Progress
from tests.lab.roots import Mounting, discardable, nspawn_command
from tests.lab.rundir import RunDirectory

BOOT_LIMIT = 60.0
#: Where version 2 of control groups is, beside version 1 or alone.
_BOTH = Path("/sys/fs/cgroup/unified")
CGROUPS = _BOTH if _BOTH.is_dir() else _BOTH.parent


@dataclass(frozen=True)
class Bind:
    """A directory of the host that the container sees at `target`, read-only."""

    source: Path
    target: str


class Container(Node):
    """A booted node root. Changes go to memory and are gone with it.

    `layers` stand for the root itself: file systems on top of one another, top first.
    """

    def __init__(
        self,
        cache: Cache,
        root: Held,
        progress: Progress,
        binds: Sequence[Bind] = (),
        layers: Sequence[Path] = (),
    ) -> None:
        super().__init__("container", progress, cache.scratch("failures"))
        self._root = root
        self._layers = layers or [root.path / "root"]
        self._run_directory = RunDirectory.make(cache, "container")
        self._directory = self._run_directory.path
        self._leader = 0
        self._cgroup = CGROUPS / f"netop-{self._directory.name}"
        self._process = self._spawn(binds)
        try:
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    @property
    def console(self) -> Path:
        return self._directory / "console.log"

    def _spawn(self, binds: Sequence[Bind]) -> subprocess.Popen[bytes]:
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._run_directory.sockets / "notify"))
        mounting = with_headers(discardable(self._layers, self._directory / "mnt"))
        mounting = in_own_cgroup(mounting, self._cgroup)
        command = nspawn_command(mounting, [
            "--boot", "--private-network", "--capability=all", "--notify-ready=yes",
            "--console=read-only", "--machine", self._directory.name.replace("_", "0"),
            "--hostname=node", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            *(f"--bind-ro={bind.source}:{bind.target}" for bind in binds),
        ])  # fmt: skip
        with self.console.open("wb") as console:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                pass_fds=[self._root.lock, self._run_directory.lock], start_new_session=True,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(self._run_directory.sockets / "notify"),
                    # As on a machine: sysctls can be written, bpf() and what else may be called.
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes",
                    "SYSTEMD_SECCOMP": "0",
                    # Where the host has the older hierarchy, it would see no unit become empty.
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "yes",
                },
            )  # fmt: skip

    def _await_boot(self) -> None:
        """Wait for the container's systemd to say that it is up, and keep its process id."""
        self._notify.settimeout(1.0)
        end = time.monotonic() + BOOT_LIMIT
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                message = self._notify.recv(4096).decode(errors="replace")
            except TimeoutError:
                continue
            if found := re.search(r"X_NSPAWN_LEADER_PID=(\d+)", message):
                self._leader = int(found[1])
            if self._leader and "READY=1" in message.splitlines():
                # systemd goes on to tell how it is; unread, its queue would fill and block it.
                self._notify.close()
                return
        raise LabError(
            f"the container did not boot within {BOOT_LIMIT:.0f} s; its console ends:\n"
            + tail(self.console.read_text(encoding="utf-8", errors="replace"))
        )

    def execute(self, script: str, stdin: bytes, timeout: float) -> tuple[bytes, bytes, int]:
        command = [
            "nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
            "--cgroup", "--root", "--wd", "--", "env", "-i", *ENVIRONMENT, "sh", "-c", script,
        ]  # fmt: skip
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=timeout, check=False
        )
        return done.stdout, done.stderr, done.returncode

    def interact(self, script: str) -> int:
        """Run a command on the terminal that this program has; its exit code."""
        return subprocess.call([
            "nsenter", f"--target={self._leader}", "--all", "--root", "--wd", "--",
            "env", "-i", *ENVIRONMENT, f"TERM={os.environ.get('TERM', 'dumb')}", "sh", "-c", script,
        ])  # fmt: skip

    def stop(self) -> None:
        if self._process.poll() is None:
            # It need not shut down in good order. Its first process outlives systemd-nspawn,
            # with all that it runs, unless it is ended by itself.
            if self._leader:
                os.kill(self._leader, signal.SIGKILL)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            remove_cgroup(self._cgroup)
        self._notify.close()
        if self._directory.exists():
            self._run_directory.remove()


def with_headers(mounting: Mounting) -> Mounting:
    """Let bcc in the container find the node's kernel headers under the host kernel's name."""
    script = (
        f"modules={mounting.root}/usr/lib/modules; mkdir -p $modules/$(uname -r)\n"
        f"for name in build source; do ln -sf ../$(ls $modules | grep cloud | head -1)/$name"
        " $modules/$(uname -r)/$name; done\n"
    )
    return Mounting(mounting.script + script, mounting.root)


def in_own_cgroup(mounting: Mounting, cgroup: Path) -> Mounting:
    """Have the container's units in a group of their own.

    Two containers in one would share /system.slice/frr.service, and stopping it in one would
    kill it in the other. Where the host does not allow a group, one at a time does without.
    """
    script = f"if mkdir {cgroup} 2>/dev/null; then echo $$ > {cgroup}/cgroup.procs || true; fi\n"
    return Mounting(script + mounting.script, mounting.root)


def remove_cgroup(cgroup: Path) -> None:
    """Remove a group and those in it once they are empty; those of a process that lingers stay."""
    end = time.monotonic() + 5
    while cgroup.exists() and time.monotonic() < end:
        for each in (*sorted(cgroup.rglob("*/"), reverse=True), cgroup):
            with contextlib.suppress(OSError):
                each.rmdir()
        time.sleep(0.05)
