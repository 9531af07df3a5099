# SPDX-License-Identifier: Apache-2.0
"""The steps of a plan: each is one message to the kernel, for one VRF."""

from __future__ import annotations

from dataclasses import dataclass

from netop.netlink_reconciler.backstop import Backstop
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Difference, names_of
from netop.netlink_reconciler.wanted import WantedLink


@dataclass(frozen=True)
class Delete:
    """Remove a link; with one end of a veth goes the other."""

    vrf: str
    name: str
    index: int
    reason: str

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        return f"deleting {self.name}"

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Create:
    """Make a link, down, at `index`; the other numbers are ifindexes too, 0 for none.

    For a veth, `peer` is the other end, which the same message makes.
    """

    vrf: str
    link: WantedLink
    index: int
    master: int = 0
    lower: int = 0
    peer: WantedLink | None = None
    peer_index: int = 0

    @property
    def name(self) -> str:
        """The link's name."""
        return self.link.name

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        return f"making {self.name} ({self.link.attributes.kind}{self._numbered})"

    def __str__(self) -> str:
        peer = f", with {self.peer.name}" if self.peer else ""
        return f"{self.name}: made{self._numbered}{peer}"

    @property
    def _numbered(self) -> str:
        attributes = self.link.attributes
        if attributes.vni is not None:
            return f", id {attributes.vni}"
        return "" if attributes.table is None else f", table {attributes.table}"


@dataclass(frozen=True)
class Change:
    """Change one attribute of a link that exists, or that an earlier step makes.

    Where the new value names a link, `reference` is its ifindex. Without `told` the
    change is part of making the link.
    """

    vrf: str
    name: str
    index: int
    kind: str
    difference: Difference
    reference: int = 0
    told: bool = True

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.name}: {self.difference}"


@dataclass(frozen=True)
class Switch:
    """Set a link up or down."""

    vrf: str
    name: str
    index: int
    up: bool

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        return f"setting {self.name} {'up' if self.up else 'down'}"

    def __str__(self) -> str:
        return f"{self.name}: {'up' if self.up else 'down'}"


@dataclass(frozen=True)
class Route:
    """Put a route of last resort into a table, or take it away."""

    vrf: str
    backstop: Backstop
    present: bool
    told: bool = True

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        return f"{'adding' if self.present else 'removing'} the {self.backstop}"

    def __str__(self) -> str:
        done = "put in place" if self.present else "removed"
        return f"{names_of(self.vrf).vrf if self.vrf else 'no VRF'}: {self.backstop} {done}"


@dataclass(frozen=True)
class Address:
    """Give a VRF an address to answer from, or an end of the veth one to peer over; or take
    it away.
    """

    vrf: str
    identity: Identity
    index: int
    present: bool
    told: bool = True

    @property
    def attempt(self) -> str:
        """What is about to be done."""
        doing = "giving {0} the {1}" if self.present else "taking from {0} the {1}"
        return doing.format(self.identity.link, self.identity)

    def __str__(self) -> str:
        done = "put in place" if self.present else "removed"
        return f"{self.identity.link}: {self.identity} {done}"


Step = Delete | Create | Change | Switch | Route | Address


@dataclass(frozen=True)
class Failure:
    """A step that the kernel refused, and why."""

    step: Step
    reason: str

    def __str__(self) -> str:
        return f"{self.step.attempt}: {self.reason}"
