# SPDX-License-Identifier: Apache-2.0
"""What FRR keeps of a VRF that has left is taken out when the kernel has let go of it."""

from __future__ import annotations

from pathlib import Path

from netop.frr_templater.frr import NotAliveError
from netop.frr_templater.stanzas import AGAIN, TRIES, Stanzas, empty_stanzas
from tests.unit.frr_templater.fakes import Node, desired, links, vrf

BLUE, RED = vrf("blue", 5002), vrf("red", 5001)

RUNNING = """\
frr defaults datacenter
!
vrf mgmt_vrf
 vni 200
exit-vrf
!
vrf vr.gone
exit-vrf
!
vrf vr.red
 vni 5001
exit-vrf
!
vrf vr.empty
exit-vrf
!
vrf oam
exit-vrf
"""


def test_only_empty_stanzas_with_names_of_ours_are_found() -> None:
    assert empty_stanzas(RUNNING, frozenset()) == ("vr.gone", "vr.empty")
    assert empty_stanzas(RUNNING, {"vr.empty"}) == ("vr.gone",)


async def test_a_vrf_that_leaves_leaves_nothing(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.want(1, BLUE, RED)
    await node.settle()
    node.frr.kernel = {"vr.blue", "vr.red"}
    node.put(desired(2, BLUE))
    node.put(links(2, ("blue", 5002), ("red", 5001)))
    await node.settle()
    assert node.served == {"blue": 5002}
    assert node.frr.stanzas == {"vr.red"}, "the kernel has it"
    node.put(links(2, ("blue", 5002)))
    report = await node.templater.reconcile()
    assert report.retry == AGAIN
    node.frr.kernel = {"vr.blue"}
    await node.settle()
    assert node.frr.stanzas == set()
    assert node.frr.reloads == 2


class Stubborn:
    """An FRR that never lets go, or does not answer."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.asked = 0

    async def shown(self) -> str:
        self.asked += 1
        if self.silent:
            raise NotAliveError("no answer")
        return RUNNING

    async def forget(self, vrf: str) -> None:
        assert vrf in {"vr.gone", "vr.empty"}


async def test_an_frr_that_never_lets_go_is_left_in_peace() -> None:
    frr = Stubborn()
    stanzas = Stanzas(frr)
    waits = [await stanzas.tidy(links(1, ("red", 5001)), "") for _ in range(TRIES + 5)]
    assert waits == [AGAIN] * (TRIES - 1) + [None] * 6
    assert frr.asked == TRIES
    await stanzas.tidy(links(1), "vrf oam\nexit-vrf\n")
    assert frr.asked == TRIES + 1, "another VRF has left"


async def test_an_frr_that_does_not_answer_is_asked_more_and_more_rarely() -> None:
    frr = Stubborn(silent=True)
    stanzas = Stanzas(frr)
    waits = [await stanzas.tidy(links(1), "") for _ in range(12)]
    assert all(waits)
    assert (waits[-1] or 0) >= 60
    frr.silent = False
    assert await stanzas.tidy(links(1), "") == AGAIN
