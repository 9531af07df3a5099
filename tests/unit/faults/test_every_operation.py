# SPDX-License-Identifier: Apache-2.0
"""Whatever goes wrong, and whenever: the node comes to where it was to be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tests.unit.faults.fate import Fate, Manner, disk
from tests.unit.faults.world import World

Tale = Callable[[World], Coroutine[None, None, None]]


async def story(world: World) -> None:
    """Each change of a node's life, one after the other; each has to come true."""
    world.configure(red=5001, blue=5002, green=5003)
    world.resources(("red", 10), ("blue", 10), ("mgmt", 10))
    await settled(world, red=5001, blue=5002)
    world.resources(("red", 10), ("red", 20), ("blue", 10), ("green", 10))
    await settled(world, red=5001, blue=5002, green=5003)
    world.resources(("red", 20), ("green", 10))
    await settled(world, red=5001, green=5003)
    world.configure(red=5003, green=5001)
    await settled(world, red=5003, green=5001)
    world.links.alter("dv.red", peer="")
    await settled(world, red=5003, green=5001)
    world.links.delete("vx.green")
    await settled(world, red=5003, green=5001)
    world.resources()
    await settled(world)


async def hasty_story(world: World) -> None:
    """Whenever a process has been killed, the operator changes his mind."""
    green, violet = ("green", 10), ("violet", 10)
    wishes = [(green,), (violet,), (), (green, violet), (violet,), (), (green,)]
    coming = iter(wishes * 3)

    def change() -> None:
        world.resources(("red", 10), *next(coming, ()))

    world.configure(red=5001, green=5003, violet=5004)
    world.at_kill = change
    for _ in wishes:
        change()
        await world.live()
    world.at_kill = None
    world.resources(("red", 10))
    await settled(world, red=5001)


async def settled(world: World, **vnis: int) -> None:
    await world.live()
    world.check(**vnis)


def run(root: Path, fate: Fate, *, all_at_once: bool = False, tale: Tale = story) -> Fate:
    with disk(fate):
        asyncio.run(tale(World(root, fate, all_at_once=all_at_once)))
    return fate


def test_the_story_without_a_fault(tmp_path: Path) -> None:
    fate = run(tmp_path, Fate(Manner.FAILED))
    assert fate.count > 500
    assert fate.struck == []


# One run lets every EVERY-th operation go wrong; the starts of all runs together cover each.
EVERY = 41
# `make check` tries some of them, `make soak` all.
STARTS = range(1, EVERY + 1, int(os.environ.get("NETOP_TEST_FAULT_STRIDE", "25")))


@pytest.mark.parametrize("manner", Manner)
@pytest.mark.parametrize("start", STARTS)
def test_a_fault_in_any_operation_is_made_up_for(
    tmp_path: Path, manner: Manner, start: int
) -> None:
    # What is broken for a while makes many attempts fail.
    every = 7 * EVERY if manner == Manner.BROKEN else EVERY
    fate = run(tmp_path, Fate(manner, start * every // EVERY, every), all_at_once=start % 2 == 0)
    assert len(fate.struck) >= 2, fate.struck


@pytest.mark.parametrize("manner", [Manner.KILLED_BEFORE, Manner.KILLED_AFTER])
@pytest.mark.parametrize("start", STARTS)
def test_resources_that_change_while_daemons_are_killed(
    tmp_path: Path, manner: Manner, start: int
) -> None:
    fate = run(tmp_path, Fate(manner, start, EVERY), tale=hasty_story)
    assert len(fate.struck) >= 2, fate.struck
