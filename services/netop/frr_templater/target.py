# SPDX-License-Identifier: Apache-2.0
"""From what is seen to what shall be: the configuration to bring FRR to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netop.common.documents import Desired, DesiredVrf, Links, Served
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.frr_templater.candidate import Candidate, Maker
from netop.frr_templater.deaths import Death
from netop.frr_templater.files import Loaded
from netop.frr_templater.frr import Frr
from netop.frr_templater.hints import Value, written
from netop.frr_templater.plan import choose, ipv6_problems
from netop.frr_templater.render import Intent, missing_values, render
from netop.frr_templater.state import State, digest
from netop.frr_templater.template import TemplateError


@dataclass(frozen=True)
class Target:
    """A candidate, and how to render the steps on the way to it."""

    maker: Maker
    loaded: Loaded
    intent: Intent
    text: str
    vrfs: tuple[DesiredVrf, ...]
    generation: int
    waiting: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def wish(self) -> object:
        """What people have asked for: the same wish may lead to several targets."""
        return self.generation, self.loaded.mark

    @property
    def frame(self) -> str:
        """What is known again by it: the text apart from the VRFs' policies."""
        intent = self.intent
        vnis = [(vrf.name, vrf.vni) for vrf in intent.vrfs]
        return digest(self.loaded.mark, intent.router_id, intent.host_router_id, vnis)

    async def passes(self, vrfs: tuple[DesiredVrf, ...]) -> bool:
        """Return whether a step stands every check that needs no running FRR."""
        return not await self.maker.faults(self.intent, vrfs)

    async def readable(self, text: str) -> bool:
        """Return whether FRR could read a text that is none of netop's."""
        return not await self.maker.frr.check(text)

    def text_for(self, vrfs: tuple[DesiredVrf, ...]) -> str:
        """Return the frr.conf that serves these VRFs instead."""
        intent = Intent(
            vrfs, self.intent.hostname, self.intent.router_id, self.intent.host_router_id
        )
        return render(self.loaded.template, intent)


@dataclass(frozen=True)
class _Made:
    """A target and what it was made of; of what was good before only where that counted."""

    key: object
    good: tuple[DesiredVrf, ...] | None
    whole: bool
    target: Target

    def still(self, key: object, good: tuple[DesiredVrf, ...] | None) -> bool:
        return self.key == key and (self.whole or self.good == good)


@dataclass
class Targets:
    """Makes targets, and does not make the same one twice."""

    frr: Frr
    origin: str
    hostname: str
    _last: _Made | None = None

    async def target(
        self,
        desired: Desired,
        links: Links,
        loaded: Loaded,
        served: Served | None,
        state: State,
        held: Mapping[str, Death],
    ) -> Target:
        """Return what to serve, what is `held` as it was.

        Raises TemplateError, FrrError, OSError as `Maker.make`.
        """
        choice = choose(desired, links, served)
        intent = Intent(
            choice.vrfs,
            self.hostname,
            links.router_id or state.router_id,
            links.host_router_id or state.host_router_id,
        )
        key = (loaded.mark, intent, choice.waiting, desired.generation, desired.node.asn,
               state.refusals, held, state.frr)  # fmt: skip
        good = state.good.vrfs if state.good is not None else None
        if self._last is not None and self._last.still(key, good):
            return self._last.target
        self._check_values(loaded, intent, desired)
        maker = Maker(
            self.frr, loaded.template, self.origin, loaded.mark, desired.node.asn, state.frr
        )
        made = await maker.make(intent, state, held)
        target = self._finished(maker, made, loaded, intent, desired.generation, choice.waiting)
        # What was good before takes the place of what is left out, and has no other part.
        whole = made.vrfs == intent.vrfs and not state.refusals and not held
        self._last = _Made(key, good, whole, target)
        return target

    def _finished(
        self,
        maker: Maker,
        made: Candidate,
        loaded: Loaded,
        intent: Intent,
        generation: int,
        waiting: tuple[str, ...],
    ) -> Target:
        problems = made.problems
        if not loaded.template.ipv6:
            problems += ipv6_problems(made.vrfs, self.origin)
        return Target(maker, loaded, intent, made.text, made.vrfs, generation, waiting, problems)

    def _check_values(self, loaded: Loaded, intent: Intent, desired: Desired) -> None:
        lacking = missing_values(loaded.template, intent)
        if lacking:
            sources = {
                Value.HOSTNAME: "the node's hostname cannot stand in frr.conf",
                Value.UNDERLAY_ROUTER_ID: f"{desired.node.underlay} has no IPv4 address",
                Value.HOST_ROUTER_ID: f"{desired.node.cluster_bridge} has no IPv4 address",
            }
            raise TemplateError(
                tuple(
                    Problem(
                        self.origin,
                        f"{written(value, marked=False)} cannot be filled in: {sources[value]}",
                        remedy="frr.conf stays as it is until then",
                        message=Message.TEMPLATE_WRONG,
                    )
                    for value in lacking
                )
            )
