# SPDX-License-Identifier: Apache-2.0
"""Which interfaces are wanted, from links.json and from config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netop.bpf_guardian.plan import wanted_names
from netop.common.documents import Links
from netop.common.messages import Message
from netop.common.names import LinkNames
from netop.common.problem import Problem
from netop.common.settings import SettingsError, read_settings
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

    def may_want(self, name: str) -> bool:
        """Say whether the source that names such interfaces is not known."""
        of_a_vrf = name.startswith(("vx.", "br.", "vd."))
        return not (self.links_known if of_a_vrf else self.config_known)


@dataclass
class WishReader:
    """Reads both sources; one that is damaged counts as it was when it last was not.

    Where it never was, since the start, the wishes say so.
    """

    store: Store
    config: Path
    _links: Links | None = None
    _interfaces: tuple[str, ...] | None = None

    def read(self) -> Wishes:
        """Return what is wanted now. A node may have both sources, either or none."""
        problems: list[Problem] = []
        linked = self._read_links(problems)
        configured = self._read_config(problems)
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

    def _read_config(self, problems: list[Problem]) -> bool:
        try:
            settings = read_settings(self.config)
        except FileNotFoundError:
            # A node that is not provisioned yet, or the file of one that is was removed.
            if self._interfaces is not None:
                reason = f"{self.config} is gone; its bpfInterfaces of before stay in force"
                message = Message.CONFIGURATION_UNUSABLE
                remedy = "put it back, without bpfInterfaces where none is meant"
                problems.append(Problem("config.yaml", reason, remedy=remedy, message=message))
            return self._interfaces is not None
        except SettingsError as error:
            message = Message.CONFIGURATION_UNUSABLE
            problems.append(Problem("config.yaml", str(error), message=message))
            return True
        self._interfaces = settings.bpf_interfaces
        # The rest of the file is crd-watcher's to complain about.
        problems += (item for item in settings.problems if item.field.startswith("bpfInterfaces"))
        return True
