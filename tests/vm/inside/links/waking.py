# SPDX-License-Identifier: Apache-2.0
"""What wakes the daemon, and what does not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from netop.common.daemon import Daemon
from netop.common.documents import (
    VrfState,
)
from netop.netlink_reconciler.events import Events, Interest
from tests.vm.inside.links.namespace import (
    Node,
    ip,
    links,
)


def test_events_wake_the_daemon_once_and_its_own_changes_never(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    passes: list[float] = []

    class Counting:
        async def reconcile(self) -> Any:
            node.now += 100
            report = await reconciler.reconcile()
            passes.append(time.monotonic())
            return report

    async def quiet() -> None:
        """Wait until three seconds passed without a pass; a minute at most."""
        for _ in range(20):
            before = len(passes)
            await asyncio.sleep(3)
            if passes and len(passes) == before:
                return
        raise AssertionError(f"no end of passes: {passes}")

    async def story() -> None:
        loop = asyncio.get_running_loop()
        run = loop.create_task(daemon.run())
        # Carriers and link-local addresses settle a moment after the links went up, and each
        # is worth a look; its own changes are not, or this would never end.
        await quiet()
        assert len(passes) <= 8, "its own changes keep it busy"
        passes.clear()
        for number in range(20):
            await asyncio.to_thread(ip, f"link add veth{number} type dummy")
        await asyncio.sleep(0.5)
        assert not passes, "other people's links wake nobody"
        await asyncio.to_thread(ip, "link delete vx.red")
        for _ in range(300):
            if passes:
                break
            await asyncio.sleep(0.1)
        assert passes, "a link that goes wakes it"
        await quiet()
        assert len(passes) <= 5, passes
        assert "vx.red" in links()
        passes.clear()
        await asyncio.to_thread(ip, "address delete 10.0.0.7/32 dev dum.underlay")
        await asyncio.sleep(1)
        assert len(passes) == 1
        assert node.state("red") == VrfState.FAILED
        daemon.stop()
        await run

    events = Events(lambda: daemon.wake())
    reconciler = node.reconciling(events)
    daemon = Daemon(Counting(), lambda _state: None)
    try:
        asyncio.run(story())
    finally:
        events.close()


@pytest.mark.usefixtures("node")
def test_events_that_were_lost_wake_too() -> None:
    wakes: list[None] = []
    events = Events(lambda: wakes.append(None))
    import socket

    events._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    for number in range(60):
        ip(f"link add veth{number} type dummy")
    events.watch(Interest())
    events._readable()
    assert wakes, "ENOBUFS"
    wakes.clear()
    ip("link add vx.red type dummy")
    events._readable()
    assert wakes, "the socket still works"
    events.close()
