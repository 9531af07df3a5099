# SPDX-License-Identifier: Apache-2.0
"""What a real kernel tells of routes, in a network namespace of its own; needs root."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from netop.netlink_reconciler.events import Events
from tests.packet.namespace import fresh_network, run

OURS = "table 50 protocol 110 metric 4278198272"
FRRS = "dev lo table 50 protocol bgp"


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with fresh_network():
        run("link set lo up")
        yield


async def told(wakes: list[None]) -> int:
    """How often the daemon was woken since it was last asked."""
    await asyncio.sleep(0.1)
    count = len(wakes)
    wakes.clear()
    return count


@pytest.mark.parametrize(
    ("anywhere", "network"), [("0.0.0.0/0", "10.1.0.0/16"), ("::/0", "fd00:1::/32")]
)
async def test_a_route_of_ours_that_goes_wakes_and_those_of_others_never(
    anywhere: str, network: str
) -> None:
    """Whoever flushes a table takes what keeps tenants apart."""
    wakes: list[None] = []
    events = Events(lambda: wakes.append(None))
    ours, other = f"unreachable {anywhere} {OURS}", f"{network} {FRRS}"
    with events.quiet():
        run(f"route add {ours}")
        run(f"route add {other}")
    assert await told(wakes) == 0
    run(f"route del {other}")
    assert await told(wakes) == 0
    run(f"route del {ours}")
    assert await told(wakes) == 1

    with events.quiet():
        run(f"route add {ours}")
        run(f"route del {ours}")
        events.drain()
    assert await told(wakes) == 0, "its own changes never"
    events.close()
