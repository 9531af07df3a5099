# SPDX-License-Identifier: Apache-2.0
"""Who is in the fabric, and at which addresses."""

from dataclasses import dataclass

from tests.lab.node import Node


@dataclass(frozen=True)
class Host:
    """A host in a network namespace of the machine; `ipv6` is empty where it has none."""

    namespace: str
    ipv4: str
    ipv6: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.ipv4, self.ipv6)))

    def run(self, node: Node, command: str, *, check: bool = True, timeout: float = 60) -> str:
        """Run a shell command in this host; its output."""
        return node.run(
            f"exec ip netns exec {self.namespace} sh -c {quoted(command)}",
            check=check, timeout=timeout,
        ).stdout  # fmt: skip

    def reaches(self, node: Node, address: str, *, count: int = 3, source: str = "") -> bool:
        """Whether at least one of `count` pings to `address` is answered."""
        chosen = f"-I {source} " if source else ""
        ping = f"ping -n -q -c {count} -i 0.2 -W 2 {chosen}{address}"
        return node.run(f"ip netns exec {self.namespace} {ping}", check=False).ok


@dataclass(frozen=True)
class Tenant:
    """A tenant: its VNI, the node's VRF that netop is to make for it, and its host."""

    name: str
    vni: int
    number: int

    @property
    def prefix(self) -> str:
        return f"10.{self.number}.0.0/24"

    @property
    def prefix6(self) -> str:
        return f"fd00:{self.number}::/64"

    @property
    def host(self) -> Host:
        return Host(self.name, f"10.{self.number}.0.10", f"fd00:{self.number}::10")

    def join(self, node: Node) -> None:
        """Make this tenant on the gateway, for now and after a reboot."""
        node.run(["lab-tenant", "add", self.name, str(self.vni), str(self.number)])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


RED = Tenant("red", 5001, 101)
BLUE = Tenant("blue", 5002, 102)
#: Its VRF `mgmt_vrf` on the node is provisioned, not netop's.
MGMT = Tenant("mgmt", 200, 200)

#: The pod in the default VRF: cluster prefixes 10.60.0.0/24 and fd00:60::/64.
WORKLOAD = Host("pod", "10.60.0.10", "fd00:60::10")
#: The same pod by the cluster prefix 10.61.0.0/24, which no test exports.
UNEXPORTED = Host("pod", "10.61.0.10")
