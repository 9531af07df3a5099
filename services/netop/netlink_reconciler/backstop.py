# SPDX-License-Identifier: Apache-2.0
"""The route of last resort in each VRF's table: unreachable.

The kernel goes on to the next rule where a VRF's table has no route, and so to table main:
without this, a tenant would reach whatever the node reaches, and other tenants through it
(Documentation/networking/vrf.rst, which recommends the metric too; FRR takes its upper
byte for an administrative distance of 255).
"""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6

METRIC = 4278198272
# Marks the routes that netop made; not among those of iproute2's rt_protos or of FRR.
PROTOCOL = 110


@dataclass(frozen=True, order=True)
class Backstop:
    """An unreachable default route in a table, of one address family."""

    table: int
    family: int

    def __str__(self) -> str:
        version = "IPv4" if self.family == AF_INET else "IPv6"
        return f"unreachable {version} default route in table {self.table}"


def backstops_of(table: int) -> tuple[Backstop, Backstop]:
    """Return the two routes that a VRF's table needs."""
    return Backstop(table, AF_INET), Backstop(table, AF_INET6)
