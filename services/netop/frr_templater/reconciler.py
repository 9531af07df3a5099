# SPDX-License-Identifier: Apache-2.0
"""One pass of the daemon: look, decide, have FRR brought there, tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.documents import Desired, DesiredVrf, Links, Served, ServedVrf
from netop.common.journal import Journal, conditions
from netop.common.messages import Message
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.common.store import Store, remove_leftovers
from netop.frr_templater.apply import Unit
from netop.frr_templater.events import tell_life, tell_made, tell_served
from netop.frr_templater.files import Files
from netop.frr_templater.found import vrfs_in
from netop.frr_templater.frr import DeadError, Frr, FrrError
from netop.frr_templater.keeper import Keeper
from netop.frr_templater.kept import Kept
from netop.frr_templater.observe import View, observe, own_document
from netop.frr_templater.plan import waiting_for
from netop.frr_templater.reloads import NOT_RELOADED
from netop.frr_templater.stanzas import Stanzas
from netop.frr_templater.state import Good
from netop.frr_templater.systemd1 import SystemdError
from netop.frr_templater.target import Target, Targets
from netop.frr_templater.template import TemplateError

# A running configuration that nobody is known to have touched is compared this often, in
# seconds: a little less than the loop's slow resync, so that each resync does it. A pass in
# between that does not look puts it off no further than to the time of that resync.
LOOK_AGAIN, LOOK_LATEST = 600.0, 900.0

_RUNNING = frozenset({"active", "reloading", "refreshing"})


@dataclass
class Templater:
    """The daemon's own part; see `netop.common.daemon.Reconciler`."""

    store: Store
    files: Files
    frr: Frr
    unit: Unit
    keeper: Keeper
    targets: Targets
    journal: Journal
    clock: Callable[[], float]
    backoff: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=60.0))
    saving: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=60.0))
    stanzas: Stanzas = field(init=False)
    _served: Served | None = None
    _found_served: Served | None = None
    _announced: Served | None = None
    _life: tuple[tuple[str, int], ...] | None = None
    _looked: float = float("-inf")
    _alive: bool = True
    _wrong: tuple[Problem, ...] = ()
    _ill: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        self.stanzas = Stanzas(self.frr)
        self.keeper.announce = self._announce

    def begin(self) -> None:
        """Take up what an earlier life left; before the first pass."""
        self._served = own_document(self.store)
        if self._served is not None:
            self.keeper.reloads.last = self._served.reload
        for damage in self.keeper.memory.load():
            self.journal.warning(damage, message=Message.DOCUMENT_DAMAGED)
        try:
            for path in (self.store.path(Served), *self.keeper.paths(), *self.frr.paths()):
                remove_leftovers(path)
        except OSError as error:
            sentence = f"{error.filename}: cannot be removed: {error.strerror}"
            self.journal.warning(sentence, message=Message.FILE_UNWRITABLE)

    async def reconcile(self) -> Report:
        """Make one pass."""
        view = observe(self.store, self.files)
        self.journal.generation = view.desired.generation if view.desired else None
        if view.loaded is not None and view.loaded.made:
            tell_made(self.journal, self.files)
        problems = list(view.problems)
        wait = waiting_for(view.desired, view.links)
        kept, target, self._alive = Kept(), None, True
        try:
            await self._new_life()
            target = await self._target(view, wait, problems)
            kept = await self._keep(view, target)
            if target is not None and view.links is not None and kept.settled:
                kept = await self._tidied(view.links, kept)
            self.backoff.reset()
        except (FrrError, SystemdError) as error:
            remedy = "what it serves is left as it is"
            problems.append(Problem("FRR", str(error), remedy=remedy, message=Message.FRR_DOWN))
            kept = Kept(problems=self._ill, again=self.backoff.next(), settled=False)
            self._alive = not isinstance(error, DeadError)
            self._prepare(view, problems)
        except OSError as error:
            problems.append(_disk_problem(error))
            kept = Kept(problems=self._ill, again=self.backoff.next(), settled=False)
        if not kept.settled:
            # It ended somewhere on the way; what FRR serves, only a look tells.
            self._looked = float("-inf")
        if target is not None:
            self._wrong = target.problems
        self._ill = kept.problems
        unsaved = self._save_again(problems)
        # What nobody has looked at is not well again.
        problems = list(dict.fromkeys((*problems, *self._wrong, *self._ill)))
        retry = self._publish(target, kept, problems, kept.again)
        self.journal.standing(conditions(problems))
        delays = [delay for delay in (self._in_time(retry), unsaved) if delay is not None]
        return Report(self._status(wait, target, problems), min(delays, default=None))

    def _save_again(self, problems: list[Problem]) -> float | None:
        """Save what the disk could not take before; return when to try once more."""
        try:
            self.keeper.memory.save(self.keeper.state)
        except OSError as error:
            problems.append(_disk_problem(error))
            return self.saving.next()
        self.saving.reset()
        return None

    def _in_time(self, retry: float | None) -> float | None:
        """Return when to come back, so that no look at FRR comes too late."""
        left = self._looked + LOOK_LATEST - self.clock()
        if left <= 0.0 or (retry is None and left >= LOOK_LATEST):
            return retry  # nobody knows when, or the loop itself comes back in time
        return left if retry is None else min(retry, left)

    async def _new_life(self) -> None:
        """Notice that FRR is another one than before; raises FrrError, SystemdError."""
        state = await self.unit.active_state()
        if state not in _RUNNING:
            self._life = None
            raise DeadError(f"frr.service is {state}; waiting for it to start")
        life = self.frr.processes()
        if life == self._life:
            return
        version = await self.frr.version()
        if self._life is not None:
            tell_life(self.journal, set(life) - set(self._life))
        remembered = self.keeper.state
        if version != remembered.frr:
            # Another FRR may take what this one refused.
            self.keeper.memory.hold(dataclasses.replace(remembered, frr=version, refusals=()))
            self.keeper.deaths.another_frr()
        self._life = life
        self._looked = float("-inf")

    def _prepare(self, view: View, problems: list[Problem]) -> None:
        """Let no FRR that is dead start with what it may have ended of."""
        try:
            if not self._alive and view.disk is not None:
                self.keeper.prepare(view.disk)
        except OSError as error:
            problems.append(_disk_problem(error))

    async def _target(self, view: View, wait: str, problems: list[Problem]) -> Target | None:
        """Return what to bring FRR to; None where that is not known just now."""
        if wait or view.desired is None or view.links is None or view.loaded is None:
            return None
        links = view.links
        remembered = self.keeper.state
        self.keeper.memory.hold(
            dataclasses.replace(
                remembered,
                router_id=links.router_id or remembered.router_id,
                host_router_id=links.host_router_id or remembered.host_router_id,
            )
        )
        if self._served is None:
            self._found_served = await self._found(view.desired)
        try:
            target = await self.targets.target(
                view.desired, links, view.loaded, self._known, self.keeper.state,
                self.keeper.deaths.held(),
            )  # fmt: skip
        except TemplateError as error:
            problems += error.problems
            return None
        return target

    @property
    def _known(self) -> Served | None:
        return self._served or self._found_served

    def _announce(self, new: Good) -> None:
        """Publish what FRR may have, or have lost, from now on; raises OSError."""
        if self._known is None:
            return
        staying = set(_served_vrfs(new.vrfs))
        if not new.proven:
            named = vrfs_in(new.text)
            staying = {vrf for vrf in self._known.vrfs if vrf.vni is None or vrf.name in named}
        going = {vrf.name for vrf in self._known.vrfs if vrf not in staying}
        document = dataclasses.replace(
            self._known,
            trying=self.keeper.state.trying,
            leaving=tuple(sorted({*self._known.leaving, *going})),
        )
        self.store.publish(document)
        self._announced = document
        if self._served is not None:
            self._served = document

    async def _found(self, desired: Desired) -> Served:
        """Return what FRR has of the desired VRFs before anything was published.

        Beside what somebody else made, such as another operator, links may be refused; that
        shall not cost a VRF the sessions that it has. VRFs without a VNI are provisioning's,
        whatever FRR has of them.
        """
        bindings = (await self.frr.facts()).bindings
        names = [vrf.name for vrf in desired.vrfs if vrf.vni is not None]
        vnis = {name: bindings.get(LinkNames.of(name).vrf) for name in names}
        found = tuple(ServedVrf(name, vni) for name, vni in vnis.items() if vni)
        return Served(0, found, NOT_RELOADED, ())

    async def _keep(self, view: View, target: Target | None) -> Kept:
        due = self.clock() - self._looked >= LOOK_AGAIN
        if target is not None:
            kept = await self.keeper.serve(target, view.disk, due=due)
        elif view.ours and not self._halfway(view.disk):
            kept = await self.keeper.keep(view.disk, due=due)
        else:
            kept = Kept(problems=self._ill)
        if kept.vrfs is not None:
            self._looked = self.clock()
        # Our own reloads do not make another life of it, but a crash meanwhile does.
        return kept

    def _halfway(self, disk: str | None) -> bool:
        """Say whether frr.conf is on the way to a target: FRR may serve what is new in it."""
        state = self.keeper.state
        unproven = state.good is not None and disk != state.good.text
        return unproven and disk is not None and state.ours(disk)

    async def _tidied(self, links: Links, kept: Kept) -> Kept:
        good = self.keeper.state.good
        again = await self.stanzas.tidy(links, good.text if good is not None else "")
        delays = [delay for delay in (kept.again, again) if delay is not None]
        return dataclasses.replace(kept, again=min(delays, default=None))

    def _publish(
        self, target: Target | None, kept: Kept, problems: list[Problem], again: float | None
    ) -> float | None:
        """Publish `served` where there is something to say; return when to come back."""
        before = self._served
        if kept.vrfs is not None:
            vrfs = _served_vrfs(kept.vrfs)
        elif before is not None:
            vrfs = before.vrfs
        elif self._announced is not None:
            # Nobody has seen yet what FRR serves, but for what was found before.
            document = dataclasses.replace(
                self._announced,
                reload=self.keeper.reloads.last,
                problems=tuple(problems),
                alive=self._alive,
            )
            return again if self._put(document, problems) else self.backoff.next()
        else:
            return again
        generation = target.generation if target is not None and kept.settled else None
        document = Served(
            generation=generation if generation is not None else before.generation if before else 0,
            vrfs=vrfs,
            reload=self.keeper.reloads.last,
            problems=tuple(problems),
            alive=self._alive,
            trying=self.keeper.state.trying,
            leaving=before.leaving if before is not None and kept.vrfs is None else (),
        )
        if not self._put(document, problems):
            return self.backoff.next()
        self._served = document
        tell_served(self.journal, before, document)
        return again

    def _put(self, document: Served, problems: list[Problem]) -> bool:
        """Publish a document; add to `problems` where that is not possible."""
        try:
            self.store.publish(document)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            problems.append(Problem("served.json", reason, message=Message.FILE_UNWRITABLE))
            # What was seen of FRR would be lost with it.
            self._looked = float("-inf")
            return False
        return True

    def _status(self, wait: str, target: Target | None, problems: list[Problem]) -> str:
        served = self._served
        parts = [_count(served)] if served is not None else []
        if wait:
            parts.append(wait)
        elif target is not None and target.waiting:
            parts.append(f"waiting for the links of {', '.join(target.waiting)}")
        parts += [str(problem) for problem in problems[:1]]
        if len(problems) > 1:
            parts.append(f"{len(problems) - 1} more in the journal")
        return "; ".join(parts) or "nothing to do"


def _count(served: Served) -> str:
    number = len(served.vrfs)
    many = "VRF" if number == 1 else "VRFs"
    return f"{number} {many} served, generation {served.generation}"


def _served_vrfs(vrfs: Iterable[DesiredVrf]) -> tuple[ServedVrf, ...]:
    return tuple(ServedVrf(vrf.name, vrf.vni) for vrf in vrfs)


def _disk_problem(error: OSError) -> Problem:
    place = error.filename or "the disk"
    return Problem(
        str(place),
        f"cannot be written: {error.strerror or error}",
        remedy="FRR keeps what it serves; free space, or make it writable",
        message=Message.FILE_UNWRITABLE,
    )
