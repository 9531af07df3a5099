# SPDX-License-Identifier: Apache-2.0
"""What the kernel has."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from netop.common import names
from netop.common.documents.document import Document, parse_generation, parse_problems
from netop.common.edge import Field
from netop.common.problem import Problem


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


def _optional_ipv4(field: Field) -> ipaddress.IPv4Address | None:
    text = field.optional_text(longest=15)
    if text is None:
        return None
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise field.fail(f"{text!r} is not an IPv4 address") from error
