# SPDX-License-Identifier: Apache-2.0
"""What a frr.conf says that is not only netop's. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from netop.frr_templater.configuration import bgp_instance, statements

_KERNEL_VRF = re.compile(r"^\s*(?:vrf|router\s+bgp\s+\S+\s+vrf)\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Operators:
    """Kernel VRFs in which the operator's own lines do what netop does in others.

    `instances` have a `router bgp` of his, `numbered` a VNI.
    """

    instances: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()


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
