# SPDX-License-Identifier: Apache-2.0
"""Makes a candidate that FRR can read, leaving out only what spoils it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netop.common.documents import DesiredVrf
from netop.common.masking import masked
from netop.common.messages import Message
from netop.common.policy import ResourcePolicy
from netop.common.problem import Problem
from netop.frr_templater.bisect import accept
from netop.frr_templater.deaths import Death
from netop.frr_templater.frr import Frr
from netop.frr_templater.lint import Issue, lint
from netop.frr_templater.model import route_maps, vrf_model
from netop.frr_templater.render import Intent, render
from netop.frr_templater.sentences import not_survived
from netop.frr_templater.state import Good, State, digest
from netop.frr_templater.template import Template, TemplateError


@dataclass(frozen=True)
class Candidate:
    """A frr.conf that passed every check that needs no running FRR.

    `vrfs` are what it was rendered from; `problems` say what was left out and why, and
    what is odd without being wrong.
    """

    text: str
    vrfs: tuple[DesiredVrf, ...]
    problems: tuple[Problem, ...]


@dataclass
class Maker:
    """Makes candidates for one template.

    `origin` is its path, for complaints, `mark` its digest: what was refused with one
    template may do with another. `asn` is what config.yaml says of the default VRF's AS
    number, if it does, `running` the version of FRR, if it is known. One maker is for one
    intent; only its VRFs may vary.
    """

    frr: Frr
    template: Template
    origin: str
    mark: str
    asn: int | None
    running: str
    _examined: tuple[tuple[DesiredVrf, ...], str, tuple[Issue, ...]] | None = None

    async def make(self, intent: Intent, state: State, held: Mapping[str, Death]) -> Candidate:
        """Return the candidate that serves as much of `intent` as can be served.

        `held` are VRFs of which FRR ended, also those that were to go. Raises TemplateError
        where the operator's own text is to blame, FrrError where vtysh cannot be run, OSError
        where the candidate cannot be written for it.
        """
        kept, problems = self._without_refused(intent.vrfs, state, held)
        if not await self.faults(intent, kept):
            return self._finished(intent, kept, problems)
        faults = await self.faults(intent, ())
        if faults:
            message = Message.TEMPLATE_WRONG
            raise TemplateError(
                tuple(Problem(self.origin, fault, message=message) for fault in faults[:3])
            )
        kept, found = await self._sift(intent, kept, state.good)
        return self._finished(intent, kept, [*problems, *found])

    def _finished(
        self, intent: Intent, vrfs: Sequence[DesiredVrf], problems: Iterable[Problem]
    ) -> Candidate:
        text, issues = self._examine(intent, vrfs)
        harmless = [issue for issue in issues if issue.harmless]
        message = Message.CANDIDATE_ODD
        odd = [
            Problem("frr.conf", issue.reason, f"line {issue.number}", message=message)
            for issue in harmless
        ]
        return Candidate(text, tuple(vrfs), (*problems, *odd))

    def _without_refused(
        self, vrfs: Iterable[DesiredVrf], state: State, held: Mapping[str, Death]
    ) -> tuple[list[DesiredVrf], list[Problem]]:
        if not state.refusals and not held:
            return list(vrfs), []  # a digest of each would take its time
        kept: list[DesiredVrf] = []
        problems: list[Problem] = []
        wanted = {vrf.name: vrf for vrf in vrfs}
        for name in sorted(wanted.keys() | held.keys()):
            vrf, last = wanted.get(name), _last_good(name, state.good)
            death = held.get(name)
            problem = None
            if death is not None and (vrf, self.mark) in death.versions:
                problem = not_survived(death, name, kept_last=last is not None)
            elif vrf is not None and (refusal := state.refusal(digest(vrf, self.mark), name)):
                problem = _left_out(name, refusal.reason, kept_last=last is not None)
            vrf = vrf if problem is None else last
            kept += [vrf] if vrf is not None else []
            problems += [problem] if problem is not None else []
        return kept, problems

    async def _sift(
        self, intent: Intent, vrfs: Sequence[DesiredVrf], good: Good | None
    ) -> tuple[list[DesiredVrf], list[Problem]]:
        """Return the VRFs that can be served together, and what was left out of them."""

        async def valid(part: Sequence[DesiredVrf]) -> bool:
            return not await self.faults(intent, part)

        accepted, bad = await accept(vrfs, valid)
        problems: list[Problem] = []
        for vrf in bad:
            mended, found = await self._mend(intent, accepted, vrf, good)
            accepted += [mended] if mended is not None else []
            problems += found
        return sorted(accepted, key=lambda vrf: vrf.name), problems

    async def _mend(
        self, intent: Intent, others: list[DesiredVrf], vrf: DesiredVrf, good: Good | None
    ) -> tuple[DesiredVrf | None, list[Problem]]:
        """Return what of one VRF can be served beside the others."""
        bare = dataclasses.replace(vrf, policies=())
        faults = await self.faults(intent, [*others, bare])
        if faults:
            last = _last_good(vrf.name, good)
            if last is not None and await self.faults(intent, [*others, last]):
                last = None
            return last, [_left_out(vrf.name, faults[0], kept_last=last is not None)]

        async def valid(policies: Sequence[ResourcePolicy]) -> bool:
            part = dataclasses.replace(vrf, policies=tuple(policies))
            return not await self.faults(intent, [*others, part])

        policies, bad = await accept(vrf.policies, valid)
        problems = []
        for policy in bad:
            part = dataclasses.replace(vrf, policies=(*policies, policy))
            faults = await self.faults(intent, [*others, part])
            problems.append(_resource_left_out(vrf.name, policy, faults[0]))
        return dataclasses.replace(vrf, policies=tuple(policies)), problems

    async def faults(self, intent: Intent, vrfs: Sequence[DesiredVrf]) -> list[str]:
        """Return what is wrong with a frr.conf for these VRFs. Raises as `make`."""
        text, issues = self._examine(intent, vrfs)
        wrong = [issue for issue in issues if not issue.harmless]
        if wrong:
            lines = text.splitlines()
            return [f"{issue.reason} (`{_line(lines, issue.number)}`)" for issue in wrong]
        return list(await self.frr.check(text))

    def _examine(self, intent: Intent, vrfs: Sequence[DesiredVrf]) -> tuple[str, tuple[Issue, ...]]:
        """Return the text for these VRFs, and what is to be said about it."""
        ordered = tuple(sorted(vrfs, key=lambda vrf: vrf.name))
        if self._examined is None or self._examined[0] != ordered:
            text = render(self.template, dataclasses.replace(intent, vrfs=ordered))
            ours = route_maps(vrf_model(vrf, ipv6=self.template.ipv6) for vrf in ordered)
            self._examined = (ordered, text, lint(text, ours, self.asn, self.running))
        return self._examined[1], self._examined[2]


def _line(lines: Sequence[str], number: int) -> str:
    return masked(lines[number - 1].strip()) if 0 < number <= len(lines) else ""


def _last_good(name: str, good: Good | None) -> DesiredVrf | None:
    vrfs = good.vrfs if good is not None else ()
    return next((vrf for vrf in vrfs if vrf.name == name), None)


def _left_out(name: str, reason: str, *, kept_last: bool) -> Problem:
    remedy = "its last good configuration stays" if kept_last else "it is left out"
    return Problem(
        f"VRF {name}",
        f"FRR cannot serve it: {reason}",
        remedy=remedy,
        vrf=name,
        message=Message.CANDIDATE_REFUSED,
    )


def _resource_left_out(name: str, policy: ResourcePolicy, reason: str) -> Problem:
    return Problem(
        f"VRFRouteConfiguration {policy.resource}",
        f"FRR cannot serve it: {reason}",
        remedy="it is left out alone",
        vrf=name,
        message=Message.CANDIDATE_REFUSED,
    )
