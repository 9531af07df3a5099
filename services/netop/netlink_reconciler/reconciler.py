# SPDX-License-Identifier: Apache-2.0
"""One pass: look, plan, act until nothing is left to do, publish."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.documents import Desired, Links, Served
from netop.common.journal import Condition, Journal, conditions
from netop.common.messages import Message
from netop.common.settings import NodeSettings
from netop.common.store import DocumentError, Store
from netop.common.tally import Count, Tally
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.events import Interest
from netop.netlink_reconciler.goal import Goal
from netop.netlink_reconciler.kernel import AnswersLostError, Kernel
from netop.netlink_reconciler.observe import KernelError
from netop.netlink_reconciler.patience import Patience
from netop.netlink_reconciler.plan import INDEX_FIRST, Plan, make_plan
from netop.netlink_reconciler.refusal import Refusal
from netop.netlink_reconciler.report import links_document, status
from netop.netlink_reconciler.spare import spare_of
from netop.netlink_reconciler.step import Change, Create, Failure, Step
from netop.netlink_reconciler.story import Telling, link_of, tellings
from netop.netlink_reconciler.table import tables_lacking
from netop.netlink_reconciler.underlay import underlay_of
from netop.netlink_reconciler.wanted import Underlay

UNCHANGED = "links stay as they are"
UNKNOWN = "links may have changed, they are looked at again"
WAITING = "waiting for desired.json from netop-crd-watcher"
# Removal, making and going up take a round each; what is not settled then is a fight.
ROUNDS = 6


@dataclass(frozen=True)
class _Aim:
    """What the links of one VRF follow from: only steps towards the same aim are repairs."""

    goal: Goal
    vni: int | None
    node: NodeSettings
    underlay: Underlay | None

    @classmethod
    def of(cls, vrf: str, goal: Goal, desired: Desired, underlay: Underlay | None) -> _Aim:
        wanted = desired.vrf(vrf)
        return cls(goal, wanted.vni if wanted is not None else None, desired.node, underlay)


class Watch(Protocol):
    """What the reconciler needs of the events; tests have their own."""

    def quiet(self) -> AbstractContextManager[None]:
        """Wake nobody meanwhile."""
        ...

    def drain(self) -> None:
        """Forget what happened so far."""
        ...

    def watch(self, interest: Interest) -> None:
        """Tell what is of interest from now on."""
        ...


class LinkReconciler:
    """Keeps the links of this node as the documents ask."""

    def __init__(
        self,
        store: Store,
        kernel: Kernel,
        watch: Watch,
        journal: Journal,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._store = store
        self._kernel = kernel
        self._watch = watch
        self._journal = journal
        self._tally = tally or Tally()
        self._patience = Patience(clock, chance or random.Random())
        self._backoff = Backoff(chance=chance or random.Random())
        self._index_next = INDEX_FIRST
        self._problems: dict[str, Condition] = {}
        self._drifted: frozenset[str] = frozenset()
        self._settled: dict[str, _Aim] = {}

    async def reconcile(self) -> Report:
        """Look at everything, put right what is wrong, publish, and report."""
        with self._watch.quiet():
            try:
                desired = self._read()
                if desired is None:
                    return Report(WAITING)
                # In a thread, because removing hundreds of links takes seconds, and the
                # watchdog wants its ping meanwhile.
                plan, actual = await asyncio.to_thread(self._converge, desired)
            except DocumentError as error:
                return self._trouble(f"{UNCHANGED}: {error}", Message.DOCUMENT_DAMAGED)
            except AnswersLostError as error:
                return self._trouble(f"{UNKNOWN}: {error}", Message.KERNEL_UNREADABLE)
            except KernelError as error:
                return self._trouble(f"{UNCHANGED}: {error}", Message.KERNEL_UNREADABLE)
            self._watch.watch(Interest.of(actual, desired.node))
            return self._publish(plan, links_document(desired, plan, actual))

    def _trouble(self, sentence: str, message: Message) -> Report:
        """Tell what keeps the whole pass from its end, and try again later."""
        trouble = Condition(sentence, message)
        self._journal.standing({**self._problems, "netop-netlink-reconciler": trouble})
        return Report(sentence, self._backoff.next())

    def _publish(self, plan: Plan, document: Links) -> Report:
        self._problems = conditions(document.problems)
        self._tally.save()
        try:
            self._store.publish(document)
        except OSError as error:
            path = self._store.path(Links)
            sentence = f"{path} cannot be written, so FRR is not told: {error.strerror}"
            return self._trouble(sentence, Message.FILE_UNWRITABLE)
        self._journal.standing(self._problems)
        waits = [self._patience.wait(), self._patience.frr_wait() if plan.asking else None]
        if plan.steps:
            waits.append(self._backoff.next())
        else:
            self._backoff.reset()
        return Report(
            status(document), min((wait for wait in waits if wait is not None), default=None)
        )

    def _read(self) -> Desired | None:
        desired = self._store.read(Desired)
        if desired is not None:
            if self._journal.generation != desired.generation:
                self._patience.hasten()
            self._journal.generation = desired.generation
        return desired

    def _converge(self, desired: Desired) -> tuple[Plan, Actual]:
        """Look, plan and act until nothing is left to do, or until it is no use."""
        first = True
        for _ in range(ROUNDS):
            plan, actual = self._look(desired)
            if first:
                self._note_repairs(plan, desired, underlay_of(actual, desired.node))
                first = False
            if not plan.steps:
                break
            self._act(plan)
        else:
            plan, actual = self._look(desired)
        self._note_settled(plan, desired, underlay_of(actual, desired.node))
        return plan, actual

    def _look(self, desired: Desired) -> tuple[Plan, Actual]:
        # What happened before the look is seen by it.
        self._watch.drain()
        actual = self._kernel.observe(desired.node, partial(tables_lacking, desired))
        # Last of all: a link that FRR is about to get a session over shall not go.
        served = self._store.read(Served)
        plan = make_plan(
            desired,
            served,
            actual,
            held=self._patience.held(),
            lacking=self._patience.lacking(),
            frr_gone=self._patience.frr_gone(alive=served is None or served.alive),
            index_first=self._index_next,
        )
        return plan, actual

    def _act(self, plan: Plan) -> None:
        made = [max(step.index, step.peer_index) for step in plan.steps if isinstance(step, Create)]
        self._index_next = max([self._index_next - 1, *made]) + 1
        failures = self._kernel.apply(plan.steps)
        refused = {failure.step for failure in failures}
        for vrf in dict.fromkeys(step.vrf for step in plan.steps):
            done = [step for step in plan.steps_of(vrf) if step not in refused]
            for telling in tellings(vrf, done):
                self._tell(vrf, telling)
        self._note_failures(failures)

    def _tell(self, vrf: str, telling: Telling) -> None:
        about = {"vrf": (vrf,) if vrf else (), "interface": telling.interfaces}
        if vrf in self._drifted:
            self._journal.notice(telling.sentence, message=Message.LINKS_REPAIRED, **about)
        else:
            self._journal.info(telling.sentence, message=None, **about)

    def _note_failures(self, failures: Sequence[Failure]) -> None:
        """Remember the first failure of each VRF: the others follow from it.

        Of what the VRF can do without, each is one for itself.
        """
        seen: set[str] = set()
        for failure in failures:
            vrf, spare = failure.step.vrf, spare_of(failure.step)
            if vrf in seen:
                continue
            refusal = Refusal(str(failure), Message.LINKS_REFUSED, link_of(failure.step))
            if spare is not None:
                self._patience.lack(spare, refusal)
            else:
                seen.add(vrf)
                self._patience.failed(vrf, refusal)

    def _note_repairs(self, plan: Plan, desired: Desired, underlay: Underlay | None) -> None:
        """Count what had to be put right although nobody asked for anything new."""
        drifted = set()
        for vrf, goal in plan.goals.items():
            steps = [step for step in plan.steps_of(vrf) if not self._lacked(step)]
            if steps and self._settled.get(vrf) == _Aim.of(vrf, goal, desired, underlay):
                drifted.add(vrf)
                self._tally.add(Count.LINK_REPAIRS, vrf)
                step = _main(steps)
                self._patience.repaired(vrf, str(step), link_of(step))
        self._drifted = frozenset(drifted)

    def _lacked(self, step: Step) -> bool:
        spare = spare_of(step)
        return spare is not None and self._patience.lacked(spare)

    def _note_settled(self, plan: Plan, desired: Desired, underlay: Underlay | None) -> None:
        open_ = plan.refused.keys() | plan.asking.keys()
        settled = [vrf for vrf in plan.goals if vrf not in open_ and not plan.steps_of(vrf)]
        for vrf in settled:
            self._patience.well(vrf)
        self._tally.know(Count.LINK_REPAIRS, settled)
        self._patience.keep(plan.goals.keys() | plan.refused.keys())
        self._settled = {vrf: _Aim.of(vrf, plan.goals[vrf], desired, underlay) for vrf in settled}


def _main(steps: Sequence[Step]) -> Step:
    return next((step for step in steps if isinstance(step, Change) and step.told), steps[0])
