# SPDX-License-Identifier: Apache-2.0
"""The documents in the state directory, as the daemons exchange them.

Each has one writer. A reader parses it whole or not at all, and checks names and
prefixes again: they end up in netlink messages and in frr.conf.
"""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Self

from netop.common import names
from netop.common.edge import Field
from netop.common.policy import ResourcePolicy
from netop.common.problem import Problem
from netop.common.settings import NodeSettings

_COUNT_HIGHEST = (1 << 63) - 1


@dataclass(frozen=True)
class Document(ABC):
    """What all documents share: one writer, a schema version, and the generation of
    `desired` that they reflect (0: none yet).
    """

    WRITER: ClassVar[str]
    FILE: ClassVar[str]
    VERSION: ClassVar[int]

    generation: int

    @classmethod
    @abstractmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""


def parse_generation(field: Field) -> int:
    """Return the generation of `desired` that a document reflects; 0 is none yet."""
    return field["generation"].integer(0, _COUNT_HIGHEST)


def parse_problems(field: Field) -> tuple[Problem, ...]:
    """Return a list of problems; raises FieldError."""
    return tuple(Problem.parse(item) for item in field.items())


class Source(StrEnum):
    """Where the resources came from."""

    KUBERNETES = "kubernetes"
    MANIFESTS = "manifests"
    LAST_GOOD = "last-good"


@dataclass(frozen=True)
class DesiredVrf:
    """One VRF that at least one resource wants.

    `vni` None marks a VRF of `skipVRFConfig`: route-maps and prefix-lists only.
    `policies` stand in the order of their `seq`.
    """

    name: str
    vni: int | None
    policies: tuple[ResourcePolicy, ...]

    @classmethod
    def parse(cls, field: Field) -> DesiredVrf:
        """Return one VRF of `desired`; raises FieldError."""
        vni = field["vni"]
        return cls(
            name=names.vrf_name(field["name"]),
            vni=None if vni.absent else names.vni(vni),
            policies=tuple(ResourcePolicy.parse(item) for item in field["policies"].items()),
        )


