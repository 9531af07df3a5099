# SPDX-License-Identifier: Apache-2.0
"""One pass of the guardian: look, make sure of the program, put it everywhere, tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from netop.bpf_guardian.events import Changes
from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.fights import Fights
from netop.bpf_guardian.filters import Attempt
from netop.bpf_guardian.grace import Grace
from netop.bpf_guardian.kernel import Kernel
from netop.bpf_guardian.libbpf import BpfError, Libbpf
from netop.bpf_guardian.links import KernelLink, LinkTable
from netop.bpf_guardian.plan import Cause, Observed, Plan, plan
from netop.bpf_guardian.program import Router, clear_port, read_ports, set_port
from netop.bpf_guardian.rtnetlink import RtnetlinkError
from netop.bpf_guardian.telling import Outcome, attached_document, status_line, tell_attached
from netop.bpf_guardian.wishes import Wishes, WishReader
from netop.bpf_guardian.workshop import Workshop
from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.journal import Journal, conditions
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.store import Store
from netop.common.tally import Count, Tally

# The first program is worth waiting for, but not beyond what systemd allows a start.
FIRST_PROGRAM_PATIENCE = 20.0

TakeChanges = Callable[[], Changes]


@dataclass
class Guardian:
    """Keeps the router on every wanted interface. `clock` is monotonic, in seconds."""

    store: Store
    wishes: WishReader
    kernel: Kernel
    libbpf: Libbpf
    workshop: Workshop
    fdstore: FdStore
    take_changes: TakeChanges
    journal: Journal
    clock: Callable[[], float]
    fights: Fights = field(default_factory=Fights)
    grace: Grace = field(default_factory=Grace)
    backoff: Backoff = field(default_factory=Backoff)
    tally: Tally = field(default_factory=Tally)
    router: Router | None = None
    _wishes: Wishes = field(default_factory=Wishes)
    _links: LinkTable = field(default_factory=dict)
    _held: dict[int, int] = field(default_factory=dict)
    _wanted: tuple[str, ...] = ()
    _carried: tuple[str, ...] | None = None
    _lost: bool = True  # whether the last look at the kernel failed, or there was none

    def recover(self) -> None:
        """Take over the program that an earlier run of this daemon left behind."""
        recovered = self.fdstore.recover()
        for sentence in recovered.unfit:
            self.journal.warning(sentence, message=Message.PROGRAM_LOST)
        wanted = self.workshop.wanted()
        # The one that needs no compiling, else the newest.
        best = sorted(recovered.routers, key=lambda one: (one.source == wanted, one.info.id))
        for other in best[:-1]:
            other.close()
        if best:
            self.router = best[-1]
            self.journal.info(
                f"goes on with program {self.router.info.id} (tag {self.router.info.tag}) "
                "and its counters"
            )
        self.fdstore.keep_only(best[-1:])

    async def reconcile(self) -> Report:
        """Look at what changed, put right what is wrong, publish, and report."""
        outcome = Outcome(self._wishes)
        changes = self.take_changes()
        retired: Router | None = None
        try:
            self._wishes = wishes = self._wanted_now()
            self.journal.generation = wishes.generation or None
            outcome = Outcome(wishes)
            names = (*wishes.names, *self.grace.lingering(wishes.names, self.clock()))
            looked_at = self._look(changes, names)
            if names:
                retired = await self._make_sure_of_program(names)
            else:
                self.workshop.rest()
            if self.router is not None:
                steps = self._steps(self.router, names, looked_at)
                outcome = self._apply(self.router, wishes, steps)
            else:
                self._see_to_earlier(names, looked_at)
            self._lost = False
        except (RtnetlinkError, BpfError) as error:
            self._lost = True
            outcome = dataclasses.replace(outcome, failure=str(error))
        if retired is not None and self.router is not None:
            self.fdstore.keep_only([self.router])
            retired.close()
        return self._tell(outcome)

    def _wanted_now(self) -> Wishes:
        """Return what is wanted, and what had our filter at the start where nobody can say
        that it is not: after a restart a source that is damaged has no earlier content.
        """
        if self._carried is None:
            links = self.kernel.links()
            places = self.kernel.places(sorted(links))
            self._carried = tuple(links[index].name for index in places if places[index].ours)
        wishes = self.wishes.read(self._carried)
        # What links.json has once named is its own to let go of.
        linked = wishes.owners.keys() & set(wishes.names)
        self._carried = tuple(name for name in self._carried if name not in linked)
        return wishes if wishes.known else wishes.carrying(self._carried)

    def _look(self, changes: Changes, names: tuple[str, ...]) -> frozenset[int]:
        """Return the interfaces to look at: those that events named, or else all of them."""
        everything = changes.everything or not changes.indexes or self._lost
        if everything or names != self._wanted:
            self._links = self.kernel.links()
            looked_at = frozenset(self._links)
        else:
            self._links = self.kernel.refreshed(self._links, changes.indexes)
            looked_at = changes.indexes & self._links.keys()
        self._wanted = names
        self._held = {index: held for index, held in self._held.items() if index in self._links}
        return looked_at

    async def _make_sure_of_program(self, names: Sequence[str]) -> Router | None:
        """Have the program of today's source made; return the one that it replaces."""
        source = self.workshop.wanted()
        if self.router is not None and self.router.source == source:
            self.workshop.rest()
        elif source:
            kept = self.router.maps if self.router is not None else {}
            self.workshop.begin(source, kept, lambda: self.kernel.live_ports(names, self._links))
            if self.router is None:
                return self._install(await self.workshop.finish(FIRST_PROGRAM_PATIENCE))
        return self._install(self.workshop.collect())

    def _install(self, made: Router | None) -> Router | None:
        old = self.router
        if made is None:
            return None
        # Exchanged also where only comments differ: systemd stores a descriptor under one
        # name only, so the old program cannot be stored as what the new source makes.
        self.router = made
        self.tally.add(Count.BPF_PROGRAMS)
        self.fdstore.keep_only([made] if old is None else [old, made])
        carried = [name for name, map_ in made.maps.items() if old and old.maps[name].id == map_.id]
        self.journal.info(
            f"loaded program {made.info.id} (tag {made.info.tag}) from {self.workshop.source.name} "
            f"{made.source}; it has proven itself by test runs"
            + (f"; {', '.join(sorted(carried))} go on" if carried else ""),
            message=Message.PROGRAM_LOADED,
        )
        return old

    def _steps(self, router: Router, names: Sequence[str], looked_at: frozenset[int]) -> Plan:
        present = {link.name: link for link in self._links.values()}
        unsure = {
            present[name].index
            for name in names
            if name in present and self._held.get(present[name].index) != router.info.id
        }
        indexes = sorted(looked_at | unsure)
        places = self.kernel.places(indexes)
        observed = Observed(self._links, places, read_ports(self.libbpf, router), self._held)
        # A look at everything is also when our filters leave what is no longer wanted.
        everything = looked_at >= self._links.keys()
        steps = plan(names, observed, router.info.id, indexes, detach=everything)
        self._held |= {
            index: router.info.id
            for index, place in places.items()
            if place.program == router.info.id
        }
        return steps

    def _apply(self, router: Router, wishes: Wishes, steps: Plan) -> Outcome:
        now = self.clock()
        resting = self.fights.resting(now)
        due = [step for step in steps.attach if step.link.name not in resting]
        for index, routed_by in steps.set_ports:
            set_port(self.libbpf, router, index, routed_by)
        indexes = [step.link.index for step in due]
        attempt = self.kernel.attach(indexes, router.descriptor) if due else Attempt()
        done = [
            dataclasses.replace(step, cause=Cause.REPLACED)
            if step.link.index in attempt.cleared
            else step
            for step in due
            if step.link.index not in attempt.refused
        ]
        for step in done:
            self._held[step.link.index] = router.info.id
            self.tally.add(Count.BPF_ATTACHMENTS, step.cause.label)
            if step.cause.repair:
                self.fights.repaired(step.link.name, now)
        self._detach(steps.detach)
        for index in steps.clear_ports:
            clear_port(self.libbpf, router, index)
        tell_attached(self.journal, done, wishes.owners)
        return Outcome(
            wishes,
            waiting=tuple(name for name in steps.waiting if name in wishes.names),
            refused=self._names(attempt.refused),
            resting=frozenset(step.link.name for step in steps.attach) & resting,
        )

    def _see_to_earlier(self, names: Sequence[str], looked_at: frozenset[int]) -> None:
        """Without a program: what an earlier one holds goes on there, or is let go.

        It is no longer in the descriptor store, so nobody can keep its ports up to date.
        """
        wanted = {link.index for link in self._links.values() if link.name in names}
        places = self.kernel.places(sorted(looked_at | wanted))
        ours = {index: place.program for index, place in places.items() if place.ours}
        self._held = {index: program for index, program in ours.items() if index in wanted}
        if looked_at >= self._links.keys():
            self._detach([self._links[index] for index in ours if index not in wanted])

    def _detach(self, links: Sequence[KernelLink]) -> None:
        if not links:
            return
        self.kernel.detach([link.index for link in links])
        for link in links:
            self._held.pop(link.index, None)
            sentence = f"detached from {link.name}, which is no longer wanted"
            self.journal.info(sentence, interface=link.name)

    def _names(self, refused: Mapping[int, str]) -> dict[str, str]:
        return {
            self._links[index].name: reason
            for index, reason in refused.items()
            if index in self._links
        }

    def _tell(self, outcome: Outcome) -> Report:
        now = self.clock()
        outcome = dataclasses.replace(
            outcome,
            links=self._links,
            held=self._held,
            complaint=self.workshop.complaint,
            busy=self.workshop.busy,
            fights=self.fights.fought_over(now),
        )
        document = attached_document(self.router, outcome)
        problems = list(document.problems)
        self.tally.save()
        try:
            self.store.publish(document)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            problems.append(Problem("attached.json", reason, message=Message.FILE_UNWRITABLE))
        self.journal.standing(conditions(problems))
        return Report(
            status_line(self.router, outcome, problems), self._retry(outcome, problems, now)
        )

    def _retry(self, outcome: Outcome, problems: Sequence[Problem], now: float) -> float | None:
        delays = [self.fights.next_look(now), self.grace.next_end(now)]
        if not outcome.failure:
            # Else nobody got as far as to begin an attempt that is due, and it stays due.
            delays.append(self.workshop.retry())
        unwritten = any(problem.subject == "attached.json" for problem in problems)
        if outcome.failure or outcome.refused or unwritten:
            delays.append(self.backoff.next())
        else:
            self.backoff.reset()
        return min((delay for delay in delays if delay is not None), default=None)
