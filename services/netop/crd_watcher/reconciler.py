# SPDX-License-Identifier: Apache-2.0
"""The daemon's own part: when to run, and what one run does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.documents import Desired, Source
from netop.common.journal import Condition, Journal, conditions
from netop.common.messages import Message
from netop.common.problem import Problem, cut
from netop.common.settings import Settings, SettingsError, read_settings
from netop.crd_watcher.changes import Changes
from netop.crd_watcher.debounce import Debounce
from netop.crd_watcher.last_good import LastGood
from netop.crd_watcher.merge import merge
from netop.crd_watcher.publisher import Publisher
from netop.crd_watcher.report.assess import Intent
from netop.crd_watcher.report.rejection import rejections
from netop.crd_watcher.report.reporter import Reporter, Subject
from netop.crd_watcher.snapshot import Snapshot, keep_accepted
from netop.crd_watcher.sources import Absent, Sources
from netop.crd_watcher.story import Situation, concerned, difference, status

WAITING = "waiting for resources: {0.reason}"


@dataclass(frozen=True)
class Rhythm:
    """Seconds: `patience` is how long a start waits for the API server's first answer
    before the last good set is published; `resync` how often all is read again although
    nothing has told of a change.
    """

    patience: float = 5.0
    resync: float = 900.0


def wall_clock() -> datetime:
    """Return the time of day, in UTC."""
    return datetime.now(UTC)


class CrdWatcher:
    """Publishes `desired` from the resources and config.yaml.

    The first run is at once; from then on a run follows the first change after
    `Settings.debounce` seconds and takes up everything that has arrived by then.
    """

    def __init__(
        self,
        settings_path: Path,
        sources: Sources,
        publisher: Publisher,
        changes: Changes,
        journal: Journal,
        rhythm: Rhythm | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = wall_clock,
        backoff: Backoff | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self._settings_path = settings_path
        self._sources = sources
        self._publisher = publisher
        self._changes = changes
        self._journal = journal
        self._rhythm = rhythm or Rhythm()
        self._clock = clock
        self._wall = wall
        self._backoff = backoff or Backoff()
        self._reporter = reporter
        self._intent: Intent | None = None
        self._debounce = Debounce()
        self._due_text = ""
        self._settings: Settings | None = None
        self._settings_trouble = ""
        self._write_trouble = ""
        self._retry_at: float | None = None
        self._patient_until: float | None = None
        self._absent: Absent | None = None
        self._note = ""
        self._ran_live = False
        self._looked_at = 0.0
        self._rejected: tuple[Problem, ...] = ()
        for damage in publisher.damage:
            sentence = f"{damage}; it is ignored and written anew"
            journal.warning(sentence, message=Message.DOCUMENT_DAMAGED)

    async def reconcile(self) -> Report:
        """Take up changes, run where a run is due, and report."""
        now = self._clock()
        self._sources.poll()
        self._note_changes(now)
        if self._wait(now) == 0:
            self._run(now)
        return self._report(now)

    def _note_changes(self, now: float) -> None:
        changed = self._changes.take()
        if changed is None:
            return
        before = self._debounce
        self._debounce = before.changed(changed)
        if self._debounce != before:
            due = self._wall() + timedelta(seconds=self._debounce.wait(now, self._gap) or 0)
            self._due_text = f"{due:%H:%M:%S} UTC"

    @property
    def _gap(self) -> float:
        return self._settings.debounce if self._settings else 0.0

    def _wait(self, now: float) -> float:
        """Return the seconds until the next run, 0 where it is due."""
        # As long as the source has not been read once, every wake-up is worth a try.
        if not self._ran_live:
            return 0.0
        waits = [self._looked_at + self._rhythm.resync - now]
        if self._retry_at is not None:
            waits.append(self._retry_at - now)
        debounced = self._debounce.wait(now, self._gap)
        if debounced is not None:
            waits.append(debounced)
        return max(0.0, min(waits))

    def _run(self, now: float) -> None:
        observed = self._sources.observe(self._came_from)
        self._absent = observed if isinstance(observed, Absent) else None
        if self._absent and self._absent.waiting and self._is_patient(now):
            return
        self._patient_until = None
        # Also where there is nothing to see: else the next look would be due at once, for ever.
        self._looked_at = now
        # What changes from here on has not been seen by this run, or may not have been.
        self._debounce = self._debounce.begun()
        self._read_settings()
        if self._settings is None:
            return
        if isinstance(observed, Absent):
            self._publish_last_good(observed, self._settings, now)
        else:
            self._ran_live = True
            self._publish_live(observed, self._settings, now)

    @property
    def _came_from(self) -> Source | None:
        known = self._publisher.last_good
        return known.source if known and known.resources else None

    def _is_patient(self, now: float) -> bool:
        if self._patient_until is None:
            self._patient_until = now + self._rhythm.patience
        return now < self._patient_until

    def _read_settings(self) -> None:
        path = self._settings_path
        known = self._publisher.last_good
        before = self._settings or (known.settings if known is not None else None)
        try:
            self._settings = read_settings(path, before)
            self._settings_trouble = ""
        except FileNotFoundError:
            # Without it at the start, the node is not provisioned yet.
            self._settings_trouble = f"{path} is gone" if self._settings else f"waiting for {path}"
        except SettingsError as error:
            self._settings = before
            self._settings_trouble = str(error)
        if self._settings and self._settings_trouble:
            self._settings_trouble += "; the settings of before stay in force"

    def _publish_live(self, observed: Snapshot, settings: Settings, now: float) -> None:
        known = self._publisher.last_good
        snapshot = keep_accepted(observed, known.resources if known else ())
        saved = self._wall().isoformat(timespec="seconds")
        basis = LastGood(0, "", snapshot.source, saved, settings, snapshot.resources)
        self._note = ""
        self._publish(basis, snapshot, settings, now)

    def _publish_last_good(self, absent: Absent, settings: Settings, now: float) -> None:
        known = self._publisher.last_good
        if known is None:
            return
        # The first reason stays: `desired` must not change with each failed attempt.
        note = f"the last good resources, of {known.saved}: {absent.reason}"
        self._note = self._note or cut(note)
        self._publish(known, Snapshot(Source.LAST_GOOD), settings, now)

    def _publish(self, basis: LastGood, found: Snapshot, settings: Settings, now: float) -> None:
        """Publish what `basis` comes to; `found` is where it is from and what is wrong there."""
        known = self._publisher.last_good
        merged = merge(basis.resources, settings, known.resources if known else ())
        plain = replace(settings, problems=())
        lasting = replace(basis, settings=plain, resources=merged.resources).since(known)
        unreadable = (each.problem for each in found.unreadable)
        self._rejected = (*unreadable, *found.problems, *merged.rejected)
        rejected = (*self._rejected, *settings.problems, *self._settings_refused())
        draft = Desired(0, found.source, self._note, settings.node, merged.vrfs, rejected)
        before = self._publisher.published
        try:
            after = self._publisher.publish(draft, lasting)
        except OSError as error:
            self._write_trouble = f"desired.json cannot be written: {error.strerror or error}"
        else:
            self._write_trouble = ""
            refused = rejections(found.unreadable, basis.resources, merged.rejected)
            self._intent = Intent(basis.resources, refused)
            self._journal.generation = after.generation
            if before is None or before.generation != after.generation:
                self._tell_change(before, after)
        if self._write_trouble or self._publisher.unsaved:
            self._retry_at = now + self._backoff.next()
        else:
            self._retry_at = None
            self._backoff.reset()

    def _settings_refused(self) -> Iterator[Problem]:
        """Yield what is wrong with config.yaml as a whole, for those who read desired.json."""
        if self._settings_trouble:
            path = str(self._settings_path)
            reason = self._settings_trouble.removeprefix(path).lstrip(": ")
            yield Problem(path, reason, message=Message.CONFIGURATION_UNUSABLE)

    def _tell_change(self, before: Desired | None, after: Desired) -> None:
        told = f"generation {after.generation} from {after.source}: {difference(before, after)}"
        if after.source is Source.LAST_GOOD:
            self._journal.warning(f"{told}; {after.note}", message=Message.LAST_GOOD_USED)
        else:
            vrfs, resources = concerned(before, after)
            self._journal.info(told, message=Message.INTENT_CHANGED, vrf=vrfs, resource=resources)

    def _problems(self) -> tuple[Problem, ...]:
        """Return what was left out, of the resources and of config.yaml."""
        return (*self._rejected, *(self._settings.problems if self._settings else ()))

    def _report(self, now: float) -> Report:
        self._update_reporter()
        troubles = dict(self._conditions())
        self._tell(troubles)
        # To wait for the first answer is no fault: the journal need not hear of it.
        waits = [WAITING.format(self._absent)] if self._absent and self._absent.waiting else []
        last_good = self._publisher.last_good
        situation = Situation(
            desired=self._publisher.published,
            resources=len(last_good.resources) if last_good else 0,
            rejected=self._problems(),
            troubles=(*(trouble.sentence for trouble in troubles.values()), *waits),
            due=self._due_text if self._debounce.since is not None else "",
        )
        return Report(status(situation), self._next_pass(now))

    def _update_reporter(self) -> None:
        """Hand over what the cluster is to learn, in the reporter's own time."""
        if self._reporter is None:
            return
        kubeconfig, desired = self._sources.kubeconfig, self._publisher.published
        if kubeconfig is None or desired is None or self._intent is None or not self._settings:
            self._reporter.update(None)
            return
        connected = self._sources.trouble() is None
        name = self._settings.node_name
        self._reporter.update(Subject(kubeconfig, name, connected, desired, self._intent))

    def _next_pass(self, now: float) -> float | None:
        # What is due before that would only wait as well.
        if self._patient_until is not None:
            return max(0.0, self._patient_until - now)
        if self._ran_live:
            return self._wait(now)
        return None if self._retry_at is None else max(0.0, self._retry_at - now)

    def _conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield what keeps us from doing our work, by what it is about."""
        if self._write_trouble:
            yield "desired.json", Condition(self._write_trouble, Message.FILE_UNWRITABLE)
        if self._publisher.unsaved:
            unsaved = Condition(self._publisher.unsaved, Message.FILE_UNWRITABLE)
            yield "the state directory", unsaved
        if self._settings_trouble:
            unusable = Condition(self._settings_trouble, Message.CONFIGURATION_UNUSABLE)
            yield str(self._settings_path), unusable
        trouble = self._sources.trouble()
        if trouble is not None:
            told = f"no watch of the API server since {trouble.since}: {trouble.reason}"
            yield "the API server", Condition(told, Message.API_SERVER_LOST)
        elif self._absent is not None and not self._absent.waiting:
            told = WAITING.format(self._absent)
            yield "the resources", Condition(told, Message.RESOURCES_MISSING)
        untold = self._reporter.trouble() if self._reporter is not None else ""
        # With no API server there is nothing to add.
        if untold and trouble is None:
            told = f"the cluster does not learn of this node: {untold}"
            yield "the node's state in the cluster", Condition(told, Message.STATE_NOT_REPORTED)

    def _tell(self, troubles: Mapping[str, Condition]) -> None:
        rejected = conditions(self._problems(), before="rejected: ")
        for key in troubles.keys() & rejected.keys():
            both = f"{troubles[key].sentence}; {rejected[key].sentence}"
            rejected[key] = replace(rejected[key], sentence=both)
        self._journal.standing({**troubles, **rejected})
