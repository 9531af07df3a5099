# SPDX-License-Identifier: Apache-2.0
"""Which interfaces are wanted, from links.json and from config.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from netop.bpf_guardian.plan import wanted_names
from netop.common.documents import Links
from netop.common.messages import Message
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.common.settings import Settings, SettingsError, read_settings
from netop.common.store import DocumentError, Store


@dataclass(frozen=True)
class Wishes:
    """`sources` tells whether there is anything that could name an interface.

    `owners` are the VRFs by the names of their interfaces. `links_known` and `config_known`
    are False where that source was not once readable since the start.
    """

    names: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    generation: int = 0
    sources: bool = False
    problems: tuple[Problem, ...] = ()
    links_known: bool = True
    config_known: bool = True

    @property
    def known(self) -> bool:
        """Whether these are all wishes that there are."""
        return self.links_known and self.config_known

    def carrying(self, names: Iterable[str]) -> Wishes:
        """Return these wishes with those of `names` that nobody can say are not wanted."""
        added = tuple(name for name in names if self._may_want(name) and name not in self.names)
        problems = self.problems
        damaged = any(problem.subject == "config.yaml" for problem in problems)
        if added and not self.config_known and not damaged:
            problems += (_gone("is not there; what had the program keeps it"),)
        return replace(self, names=(*self.names, *added), problems=problems)

    def _may_want(self, name: str) -> bool:
        # bpfInterfaces may name any interface, links.json those of VRFs alone.
        of_a_vrf = name.startswith(("vx.", "br.", "vd."))
        return not self.config_known or (of_a_vrf and not self.links_known)


@dataclass
class WishReader:
    """Reads both sources; one that is damaged counts as it was when it last was not.

    Where it never was, since the start, the wishes say so.
    """

    store: Store
    config: Path
    _links: Links | None = None
    _interfaces: tuple[str, ...] | None = None

    def read(self, carried: Iterable[str] = ()) -> Wishes:
        """Return what is wanted now. A node may have both sources, either or none.

        `carried` had the program at the start, for one of the two.
        """
        problems: list[Problem] = []
        linked = self._read_links(problems)
        own = wanted_names(self._links, ())
        configured = self._read_config(problems, [name for name in carried if name not in own])
        return Wishes(
            names=wanted_names(self._links, self._interfaces or ()),
            owners={
                name: vrf.name
                for vrf in (self._links.vrfs if self._links is not None else ())
                for name in LinkNames.of(vrf.name).all()
            },
            generation=self._links.generation if self._links is not None else 0,
            sources=linked or configured,
            problems=tuple(problems),
            links_known=self._links is not None,
            config_known=self._interfaces is not None,
        )

    def _read_links(self, problems: list[Problem]) -> bool:
        try:
            # A document that vanished says nothing about the links, which are still there.
            self._links = self.store.read(Links) or self._links
        except DocumentError as error:
            remedy = "systemctl restart netop-netlink-reconciler"
            message = Message.DOCUMENT_DAMAGED
            problems.append(Problem("links.json", str(error), remedy=remedy, message=message))
        return self._links is not None

    def _read_config(self, problems: list[Problem], carried: Iterable[str]) -> bool:
        known = self._interfaces
        try:
            # Nothing but these: what else has become wrong is crd-watcher's to judge.
            before = Settings(bpf_interfaces=tuple(carried) if known is None else known)
            settings = read_settings(self.config, before)
        except FileNotFoundError:
            # A node that is not provisioned yet, or the file of one that is was removed.
            if self._interfaces is not None:
                reason = f"{self.config} is gone; its bpfInterfaces of before stay in force"
                problems.append(_gone(reason))
            return self._interfaces is not None
        except SettingsError as error:
            message = Message.CONFIGURATION_UNUSABLE
            problems.append(Problem("config.yaml", str(error), message=message))
            return True
        self._interfaces = settings.bpf_interfaces
        # The rest of the file is crd-watcher's to complain about.
        problems += (item for item in settings.problems if item.field.startswith("bpfInterfaces"))
        return True


def _gone(reason: str) -> Problem:
    remedy = "put it back, without bpfInterfaces where none is meant"
    message = Message.CONFIGURATION_UNUSABLE
    return Problem("config.yaml", reason, remedy=remedy, message=message)
