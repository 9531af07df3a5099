# SPDX-License-Identifier: Apache-2.0
"""A node by hand: an FRR that has statements instead of daemons, a systemd that reloads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from netop.common.backoff import Backoff
from netop.common.documents import (
    Desired,
    DesiredVrf,
    LinkedVrf,
    Links,
    Source,
    VrfState,
)
from netop.common.edge import Field
from netop.common.journal import Journal, Priority
from netop.common.messages import Message
from netop.common.settings import NodeSettings
from netop.common.store import Store, document_text
from netop.frr_templater.apply import Applier
from netop.frr_templater.configuration import statements
from netop.frr_templater.differences import Difference
from netop.frr_templater.files import Files
from netop.frr_templater.frr import DeadError, Facts, Frr, NotAliveError
from netop.frr_templater.keeper import Keeper
from netop.frr_templater.reconciler import Templater
from netop.frr_templater.state import StateFile
from netop.frr_templater.systemd1 import SystemdError
from netop.frr_templater.target import Targets

BASE = """\
frr version 10.3
frr defaults traditional
!
#++{{.VRFs}}
!
router bgp 64512 vrf default
 neighbor 192.0.2.254 remote-as external
 #++{{.Neighbors}}
 !
 address-family ipv4 unicast
  redistribute connected
  #++{{.NeighborsV4}}
 exit-address-family
