# SPDX-License-Identifier: Apache-2.0
"""What has to leave FRR before the VRF it stands in. Pure.

When a `router bgp ASN vrf X` goes with an unnumbered neighbor in it, zebra of FRR 10.3 is
never told to end the router advertisements on that interface. Its timer keeps a pointer
to the interface and zebra dies of it (SIGSEGV in process_rtadv) as soon as the kernel
removes the link, and all of FRR with it. A neighbor that leaves first ends them.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_INSTANCE = re.compile(r"router bgp \d+ vrf (\S+)")
_NEIGHBOR = re.compile(r" (neighbor \S+ interface remote-as \S+)")


def farewell(running: str, gone: Collection[str]) -> tuple[str, ...]:
    """Return the commands that take the unnumbered neighbors out of the VRFs `gone`.

    `running` is FRR's running configuration, `gone` names kernel VRFs. Empty where there
    is nothing to take out.
    """
    commands: list[str] = []
    inside = ""
    for line in running.splitlines():
        if not line.startswith(" "):
            instance = _INSTANCE.fullmatch(line)
            inside = line if instance and instance[1] in gone else ""
        elif inside and (neighbor := _NEIGHBOR.fullmatch(line)):
            commands += [inside, f"no {neighbor[1]}", "exit"]
    return tuple(commands)
