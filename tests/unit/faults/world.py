# SPDX-License-Identifier: Apache-2.0
"""The four daemons of one node together: real files, a kernel and an FRR in memory.

Every change of a file, every netlink message and every question to FRR is an operation
that may go wrong. What must never happen is looked at in each of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from netop.bpf_guardian.events import Changes as FilterChanges
from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.fights import Fights
from netop.bpf_guardian.filters import Place
from netop.bpf_guardian.guardian import Guardian
from netop.bpf_guardian.wishes import WishReader
from netop.bpf_guardian.workshop import Workshop
from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.documents import Attached, Desired, Document, Links, Served
from netop.common.journal import Journal
from netop.common.store import Store, remove_leftovers
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.last_good import StateDirectory
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.reconciler import CrdWatcher
from netop.crd_watcher.sources import Sources
from netop.frr_templater.apply import Applier
from netop.frr_templater.files import Files
from netop.frr_templater.frr import Frr
from netop.frr_templater.keeper import Keeper
from netop.frr_templater.reconciler import Templater
from netop.frr_templater.state import StateFile
from netop.frr_templater.target import Targets
from netop.netlink_reconciler.reconciler import LinkReconciler
from tests.unit.bpf_guardian import fakes as bpf
from tests.unit.crd_watcher.objects import body, text
from tests.unit.faults.fate import Fate, Killed
from tests.unit.faults.fateful import FatefulFilters, FatefulFrr, FatefulKernel
from tests.unit.frr_templater.fakes import BASE, FakeFrr, lines_of
from tests.unit.netlink_reconciler.fake_kernel import UNDERLAY, FakeKernel
from tests.unit.netlink_reconciler.test_reconciler import Watch

DOCUMENTS: tuple[type[Document], ...] = (Desired, Links, Served, Attached)
PREFIXES = ("vr", "br", "vx", "vd", "dv")
# Longer than any backoff of the daemons: whoever waits so long waits for an event.
LONG = 650.0
# What is broken is mended after so many rounds of passes.
BEARABLE = 15


class Reconciles(Protocol):
    """A daemon of the node."""

    async def reconcile(self) -> Report: ...


class World:
    """One node. `live` lets everything run until nobody has anything to do."""

    def __init__(self, root: Path, fate: Fate, *, all_at_once: bool = False) -> None:
        self.root = root
        self.fate = fate
        self.all_at_once = all_at_once
        self.time = 1000.0
        self.told: list[str] = []
        self.at_kill: Callable[[], None] | None = None
        for name in ("manifests", "state/crd", "state/frr", "frr"):
            (root / name).mkdir(parents=True)
        for kind in DOCUMENTS:
            (root / "run" / kind.WRITER).mkdir(parents=True)
        self.store = Store(root / "run")
        self.links = FakeKernel()
        self.links.add_underlay()
        configuration = root / "frr" / "frr.conf"
        configuration.write_text(BASE)
        (root / "router.c").write_text("version 1\n")
        self.frr = FatefulFrr(FakeFrr(configuration), fate)
        self.frr.real.boot()
        self.kernel = FatefulKernel(self.links, fate, self.frr)
        self.libbpf = bpf.FakeLibbpf()
        self.filters = FatefulFilters(libbpf=self.libbpf, real=self.links, fate=fate)
        self.keeper = bpf.FakeKeeper()
        self.daemons: dict[str, Reconciles | None] = dict.fromkeys(
            ("crd-watcher", "netlink-reconciler", "frr-templater", "bpf-guardian")
        )

    # What the operator does.

    def configure(self, **vnis: int) -> None:
        pairs = ", ".join(f"{name}: {vni}" for name, vni in vnis.items())
        path = self.root / "config.yaml"
        path.write_text(f"{{vnimap: {{{pairs}}}, skipVRFConfig: [mgmt], debounce: 0}}")

    def resources(self, *pairs: tuple[str, int]) -> None:
        """Want these resources, given by VRF and seq, and no others."""
        for path in (self.root / "manifests").iterdir():
            path.unlink()
        for vrf, seq in pairs:
            path = self.root / "manifests" / f"{vrf}-{seq}.yaml"
            path.write_text(text(body(f"{vrf}-{seq}", vrf, seq)))

    # Time.

    async def live(self) -> None:
        """Let everything run until all is at rest; fails where that never comes."""
        suffered = 0
        for _ in range(600):
            suffered = suffered + 1 if self.fate.broken else 0
            if suffered == BEARABLE:
                self.fate.mend()
            before = self._picture()
            waits = [await self._pass(name) for name in self.daemons]
            soon = [wait for wait in waits if wait is not None and wait < LONG]
            if not soon and self._picture() == before:
                return
            self.time += min(soon, default=0.05) or 0.05
        raise AssertionError(f"never at rest: {self.told[-20:]}")

    async def _pass(self, name: str) -> float | None:
        """Make one pass of a daemon, in a new process where there is none."""
        try:
            daemon = self.daemons[name] or self._start(name)
            self.daemons[name] = daemon
            report = await daemon.reconcile()
        except Killed:
            for other in self.daemons if self.all_at_once else [name]:
                self.daemons[other] = None
            self.fate.new_life()
            if self.at_kill is not None:
                self.at_kill()
            return 0.0
        finally:
            self._whole()
        return report.retry

    def _whole(self) -> None:
        """A document is whole at any moment, whoever died."""
        for kind in DOCUMENTS:
            self.store.read(kind)

    def _picture(self) -> object:
        documents = [self.store.path(kind) for kind in DOCUMENTS]
        texts = [path.read_text() if path.exists() else "" for path in documents]
        filters = {index: place.program for index, place in self.filters.filters.items()}
        running = frozenset(self.frr.real.running)
        return texts, dict(self.links.links), running, filters, frozenset(self.frr.real.stanzas)

    # The daemons, wired as their __main__ does.

    def _start(self, name: str) -> Reconciles:
        journal = Journal(self._tell)
        if name == "crd-watcher":
            return self._crd_watcher(journal)
        if name == "netlink-reconciler":
            remove_leftovers(self.store.path(Links))
            chance = random.Random(1)
            return LinkReconciler(
                self.store, self.kernel, Watch(), journal, clock=self._clock, chance=chance
            )
        return self._templater(journal) if name == "frr-templater" else self._guardian(journal)

    def _tell(self, _priority: object, sentence: str, _fields: Mapping[str, str]) -> None:
        self.told.append(sentence)

    def _clock(self) -> float:
        return self.time

    def wall(self) -> datetime:
        """The time of day, as monotonic as the other clock."""
        return datetime.fromtimestamp(self.time, UTC)

    async def _sleep(self, seconds: float) -> None:
        self.time += seconds

    def _crd_watcher(self, journal: Journal) -> CrdWatcher:
        def no_mirror(_: Path) -> Any:
            raise AssertionError("there is no kubeconfig")

        changes = Changes(self._clock)
        sources = Sources((self.root / "kubeconfig",), self.root / "manifests", no_mirror)
        publisher = Publisher(self.store, StateDirectory(self.root / "state" / "crd"))
        watcher = CrdWatcher(
            self.root / "config.yaml",
            sources,
            publisher,
            changes,
            journal,
            clock=self._clock,
            wall=self.wall,
        )

        class Touched:
            async def reconcile(self) -> Report:
                """As if inotify had told of a change each time."""
                changes.touch()
                return await watcher.reconcile()

        return Touched()  # type: ignore[return-value]

    def _templater(self, journal: Journal) -> Templater:
        frr: Frr = self.frr  # type: ignore[assignment]
        files = Files(self.root / "frr")
        memory = StateFile(self.root / "state" / "frr" / "state.json")
        applier = Applier(
            self.frr, self.frr, lambda _: [], lambda: self.wall().timestamp(), self._sleep
        )
        templater = Templater(
            store=self.store,
            files=files,
            frr=frr,
            unit=self.frr,
            keeper=Keeper(files, memory, applier, journal, self._clock),
            targets=Targets(frr, str(files.template), "node1"),
            journal=journal,
            clock=self._clock,
        )
        templater.begin()
        return templater

    def _guardian(self, journal: Journal) -> Guardian:
        chance = random.Random(1)
        source = self.root / "router.c"
        compiler = bpf.FakeCompiler(self.libbpf)
        guardian = Guardian(
            store=self.store,
            wishes=WishReader(self.store, self.root / "no-config.yaml"),
            kernel=self.filters,
            libbpf=self.libbpf,
            workshop=Workshop(self.libbpf, compiler, source, Backoff(5, 300, chance), self._clock),
            fdstore=FdStore(self.libbpf, self.keeper, self.keeper.handed_over()),
            take_changes=lambda: FilterChanges(frozenset(), everything=True),
            journal=journal,
            clock=self._clock,
            fights=Fights(chance),
        )
        remove_leftovers(self.store.path(Attached))
        guardian.recover()
        return guardian

    # What must be true in the end.

    def check(self, **vnis: int) -> None:
        """Everything is as the resources want it, and nothing else is left anywhere."""
        links = self.links.names()
        five = {f"{prefix}.{vrf}" for vrf in vnis for prefix in PREFIXES}
        assert links.keys() == five | {UNDERLAY}
        assert all(link.up for link in links.values())
        assert {links[f"vx.{vrf}"].attributes.vni for vrf in vnis} == set(vnis.values())
        assert {route.table for route in self.links.backstops} == {
            links[f"vr.{vrf}"].attributes.table for vrf in vnis
        }
        assert self.frr.real.bindings() == {f"vr.{vrf}": vni for vrf, vni in vnis.items()}
        written = (self.root / "frr" / "frr.conf").read_text()
        assert self.frr.real.running == lines_of(written)
        assert self.frr.real.stanzas == set()
        programs = {Place(place.program, place.name) for place in self.filters.filters.values()}
        assert len(programs) == (1 if vnis else 0)
        attached = {self.links.links[index].name for index in self.filters.filters}
        assert attached == {name for name in five if name[:2] in {"vx", "br", "vd"}}
        served = self.store.read(Served)
        assert served is not None
        assert {vrf.name: vrf.vni for vrf in served.vrfs if vrf.vni is not None} == vnis
        generations = set()
        for kind in DOCUMENTS:
            document = self.store.read(kind)
            assert document is not None
            generations.add(document.generation)
            assert not getattr(document, "problems", ())
        assert len(generations) == 1
        left = [path for path in self.root.rglob(".*") if path.is_file()]
        assert left == [], "temporary files"
