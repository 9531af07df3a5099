# SPDX-License-Identifier: Apache-2.0
"""`netopctl cleanup` under a live FRR: links go when FRR has let go of them, and not before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.served_node import PATIENCE, ServedNode

RELOAD = "/run/systemd/system/frr.service.d/reload.conf"
OWN = {f"{kind}.{vrf}" for kind in ("vr", "br", "vd", "dv", "vx") for vrf in ("red", "blue")}
FAILING = "[Service]\nExecReload=\nExecReload=/bin/false\n"


@pytest.fixture
def failing_reload(node: ServedNode) -> Iterator[None]:
    node.machine.write(RELOAD, FAILING)
    node.machine.run("systemctl daemon-reload")
    yield
    node.machine.run(f"rm -f {RELOAD}; systemctl daemon-reload; systemctl start netop.target")
    node.await_traffic()


@pytest.mark.usefixtures("failing_reload")
def test_frr_lives_through_a_cleanup_that_fails_and_is_run_again(node: ServedNode) -> None:
    before, frr = node.links(), node.frr_processes()
    assert before.keys() >= OWN
    for _ in range(2):
        told = node.machine.run("netopctl cleanup --yes", check=False, timeout=PATIENCE * 3)
        assert told.code == 1
        assert "links stay, because FRR must let go of them first" in told.stderr
        assert node.links() == before
    node.machine.run(f"rm {RELOAD}; systemctl daemon-reload")
    node.machine.run("netopctl cleanup --yes", timeout=PATIENCE * 3)
    assert not OWN & node.links().keys()
    # zebra's timer for router advertisements is what it would die of.
    node.machine.run("sleep 20", timeout=PATIENCE)
    assert node.frr_processes() == frr
    running = node.running()
    assert [line for line in running if "dv.red" in line or "vr.red" in line] == []