@dataclass(frozen=True)
class Desired(Document):
    """The merged, validated intent. `vrfs` stand in the order of their names.

    `note` is empty, or says why `source` is not what it should be (API server away).
    """

    WRITER: ClassVar[str] = "crd-watcher"
    FILE: ClassVar[str] = "desired.json"
    VERSION: ClassVar[int] = 1

    source: Source
    note: str
    node: NodeSettings
    vrfs: tuple[DesiredVrf, ...]
    rejected: tuple[Problem, ...]

    def vrf(self, name: str) -> DesiredVrf | None:
        """Return the VRF of that name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, DesiredVrf]:
        return {vrf.name: vrf for vrf in self.vrfs}

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        source = field["source"]
        if source.text() not in set(Source):
            raise source.fail(f"{source.text()!r} is no source of resources")
        return cls(
            generation=parse_generation(field),
            source=Source(source.text()),
            note=field["note"].text(),
            node=NodeSettings.parse(field["node"]),
            vrfs=tuple(DesiredVrf.parse(item) for item in field["vrfs"].items()),
            rejected=parse_problems(field["rejected"]),
        )


class VrfState(StrEnum):
    """How far the links of a VRF have come."""

    PREPARED = "prepared"  # all exist, down, waiting for FRR to know the VNI
    UP = "up"
    LEAVING = "leaving"  # no longer desired; stay until FRR has let go
    RENEWING = "renewing"  # parts must be made anew; stay until FRR has let go for a moment
    FAILED = "failed"  # the error says why


@dataclass(frozen=True)
class Link:
    """One link as it is: `mac` is its address as text, empty where it has none."""

    name: str
    ifindex: int
    mac: str

    @classmethod
    def parse(cls, field: Field) -> Link:
        """Return one link of `links`; raises FieldError."""
        return cls(
            name=names.interface_name(field["name"]),
            ifindex=field["ifindex"].integer(1, (1 << 31) - 1),
            mac=field["mac"].text(longest=17),
        )


@dataclass(frozen=True)
class LinkedVrf:
    """The links of one VRF: `vni` and `table` as they are in the kernel, 0 where they are not."""

    name: str
    vni: int
    table: int
    state: VrfState
    error: str
    links: tuple[Link, ...]

    @classmethod
    def parse(cls, field: Field) -> LinkedVrf:
        """Return one VRF of `links`; raises FieldError."""
        state = field["state"]
        if state.text() not in set(VrfState):
            raise state.fail(f"{state.text()!r} is no state of a VRF")
        return cls(
            name=names.vrf_name(field["name"]),
            vni=field["vni"].integer(0, names.VNI_HIGHEST),
            table=field["table"].integer(0, (1 << 32) - 1),
            state=VrfState(state.text()),
            error=field["error"].text(),
            links=tuple(Link.parse(item) for item in field["links"].items()),
        )


@dataclass(frozen=True)
class Links(Document):
    """What the kernel has. `router_id` is the address of the underlay, `host_router_id`
    that of the cluster bridge; None where the link or its address is missing.
    """

    WRITER: ClassVar[str] = "netlink-reconciler"
    FILE: ClassVar[str] = "links.json"
    VERSION: ClassVar[int] = 1

    router_id: ipaddress.IPv4Address | None
    host_router_id: ipaddress.IPv4Address | None
    vrfs: tuple[LinkedVrf, ...]
    problems: tuple[Problem, ...]

    def vrf(self, name: str) -> LinkedVrf | None:
        """Return the VRF of that name, or None."""
        return next((vrf for vrf in self.vrfs if vrf.name == name), None)

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        return cls(
            generation=parse_generation(field),
            router_id=_optional_ipv4(field["router_id"]),
            host_router_id=_optional_ipv4(field["host_router_id"]),
            vrfs=tuple(LinkedVrf.parse(item) for item in field["vrfs"].items()),
            problems=parse_problems(field["problems"]),
        )


@dataclass(frozen=True)
class ServedVrf:
    """One VRF that the running FRR was verified to serve; `vni` None: route-maps only."""

    name: str
    vni: int | None

    @classmethod
    def parse(cls, field: Field) -> ServedVrf:
        """Return one VRF of `served`; raises FieldError."""
        vni = field["vni"]
        return cls(names.vrf_name(field["name"]), None if vni.absent else names.vni(vni))


class ReloadResult(StrEnum):
    """How the last reload of frr.service ended."""

    NONE = "none"  # nothing had to be reloaded since the daemon started
    VERIFIED = "verified"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"  # and the last good configuration could not be put back either


@dataclass(frozen=True)
class Reload:
    """The last reload: `finished` in ISO 8601, `seconds` for all its passes together."""

    result: ReloadResult
    finished: str
    seconds: float
    passes: int
    diff: str
    errors: tuple[str, ...]

    @classmethod
    def parse(cls, field: Field) -> Reload:
        """Return the reload that `served` tells of; raises FieldError."""
        result = field["result"]
        if result.text() not in set(ReloadResult):
            raise result.fail(f"{result.text()!r} is no result of a reload")
        return cls(
            result=ReloadResult(result.text()),
            finished=field["finished"].text(),
            seconds=field["seconds"].number(0, 1e9),
            passes=field["passes"].integer(0, 1000),
            diff=field["diff"].text(longest=1 << 20),
            errors=tuple(item.text(longest=1 << 16) for item in field["errors"].items()),
        )


@dataclass(frozen=True)
class Served(Document):
    """What the running FRR serves, verified, not believed.

    A VRF leaves `vrfs` only when FRR was seen to run without it. While FRR is dead
    (not `alive`) the list stays as it was: taking links down would not make it better.

    Whoever changes FRR may not live to tell. So it is published before: `trying` names the
    VRFs that FRR may have a part of although that was not verified, and `leaving` those of
    `vrfs` that it may have lost.
    """

    WRITER: ClassVar[str] = "frr-templater"
    FILE: ClassVar[str] = "served.json"
    VERSION: ClassVar[int] = 1

    vrfs: tuple[ServedVrf, ...]
    reload: Reload
    problems: tuple[Problem, ...]
    alive: bool = True
    trying: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def serves(self, name: str, vni: int | None) -> bool:
        """Return whether FRR serves that VRF with that very VNI, and goes on doing so."""
        return ServedVrf(name, vni) in self._staying

    @cached_property
    def _staying(self) -> frozenset[ServedVrf]:
        return frozenset(vrf for vrf in self.vrfs if vrf.name not in self.leaving)

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        return cls(
            generation=parse_generation(field),
            vrfs=tuple(ServedVrf.parse(item) for item in field["vrfs"].items()),
            reload=Reload.parse(field["reload"]),
            problems=parse_problems(field["problems"]),
            alive=field["alive"].absent or field["alive"].flag(),
            trying=_names(field["trying"]),
            leaving=_names(field["leaving"]),
        )


def _names(field: Field) -> tuple[str, ...]:
    """Return names of VRFs; none where an older version has not written any."""
    return () if field.absent else tuple(names.vrf_name(item) for item in field.items())


@dataclass(frozen=True)
class Attachment:
    """One interface: `program` is the id of the program at our place, 0 where there is none."""

    interface: str
    ifindex: int
    program: int
    error: str

    @classmethod
    def parse(cls, field: Field) -> Attachment:
        """Return one interface of `attached`; raises FieldError."""
        return cls(
            interface=names.interface_name(field["interface"]),
            ifindex=field["ifindex"].integer(0, (1 << 31) - 1),
            program=field["program"].integer(0, (1 << 32) - 1),
            error=field["error"].text(),
        )


@dataclass(frozen=True)
class Counters:
    """Ids of the maps that hold the counters, for `netopctl counters`."""

    name: str
    map_id: int

    @classmethod
    def parse(cls, field: Field) -> Counters:
        """Return one map of `attached`; raises FieldError."""
        return cls(field["name"].text(longest=32), field["map_id"].integer(1, (1 << 32) - 1))


@dataclass(frozen=True)
class Attached(Document):
    """Where the eBPF router is attached; `tag` is the kernel's hash of its instructions."""

    WRITER: ClassVar[str] = "bpf-guardian"
    FILE: ClassVar[str] = "attached.json"
    VERSION: ClassVar[int] = 1

    program: int
    tag: str
    source: str
    interfaces: tuple[Attachment, ...]
    counters: tuple[Counters, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def parse(cls, field: Field) -> Self:
        """Return the document; raises FieldError."""
        return cls(
            generation=parse_generation(field),
            program=field["program"].integer(0, (1 << 32) - 1),
            tag=field["tag"].text(longest=64),
            source=field["source"].text(longest=64),
            interfaces=tuple(Attachment.parse(item) for item in field["interfaces"].items()),
            counters=tuple(Counters.parse(item) for item in field["counters"].items()),
            problems=parse_problems(field["problems"]),
        )


def _optional_ipv4(field: Field) -> ipaddress.IPv4Address | None:
    text = field.optional_text(longest=15)
    if text is None:
        return None
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise field.fail(f"{text!r} is not an IPv4 address") from error
