# SPDX-License-Identifier: Apache-2.0
"""What a frr.conf says that is not only netop's. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from netop.frr_templater.configuration import bgp_instance, statements
from netop.frr_templater.template import unmark_default

# What netop's sections have of a VRF with a VNI: that, and the neighbors over its veth. Names
# that netop could not have given are left out; they would be no VRF's to any reader.
_PART = re.compile(
    r"^\s*(?:vrf\s+vr|neighbor\s+(?:vd|dv))\.([A-Za-z0-9_][A-Za-z0-9_.-]{0,11})"
    r"(?=\s+(?:vni|interface)\s)",
    re.MULTILINE,
)
_KERNEL_VRF = re.compile(r"^\s*(?:vrf|router\s+bgp\s+\S+\s+vrf)\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Operators:
    """Kernel VRFs in which the operator's own lines do what netop does in others.

    `instances` have a `router bgp` of his, `numbered` a VNI.
    """

    instances: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()


def vrfs_in(text: str) -> frozenset[str]:
    """Return the VRFs that a text, of which nothing else is known, has a part of."""
    return frozenset(_PART.findall(text))


def as_run(disk: str) -> str:
    """Return the frr.conf of a disk as FRR, which has started with it, would show it."""
    return "\n".join(map(unmark_default, disk.splitlines())) + "\n"


def operators(text: str, vrfs: Collection[str]) -> Operators:
    """Return which of the kernel VRFs `vrfs`, of which netop renders nothing, `text` has."""
    # Reading 16,500 lines takes 30 ms, and mostly none is there.
    if not vrfs or not any(name in vrfs for name in _KERNEL_VRF.findall(text)):
        return Operators()
    instances: set[str] = set()
    numbered: set[str] = set()
    for statement in statements(text):
        instance = bgp_instance(statement.text)
        if instance is not None:
            instances.add(instance.vrf)
        elif statement.text.startswith("vni ") and statement.path:
            numbered.add(statement.path[0].removeprefix("vrf "))
    among = frozenset(vrfs)
    return Operators(among & instances, among & numbered)
