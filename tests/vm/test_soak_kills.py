# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any daemon at any moment, again and again and all at once, under traffic.

NETOP_TEST_KILLS says how many processes are to end so, each time others; NETOP_TEST_SEED
repeats a run. Without either it is the same few each time.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

from tests.lab.fabric import BLUE, RED, WORKLOAD
from tests.vm.flow import Flow
from tests.vm.served_node import CONFIG, DEMO, ServedNode

KILLS = int(os.environ.get("NETOP_TEST_KILLS", "8"))
SEED = random.SystemRandom().randrange(1 << 32) if "NETOP_TEST_KILLS" in os.environ else 1
INSIDE = Path(__file__).parent / "inside"
#: Seconds that a kill may cost at most, with the changes around it.
EACH = 20.0


def picture(node: ServedNode) -> dict[str, Any]:
    """All that netop has put on the node."""
    node.machine.copy_in(INSIDE / "leftovers.py", "/root/leftovers.py")
    found: dict[str, Any] = json.loads(node.machine.output("python3 -I /root/leftovers.py"))
    return found


def test_kills_at_any_moment_converge_and_lose_no_packet(node: ServedNode) -> None:
    seed = int(os.environ.get("NETOP_TEST_SEED", SEED))
    print(f"\nNETOP_TEST_SEED={seed}")
    config = (DEMO / "config.yaml").read_text(encoding="utf-8")
    generation = node.generation()
    node.machine.wait_until(
        "! vtysh -c 'show running-config' | grep -E '^vrf vr[.](green|violet)$'",
        why="FRR to forget the VRFs of other stories",
    )
    before, indexes, frr = picture(node), node.links(), node.frr_processes()
    node.machine.write(
        CONFIG, config.replace("  blue: 5002\n", "  blue: 5002\n  green: 5003\n  violet: 5004\n")
    )
    node.machine.copy_in(INSIDE / "kills.py", "/root/kills.py")
    with (
        Flow(node, RED.host, WORKLOAD.ipv4) as red,
        Flow(node, BLUE.host, WORKLOAD.ipv6) as blue,
    ):
        done = node.machine.run(
            f"python3 -I /root/kills.py {seed} {KILLS}", timeout=60 + KILLS * EACH
        )
        story = done.stdout.splitlines()
        print("\n".join(story) if KILLS <= 20 else story[-1])
        began = time.monotonic()
        node.machine.write(CONFIG, config)
        await_converged(node, generation, before)
        seconds = time.monotonic() - began
    print(f"converged {seconds:.0f} s after the last kill\n{red}\n{blue}")
    after = node.links()
    assert {name: after[name] for name in indexes} == indexes, "red and blue were not touched"
    assert node.frr_processes() == frr, "FRR lived through it all"
    assert (red.lost, blue.lost) == ([], [])


def await_converged(node: ServedNode, generation: int, before: dict[str, Any]) -> None:
    """Wait until the node is as it was: links, filters, routes, FRR's lines, files."""
    node.await_served(generation)

    def restored() -> bool:
        found.update(picture(node))
        return found == before

    found: dict[str, Any] = {}
    try:
        node.machine.wait_until(restored, why="nothing to be left", timeout=120, interval=2)
    except Exception:
        for key, value in before.items():
            print(key, "is", found.get(key), "and was", value)
        raise
    node.await_served(generation)
    told = {daemon: node.status(daemon) for daemon in ("netlink-reconciler", "frr-templater")}
    assert "2 VRFs in sync" in told["netlink-reconciler"], told
    assert "3 VRFs served" in told["frr-templater"], told
