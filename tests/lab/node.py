# SPDX-License-Identifier: Apache-2.0
"""What can be done with a node, whether it is a container or a machine."""

import io
import shlex
import tarfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.process import CommandError, LabError, Result, shortened
from tests.lab.progress import Progress

#: Seconds for a command that sets no limit of its own.
PATIENCE = 120.0
#: Of every command in a node.
ENVIRONMENT = (
    "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "PYTHONDONTWRITEBYTECODE=1",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)  # fmt: skip
Command = str | Sequence[str]


class Node(ABC):
    """A booted node. As a context manager it is stopped at the end, and when an exception leaves
    the block, the node's journal and state are kept in a directory that the exception names.
    """

    def __init__(self, name: str, progress: Progress, failures: Path) -> None:
        self.name = name
        self.progress = progress
        self._failures = failures

    @abstractmethod
    def execute(self, script: str, stdin: bytes, timeout: float) -> tuple[bytes, bytes, int]:
        """Run a shell script as root; its output, its errors and its exit code."""

    @abstractmethod
    def stop(self) -> None:
        """End the node; without effect on one that has ended."""

    @property
    @abstractmethod
    def console(self) -> Path:
        """The file that its console goes to."""

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        input: str | bytes = b"",  # noqa: A002  the name that subprocess has for it
        timeout: float = PATIENCE,
    ) -> Result:
        """Run a command (a shell script, or words that no shell reads); `timeout` in seconds.

        Raises CommandError when it fails and `check` is set, LabError when it takes too long.
        """
        result, _ = self._run(command, input, timeout)
        if check and not result.ok:
            raise CommandError(result, self.name)
        return result

    def output(self, command: Command, *, timeout: float = PATIENCE) -> str:
        """What a command that must succeed writes, without white space at its ends."""
        return self.run(command, timeout=timeout).stdout.strip()

    def _run(self, command: Command, stdin: str | bytes, timeout: float) -> tuple[Result, bytes]:
        script = command if isinstance(command, str) else shlex.join(command)
        data = stdin.encode() if isinstance(stdin, str) else stdin
        # The limit holds inside the node: a local client that is killed would leave it running.
        limited = f"exec timeout --kill-after=5 {timeout:.1f} sh -c {shlex.quote(script)}"
        out, errors, code = self.execute(limited, data, timeout + 30)
        text, error_text = out.decode(errors="replace"), errors.decode(errors="replace")
        if code in {124, 137}:
            said = text + error_text
            raise LabError(
                f"{self.name}: no end after {timeout:.0f} s: {shortened(script)}\n{said}"
            )
        return Result(script, text, error_text, code), out

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        """Make or replace a file, and the directories that lead to it."""
        quoted = shlex.quote(path)
        self.run(f"mkdir -p $(dirname {quoted}) && cat > {quoted} && chmod {mode:o} {quoted}",
                 input=text)  # fmt: skip

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file to the path `target`, or what a directory holds into the directory."""
        if not source.is_dir():
            self.write(target, source.read_bytes(), mode=source.stat().st_mode & 0o7777)
            return
        self.unpack(packed([(path, str(path.relative_to(source)))
                            for path in sorted(source.rglob("*"))]), target)  # fmt: skip

    def unpack(self, archive: bytes, target: str) -> None:
        """Unpack a tar archive into the directory `target`, as root's files."""
        quoted = shlex.quote(target)
        self.run(f"mkdir -p {quoted} && tar -C {quoted} --no-same-owner -xf -", input=archive)

    def copy_out(self, source: str, target: Path) -> None:
        """Copy a file of the node to the file `target`, or a directory's content into it."""
        quoted = shlex.quote(source)
        if self.run(["test", "-d", source], check=False).ok:
            _, data = self._run(f"tar -C {quoted} -cf - .", b"", PATIENCE)
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                archive.extractall(target, filter="data")
            return
        result, data = self._run(["cat", source], b"", PATIENCE)
        if not result.ok:
            raise CommandError(result, self.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def install(self, deb: Path) -> None:
        """Install a package with apt, as an administrator would; its dependencies are there."""
        self.copy_in(deb, f"/tmp/{deb.name}")
        self.run(
            "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --allow-downgrades --reinstall"
            f" --no-install-recommends -o Dpkg::Options::=--force-confold /tmp/{deb.name}",
            timeout=300,
        )

    def journal(self, *arguments: str) -> str:
        """What journalctl shows for these arguments, such as `-u`, `netop-*`."""
        return self.run(["journalctl", "--no-pager", *arguments]).stdout

    def wait_until(
        self,
        condition: str | Callable[[], bool],
        *,
        why: str,
        timeout: float = 60.0,
        interval: float = 0.5,
    ) -> None:
        """Wait until a shell command succeeds in the node, or a function says True.

        Raises LabError with `why`, a phrase that ends "waited for ...", and the last output.
        """
        if callable(condition):
            end = time.monotonic() + timeout
            while not condition():
                if time.monotonic() > end:
                    raise LabError(f"{self.name}: waited {timeout:.0f} s for {why}")
                time.sleep(interval)
            return
        # The loop runs in the node: under emulation each new session costs more than the test.
        script = (
            f"end=$(( $(cut -d. -f1 /proc/uptime) + {timeout:.0f} ))\n"
            f"while :; do out=$( ({condition}) 2>&1 ) && exit 0\n"
            '[ $(cut -d. -f1 /proc/uptime) -lt $end ] || { echo "$out"; exit 75; }\n'
            f"sleep {interval}; done"
        )
        result = self.run(script, check=False, timeout=timeout + 60)
        if not result.ok:
            raise LabError(
                f"{self.name}: waited {timeout:.0f} s for {why}; last said by"
                f" {shortened(condition)!r}:\n{result.stdout}{result.stderr}"
            )

    def collect(self, label: str = "") -> Path:
        """Keep the journal and the state of network and FRR in a new directory; its path."""
        directory = self._failures / "-".join(
            filter(None, (time.strftime("%Y%m%d-%H%M%S"), self.name, label))
        )
        directory.mkdir(parents=True, exist_ok=True)
        for name, command in EVIDENCE.items():
            try:
                text = self.run(command, check=False, timeout=60)
                (directory / name).write_text(text.stdout + text.stderr, encoding="utf-8")
            except (LabError, OSError) as error:
                (directory / name).write_text(f"{error}\n", encoding="utf-8")
        if self.console.exists():
            (directory / "console.log").write_bytes(self.console.read_bytes())
        return directory

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            error.add_note(f"the node's journal and state: {self.collect()}")
        self.stop()


#: A file in a failure's directory, and the command whose output it holds.
EVIDENCE = {
    "journal.txt": "journalctl --no-pager -o short-precise",
    "units.txt": "systemctl --no-pager --failed; systemctl --no-pager status 'netop*' frr",
    "links.txt": "ip -d link; ip address; ip rule; ip -6 rule",
    "routes.txt": "ip route show table all; ip -6 route show table all",
    "frr.conf": "cat /etc/frr/frr.conf",
    "running.conf": "vtysh -c 'show running-config'",
    "state.txt": "tail -vn +1 /run/netop/*/*.json",
}  # fmt: skip


def packed(files: Sequence[tuple[Path, str]]) -> bytes:
    """A tar archive of files, each under its name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, name in files:
            archive.add(path, name, recursive=False)
    return buffer.getvalue()
