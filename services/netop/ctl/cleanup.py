# SPDX-License-Identifier: Apache-2.0
"""`netopctl cleanup`: removes from FRR and the kernel what netop put there, after asking."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netop.bpf_guardian.kernel import RtnetlinkKernel as FilterKernel
from netop.bpf_guardian.rtnetlink import RtnetlinkError
from netop.common.documents import Desired, Reload, ReloadResult, Served, Source
from netop.common.settings import NodeSettings
from netop.ctl.release import Asking, CleanupError, Release, Run
from netop.frr_templater.files import Files
from netop.frr_templater.frr import Frr
from netop.frr_templater.template import BEGIN
from netop.netlink_reconciler.kernel import Kernel
from netop.netlink_reconciler.kernel import RtnetlinkKernel as LinkKernel
from netop.netlink_reconciler.observe import KernelError, no_tables
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.reconciler import ROUNDS

FRR_OWNER = "frr"
_SERVICES = [f"netop-{name}.service" for name in
             ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")]  # fmt: skip

NOTHING = Desired(1, Source.MANIFESTS, "", NodeSettings(), (), ())
NOTHING_SERVED = Served(1, (), Reload(ReloadResult.NONE, "", 0.0, 0, "", ()), ())


class Filters(Protocol):
    """The eBPF programs on interfaces."""

    def where(self) -> dict[str, int]:
        """Return the interfaces with a program of netop, and their ifindexes."""
        ...

    def remove(self, indexes: Sequence[int]) -> None:
        """Take the programs away."""
        ...


@dataclass(frozen=True)
class Remains:
    """What is there to be removed. `sections` counts those of frr.conf."""

    links: tuple[str, ...]
    interfaces: dict[str, int]
    sections: int

    def told(self) -> list[str]:
        """Return one line a kind; of nothing, none."""
        lines = []
        if self.sections:
            lines.append(f"{self.sections} sections of /etc/frr/frr.conf")
        if self.links:
            lines.append(f"{len(self.links)} links: {', '.join(self.links)}")
        if self.interfaces:
            lines.append(f"the eBPF program on {', '.join(self.interfaces)}")
        return lines


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `cleanup` to the commands of netopctl."""
    parser = commands.add_parser(
        "cleanup",
        help="stop netop and remove what it made from FRR and the kernel, after asking",
        description="Stops netop, takes its sections out of frr.conf, reloads FRR, and removes "
        "its links and programs. The traffic of its VRFs ends. The template stays.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, remove, and return the exit status."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            # Whether FRR lives, it is asked, not its process ids.
            frr = Frr(Path(scratch), alive=lambda _: True)
            node = Node(Files(), LinkKernel(), TcFilters(), frr, run_command, give_to_frr)
            return _clean(node, agreed=arguments.yes)
    except (CleanupError, KernelError, RtnetlinkError, OSError) as error:
        print(f"netopctl: {error}", file=sys.stderr)
        return 1


def _clean(node: Node, *, agreed: bool) -> int:
    remains = node.look()
    if not remains.told():
        print("there is nothing of netop in FRR or the kernel")
        return 0
    print("netop is stopped, and this is removed; the traffic of its VRFs ends:")
    for line in remains.told():
        print(f"  {line}")
    if not agreed and not _agreed():
        print("nothing was changed")
        return 1
    node.clean()
    print("done; systemctl start netop.target makes it all anew")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("netopctl: nobody to ask; --yes agrees", file=sys.stderr)
        return False
    return input("Type yes to go on: ").strip() == "yes"


def run_command(words: Sequence[str]) -> str:
    """Run a command and return what it wrote; raises CleanupError where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise CleanupError(f"{' '.join(words)}: {said or f'exit status {done.returncode}'}")
    return done.stdout


def give_to_frr(path: Path) -> None:
    """Make a file FRR's own again; raises OSError."""
    try:
        shutil.chown(path, FRR_OWNER, FRR_OWNER)
    except LookupError as error:
        raise OSError(f"{path}: there is no user {FRR_OWNER}") from error


class TcFilters:
    """The programs, over netlink."""

    def __init__(self) -> None:
        self._kernel = FilterKernel()

    def where(self) -> dict[str, int]:
        """Return the interfaces with a program of netop, and their ifindexes."""
        links = self._kernel.links()
        places = self._kernel.places(list(links))
        return {links[index].name: index for index, place in places.items() if place.ours}

    def remove(self, indexes: Sequence[int]) -> None:
        """Take the programs away."""
        self._kernel.detach(indexes)


@dataclass(frozen=True)
class Node:
    """What is cleaned, and by what means."""

    files: Files
    links: Kernel
    filters: Filters
    frr: Asking
    command: Run
    adopt: Callable[[Path], None]

    def look(self) -> Remains:
        """Return what there is; raises KernelError, RtnetlinkError, OSError."""
        text = self.files.read() or ""
        own = self.links.observe(NOTHING.node, no_tables).own
        names = tuple(sorted(link.name for link in own))
        interfaces = {
            name: index for name, index in sorted(self.filters.where().items()) if name not in names
        }
        sections = sum(line.strip().startswith(BEGIN) for line in text.splitlines())
        return Remains(names, interfaces, sections)

    def clean(self) -> None:
        """Stop the daemons, then clean FRR, links and programs, in this order.

        A VRF that the kernel loses before FRR does leaves a stale layer-3 VNI behind, so
        links stay where FRR could not be cleaned; and FRR ends of a link that goes while it
        has an unnumbered neighbor (`farewell`), so these leave first. Raises CleanupError,
        KernelError, RtnetlinkError, OSError.
        """
        self.command(["systemctl", "stop", "netop.target", *_SERVICES])
        own = self.links.observe(NOTHING.node, no_tables).own
        Release(self.files, self.frr, self.command, self.adopt).release(tuple(own))
        # Descriptors in systemd's keeping and documents tell of what is no more. Before the
        # links: a start with links and with nothing published has them wait for FRR; and a
        # run that ended here is repeated, because links are left. systemd cleans no unit
        # that has failed, be it of this stop.
        with suppress(CleanupError):
            self.command(["systemctl", "reset-failed", *_SERVICES])
        self.command(["systemctl", "clean", "--what=runtime", "--what=fdstore", *_SERVICES])
        self._clean_links()
        self.filters.remove(list(self.filters.where().values()))

    def _clean_links(self) -> None:
        for _ in range(ROUNDS):
            actual = self.links.observe(NOTHING.node, no_tables)
            plan = make_plan(NOTHING, NOTHING_SERVED, actual)
            if not plan.steps:
                return
            if failures := self.links.apply(plan.steps):
                raise CleanupError(str(failures[0]))
        raise CleanupError("links come back as soon as they are removed; who makes them?")
