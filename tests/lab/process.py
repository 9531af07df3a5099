# SPDX-License-Identifier: Apache-2.0
"""Commands on the host, and what came of a command anywhere."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class LabError(Exception):
    """The lab cannot go on; the message says what failed and what to do about it."""


@dataclass(frozen=True)
class Result:
    """What a command wrote and returned; text is decoded with replacement characters."""

    command: str
    stdout: str
    stderr: str
    code: int

    @property
    def ok(self) -> bool:
        return self.code == 0


class CommandError(LabError):
    """A command returned something else than 0."""

    def __init__(self, result: Result, where: str = "host") -> None:
        self.result = result
        super().__init__(
            f"{where}: exit code {result.code} from: {shortened(result.command)}\n"
            f"{tail(result.stdout)}{tail(result.stderr)}".rstrip()
        )


def shortened(text: str, limit: int = 300) -> str:
    """One line of at most `limit` characters that stands for `text` in a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tail(text: str, lines: int = 40) -> str:
    """The last `lines` lines, each ended, for the end of a message."""
    kept = text.rstrip().splitlines()[-lines:]
    return "".join(line + "\n" for line in kept)


def run(
    argv: Sequence[str | Path],
    *,
    check: bool = True,
    input: bytes | None = None,  # noqa: A002  the name that subprocess has for it
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Result:
    """Run a command on the host and wait for it (`timeout` in seconds).

    Raises CommandError when it fails and `check` is set, LabError when it takes too long.
    """
    words = [str(word) for word in argv]
    command = " ".join(words)
    try:
        done = subprocess.run(
            words, input=input, stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True, timeout=timeout, env=env, cwd=cwd, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LabError(f"host: no end after {timeout:.0f} s: {shortened(command)}") from None
    result = Result(
        command, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"),
        done.returncode,
    )  # fmt: skip
    if check and not result.ok:
        raise CommandError(result)
    return result