exit
!
#++{{.BGP}}
!
#++{{.PrefixLists}}
#++{{.RouteMaps}}
"""


def vrf(name: str, vni: int | None, *seqs: int, cidr: str = "10.0.0.0/8") -> DesiredVrf:
    """Return a VRF with one resource for each seq."""
    item = {"cidr": cidr, "action": "permit"}
    policies = [
        {"resource": f"{name}-{seq}", "seq": seq, "imports": [item], "exports": [item]}
        for seq in seqs or (10,)
    ]
    return DesiredVrf.parse(Field({"name": name, "vni": vni, "policies": policies}))


def desired(generation: int, *vrfs: DesiredVrf, asn: int | None = None) -> Desired:
    node = NodeSettings(asn=asn)
    return Desired(generation, Source.MANIFESTS, "", node, tuple(vrfs), ())


def links(generation: int, *vrfs: tuple[str, int], state: VrfState = VrfState.PREPARED) -> Links:
    linked = tuple(LinkedVrf(name, vni, 50, state, "", ()) for name, vni in vrfs)
    return Links(generation, IPv4Address("192.0.2.1"), IPv4Address("10.250.0.1"), linked, ())


Line = tuple[tuple[str, ...], str]


@dataclass
class FakeFrr:
    """FRR as a set of lines, as frr-reload.py sees it.

    Of what a reload brings, `refused` patterns are not taken over, `slow` ones only by the
    second reload, and `deadly` ones end it. `dead` and `hung` are states of the daemons.
    Of VRFs that the `kernel` has, empty `stanzas` stay.
    """

    configuration: Path
    running: set[Line] = field(default_factory=set)
    refused: str = ""
    slow: str = ""
    deadly: str = ""
    dead: bool = False
    hung: bool = False
    invalid: str = ""
    lives: int = 1
    number: str = "10.3"
    reloads: int = 0
    checks: int = 0
    result: str = "done"
    state: str = "active"
    said: list[str] = field(default_factory=list)
    dismissed: frozenset[str] = frozenset()
    kernel: set[str] = field(default_factory=set)
    stanzas: set[str] = field(default_factory=set)
    before_reload: Callable[[], None] = lambda: None

    # As Frr.

    async def check(self, text: str) -> tuple[str, ...]:
        self.checks += 1
        if not self.invalid:
            return ()
        return tuple(
            f"line {number}: % Unknown command: {line.strip()}"
            for number, line in enumerate(text.splitlines(), start=1)
            if re.search(self.invalid, line)
        )

    async def dismiss(self, gone: frozenset[str]) -> None:
        self.dismissed |= gone

    async def shown(self) -> str:
        await self.alive()
        return "".join(f"vrf {name}\nexit-vrf\n!\n" for name in sorted(self.stanzas))

    async def forget(self, vrf: str) -> None:
        if vrf not in self.kernel:
            self.stanzas.discard(vrf)

    async def differences(self, text: str, _running: str) -> tuple[Difference, ...]:
        await self.alive()
        wanted = lines_of(text)
        more = [Difference(True, path, line) for path, line in sorted(wanted - self.running)]
        less = [
            Difference(False, path, f"no {line}") for path, line in sorted(self.running - wanted)
        ]
        return (*less, *more)

    async def alive(self) -> None:
        if self.hung:
            raise NotAliveError("`vtysh -c show daemons` gave no answer in 30 s")
        if self.dead:
            raise DeadError("bgpd of FRR does not run")

    def expect(self, text: str) -> None: ...

    async def facts(self) -> Facts:
        await self.alive()
        return Facts(self.bindings(), self.route_maps(), await self.shown())

    async def answers(self) -> None:
        await self.alive()

    def bindings(self) -> dict[str, int]:
        return {
            path[0].removeprefix("vrf "): int(line.split()[1])
            for path, line in self.running
            if line.startswith("vni ") and path and path[0].startswith("vrf ")
        }

    def route_maps(self) -> frozenset[str]:
        return frozenset(
            line.split()[1]
            for path, line in self.running
            if line.startswith("route-map ") and not path
        )

    async def version(self) -> str:
        await self.alive()
        return self.number

    def paths(self) -> tuple[Path, ...]:
        return ()

    def processes(self) -> tuple[tuple[str, int], ...]:
        bgpd, zebra = ("bgpd", self.lives), ("zebra", 7)
        return (zebra,) if self.dead else (bgpd, zebra)

    # As Service.

    async def active_state(self) -> str:
        return self.state

    async def reload(self) -> str:
        self.before_reload()
        if self.state != "active":
            raise SystemdError("frr.service cannot be reloaded: it is not active")
        self.reloads += 1
        wanted = lines_of(self.configuration.read_text())
        if self.deadly and any(re.search(self.deadly, line) for _, line in wanted):
            self.dead, self.running = True, set()
            return "failed"
        lost = {line.removeprefix("vrf ") for path, line in self.running - wanted if not path}
        self.stanzas = (self.stanzas | (lost & self.kernel)) - {
            line.removeprefix("vrf ") for path, line in wanted if not path
        }
        new = {line for line in wanted - self.running if not self._keeps_out(line)}
        self.running = (self.running & wanted) | new
        return self.result

    def _keeps_out(self, line: Line) -> bool:
        if self.slow and re.search(self.slow, line[1]):
            self.slow = ""
            return True
        return bool(self.refused and re.search(self.refused, line[1]))

    def boot(self) -> None:
        """Start anew from the file."""
        self.dead = self.hung = False
        self.lives += 1
        self.stanzas = set()
        self.running = lines_of(self.configuration.read_text())


def lines_of(text: str) -> set[Line]:
    """Return what a configuration says, as FRR itself would show it."""
    found: set[Line] = set()
    for statement in statements(text):
        if statement.closes or statement.text.startswith(("frr ", "address-family")):
            continue
        path = tuple(line.removesuffix(" vrf default") for line in statement.path)
        found.add((path, statement.text.removesuffix(" vrf default")))
    return found


@dataclass
class Told:
    """What the journal was told."""

    entries: list[tuple[Priority, str]] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)

    def journal(self) -> Journal:
        return Journal(self._take)

    def _take(self, priority: Priority, text: str, fields: Mapping[str, Any]) -> None:
        self.entries.append((priority, text))
        self.fields.append(dict(fields))

    def about(self, message: Message) -> list[tuple[Any, str]]:
        """Return the VRF or VRFs and the generation of each entry of that id."""
        return [
            (fields.get("NETOP_VRF", ""), fields.get("NETOP_GENERATION", ""))
            for fields in self.fields
            if fields.get("MESSAGE_ID") == message
        ]

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.entries)


class Node:
    """A templater with everything around it."""

    def __init__(self, root: Path, base: str = BASE) -> None:
        self.root = root
        (root / "frr").mkdir()
        (root / "state").mkdir()
        self.store = Store(root / "run")
        for kind in ("crd-watcher", "netlink-reconciler", "frr-templater"):
            (root / "run" / kind).mkdir(parents=True)
        self.files = Files(root / "frr")
        self.files.configuration.write_text(base)
        self.frr = FakeFrr(self.files.configuration)
        self.frr.boot()
        self.told = Told()
        self.time = 1000.0
        self.start()

    def start(self) -> None:
        """Begin a life of the daemon."""
        # What FRR is asked, the fake answers; mypy need not know how much alike they are.
        frr: Frr = self.frr  # type: ignore[assignment]
        journal = self.told.journal()
        applier = Applier(
            self.frr, self.frr, lambda _: self.frr.said, lambda: self.time, self.sleep
        )
        memory = StateFile(self.root / "state" / "state.json")
        self.templater = Templater(
            store=self.store,
            files=self.files,
            frr=frr,
            unit=self.frr,
            keeper=Keeper(self.files, memory, applier, journal, lambda: self.time),
            targets=Targets(frr, str(self.files.template), "node1"),
            journal=journal,
            clock=lambda: self.time,
            backoff=Backoff(first=1.0),
        )
        self.templater.begin()

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def want(self, generation: int, *vrfs: DesiredVrf, asn: int | None = None) -> None:
        """Publish desired, and links that are ready for it."""
        self.put(desired(generation, *vrfs, asn=asn))
        ready = [(v.name, v.vni) for v in vrfs if v.vni is not None]
        self.put(links(generation, *ready))

    def put(self, document: Desired | Links) -> None:
        self.store.path(type(document)).write_text(document_text(document))

    async def settle(self, passes: int = 10) -> str:
        """Make passes until none is asked for soon; return the status."""
        for _ in range(passes):
            report = await self.templater.reconcile()
            if report.retry is None or report.retry >= 10:
                return report.status
            self.time += report.retry
        return report.status

    @property
    def text(self) -> str:
        return self.files.configuration.read_text()

    @property
    def served(self) -> dict[str, int | None]:
        document = json.loads((self.root / "run/frr-templater/served.json").read_text())
        return {vrf["name"]: vrf["vni"] for vrf in document["vrfs"]}

    @property
    def published(self) -> dict[str, object]:
        loaded = json.loads((self.root / "run/frr-templater/served.json").read_text())
        assert isinstance(loaded, dict)
        return loaded
