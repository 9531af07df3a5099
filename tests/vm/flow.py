# SPDX-License-Identifier: Apache-2.0
"""Packets that flow while something is done to the node, and the account of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.fabric import Host
from tests.vm.served_node import ServedNode

#: Packets a second, and the answers as many.
RATE = 100
SENDER = Path(__file__).parent / "inside" / "flow.py"
SENDER_AT = "/root/flow.py"


@dataclass
class Flow:
    """Echo requests from a host to an address for as long as the context lasts."""

    node: ServedNode
    host: Host
    address: str
    sent: int = 0
    lost: list[int] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    _pid: str = ""

    def __enter__(self) -> Self:
        machine = self.node.machine
        machine.copy_in(SENDER, SENDER_AT)
        command = (
            f"ip netns exec {self.host.namespace} python3 -I {SENDER_AT} {self.address} {RATE}"
        )
        self._pid = machine.output(f"exec {command} > {self._log} 2>&1 & echo $!")
        self.pass_by(2)
        return self

    def pass_by(self, seconds: float) -> None:
        """Let packets flow."""
        self.node.machine.run(["sleep", str(seconds)])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        machine = self.node.machine
        self.pass_by(2)
        machine.run(["kill", self._pid])
        machine.wait_until(f"grep -q sent {self._log}", why="the sender's account")
        told = json.loads(machine.read(self._log))
        self.sent, self.lost, self.twice = told["sent"], told["lost"], told["twice"]

    @property
    def flows(self) -> bool:
        """Whether the packets of the last second were answered."""
        return self.sent > RATE and not any(number > self.sent - RATE for number in self.lost)

    def __str__(self) -> str:
        span = f", numbers {self.lost[0]} to {self.lost[-1]}" if self.lost else ""
        return (
            f"{self.host.namespace} → {self.address}: "
            f"{len(self.lost)} of {self.sent} lost at {RATE}/s{span}"
        )

    @property
    def _log(self) -> str:
        return f"/run/flow-{self.host.namespace}-{self.address.replace(':', '-')}"
