# SPDX-License-Identifier: Apache-2.0
"""ifupdown2 as Debian has it, for the machine that it is measured in, and for no image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.roots import SUITE, discardable, spawn

SCRIPT = (
    "apt-get update -q >&2 && cd /tmp && apt-get download -q ifupdown2 >&2 && cat ifupdown2_*.deb"
)


@dataclass(frozen=True)
class Ifupdown2:
    """Recipe of the lab's cache: the package in a file `ifupdown2.b64`."""

    root: Path

    @property
    def name(self) -> str:
        return "ifupdown2"

    @property
    def inputs(self) -> Sequence[str]:
        return (SUITE, SCRIPT)

    def build(self, target: Path) -> None:
        script = f"{SCRIPT} | base64"
        done = spawn(
            discardable([self.root], target / "mnt"),
            ["--as-pid2", "--resolv-conf=copy-host", "--pipe", "--", "sh", "-ec", script],
        )
        (target / "ifupdown2.b64").write_text(done.stdout, encoding="ascii")
