# SPDX-License-Identifier: Apache-2.0
"""A kernel and an FRR in memory whose every answer may fail; what must never happen is seen."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from netop.bpf_guardian.filters import Attempt
from netop.bpf_guardian.links import KernelLink, LinkTable
from netop.bpf_guardian.rtnetlink import RtnetlinkError
from netop.common.settings import NodeSettings
from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import Facts, NotAliveError
from netop.frr_templater.systemd1 import SystemdError
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.kernel import AnswersLostError
from netop.netlink_reconciler.observe import KernelError, Tables
from netop.netlink_reconciler.step import Delete, Failure, Step, Switch
from tests.unit.bpf_guardian import fakes as bpf
from tests.unit.faults.fate import FailedError, Fate
from tests.unit.frr_templater.fakes import FakeFrr, lines_of
from tests.unit.netlink_reconciler.fake_kernel import FakeKernel

T = TypeVar("T")


@dataclass
class FatefulKernel:
    """The kernel, whose answers may be refusals or get lost; FRR listens to it."""

    real: FakeKernel
    fate: Fate
    frr: FatefulFrr

    def observe(self, node: NodeSettings, tables: Tables) -> Actual:
        def look() -> Actual:
            return self.real.observe(node, tables)

        try:
            return self.fate.act("kernel", "dump", look)
        except FailedError as error:
            raise KernelError("the kernel did not answer a dump") from error

    def apply(self, steps: Sequence[Step]) -> tuple[Failure, ...]:
        failures: list[Failure] = []
        for step in steps:
            self._never(step)
            count = len(self.real.applied)
            try:
                failures += self.fate.act("kernel", str(step), lambda: self.real.apply([step]))  # noqa: B023
            except FailedError as error:
                if len(self.real.applied) > count:
                    raise AnswersLostError("the kernel's answers were lost") from error
                failures.append(Failure(step, "Out of memory"))
        self.frr.hear(self.real)
        return tuple(failures)

    def _never(self, step: Step) -> None:
        """What drops traffic of others, or ends FRR, is done at no time."""
        running = self.frr.real.running
        if isinstance(step, Switch) and step.up:
            vni = self.real.names()[f"vx.{step.vrf}"].attributes.vni
            bound = self.frr.real.bindings().get(f"vr.{step.vrf}")
            assert bound == vni, f"{step.name} goes up and FRR has VNI {bound}, not {vni}"
        if isinstance(step, Delete):
            peers = {step.name, self.real.names()[step.name].attributes.peer}
            for _, line in running:
                neighbor = re.match(r"neighbor (\S+) interface", line)
                assert not (neighbor and neighbor[1] in peers), f"FRR ends of {step}: {line}"


@dataclass
class FatefulFrr:
    """FRR and systemd, which may refuse, not answer, or forget to."""

    real: FakeFrr
    fate: Fate

    def hear(self, kernel: FakeKernel) -> None:
        """Zebra follows the kernel's VRFs."""
        self.real.kernel = {link.name for link in kernel.links.values() if link.name[:3] == "vr."}

    async def _asked(self, what: str, answer: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self.fate.wait("frr", what, answer)
        except FailedError as error:
            raise NotAliveError(f"vtysh gave no answer to {what}") from error

    async def check(self, text: str) -> tuple[str, ...]:
        return await self._asked("check", lambda: self.real.check(text))

    async def differences(self, text: str, running: str) -> tuple[Difference, ...]:
        return await self._asked("differences", lambda: self.real.differences(text, running))

    def expect(self, text: str) -> None:
        self.real.expect(text)

    async def answers(self) -> None:
        await self._asked("answers", self.real.answers)

    async def facts(self) -> Facts:
        return await self._asked("facts", self.real.facts)

    async def version(self) -> str:
        return await self._asked("version", self.real.version)

    async def shown(self) -> str:
        return await self._asked("show running-config", self.real.shown)

    async def dismiss(self, gone: frozenset[str]) -> None:
        await self._asked("dismiss", lambda: self.real.dismiss(gone))

    async def forget(self, vrf: str) -> None:
        await self._asked("forget", lambda: self.real.forget(vrf))

    def paths(self) -> tuple[Path, ...]:
        return ()

    def processes(self) -> tuple[tuple[str, int], ...]:
        return self.real.processes()

    async def active_state(self) -> str:
        return await self.real.active_state()

    async def reload(self) -> str:
        wanted = lines_of(self.real.configuration.read_text())
        for path, line in self.real.running - wanted:
            if line.startswith("neighbor vd.") and "interface" in line:
                assert path[0].split()[-1] in self.real.dismissed, f"{line} goes undismissed"
        try:
            return await self.fate.wait("frr", "reload", self.real.reload)
        except FailedError as error:
            raise SystemdError("the reload did not end") from error


@dataclass
class FatefulFilters(bpf.FakeKernel):
    """The guardian's side of the same kernel."""

    real: FakeKernel = field(default_factory=FakeKernel)
    fate: Fate | None = None

    def links(self) -> LinkTable:
        assert self.fate is not None
        try:
            self.fate.act("kernel", "dump of links", lambda: None)
        except FailedError as error:
            raise RtnetlinkError("the kernel's answers were lost") from error
        by_name = self.real.names()
        self.filters = {i: place for i, place in self.filters.items() if i in self.real.links}
        return {
            link.index: KernelLink(
                link.index,
                link.name,
                link.attributes.kind,
                by_name[link.attributes.master].index if link.attributes.master else 0,
                table=link.attributes.table or 0,
            )
            for link in self.real.links.values()
        }

    def attach(self, indexes: Sequence[int], program: int) -> Attempt:
        assert self.fate is not None
        refused: dict[int, str] = {}
        for index in indexes:
            try:
                self.fate.act("kernel", f"attach {index}", lambda: self._attach(index, program))  # noqa: B023
            except FailedError:
                refused[index] = "Out of memory"
        return Attempt(refused)

    def _attach(self, index: int, program: int) -> None:
        super().attach([index], program)
