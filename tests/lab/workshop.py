# SPDX-License-Identifier: Apache-2.0
"""A Debian 13 with what makes and checks packages, for one command at a time."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cache import Cache, Held
from tests.lab.process import Result
from tests.lab.roots import discardable, spawn
from tests.lab.rundir import RunDirectory
from tests.lab.source import files_of

TREE = "/tree"


class Workshop:
    """The node's root with build tools on top. Changes are gone after each command."""

    def __init__(self, cache: Cache, node: Held, layer: Held) -> None:
        self._cache = cache
        self._layers = [layer.path / "upper", node.path / "root"]

    @property
    def programs(self) -> Path:
        """The programs that it has more than a node, to be bound into one."""
        return self._layers[0] / "usr/bin"

    @property
    def layers(self) -> Sequence[Path]:
        """The file systems it is made of, top first."""
        return tuple(self._layers)

    def run(self, command: str, *, source: Path, out: Path | None = None) -> Result:
        """Run a shell command at the top of a copy of the tree `source`.

        The directory `out` is /out for the command, and keeps what it puts there.
        Raises CommandError when the command fails.
        """
        directory = RunDirectory.make(self._cache, "workshop")
        try:
            copy = directory.path / "tree"
            copy_tree(source, copy)
            return self._spawn(directory.path, copy, command, out)
        finally:
            directory.remove()

    def _spawn(self, place: Path, copy: Path, command: str, out: Path | None) -> Result:
        binds: Sequence[str] = [f"--bind={copy}:{TREE}"]
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            binds = [*binds, f"--bind={out}:/out"]
        return spawn(
            discardable(self._layers, place / "mnt"),
            ["--as-pid2", "--pipe", "--private-network", "--resolv-conf=off", *binds,
             f"--machine={place.name.replace('_', '0')}", f"--chdir={TREE}",
             "--setenv=LC_ALL=C.UTF-8", "--setenv=PYTHONDONTWRITEBYTECODE=1",
             "--", "sh", "-ec", command],
        )  # fmt: skip


def copy_tree(source: Path, target: Path) -> None:
    """Copy a checkout without what git ignores."""
    for path in files_of(source):
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, place, follow_symlinks=False)
