# SPDX-License-Identifier: Apache-2.0
"""What systemd keeps between two lives of the daemon."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.program import LAYOUTS, PORTS, Router, load
from tests.unit.bpf_guardian.fakes import FakeCompiler, FakeKeeper, FakeLibbpf


@pytest.fixture
def libbpf() -> FakeLibbpf:
    return FakeLibbpf()


async def router(libbpf: FakeLibbpf, place: Path, text: str, old: Router | None = None) -> Router:
    source = place / "router.c"
    source.write_text(text)
    compiled = await FakeCompiler(libbpf).compile(source)
    return load(libbpf, compiled, text, old.maps if old is not None else None)


async def test_stored_router_comes_back_whole(libbpf: FakeLibbpf, tmp_path: Path) -> None:
    keeper = FakeKeeper()
    made = await router(libbpf, tmp_path, "one")
    FdStore(libbpf, keeper, {}).keep_only([made])
    recovered = FdStore(libbpf, keeper, keeper.handed_over()).recover()

    (again,) = recovered.routers
    assert (again.source, again.info) == ("one", made.info)
    assert {map_.id for map_ in again.maps.values()} == set(made.info.map_ids)
    assert recovered.unfit == ()


async def test_new_program_is_stored_before_the_old_one_goes(
    libbpf: FakeLibbpf, tmp_path: Path
) -> None:
    """Killed in between, the next life finds both."""
    keeper = FakeKeeper()
    store = FdStore(libbpf, keeper, {})
    old = await router(libbpf, tmp_path, "one")
    new = await router(libbpf, tmp_path, "two", old)
    store.keep_only([old])
    keeper.log.clear()
    store.keep_only([old, new])
    found = FdStore(libbpf, keeper, keeper.handed_over()).recover()
    store.keep_only([new])

    assert keeper.log == ["keep netop.program.two", "forget netop.program.one"]
    assert {one.source for one in found.routers} == {"one", "two"}


async def test_recovered_routers_are_independent_of_each_other(
    libbpf: FakeLibbpf, tmp_path: Path
) -> None:
    keeper = FakeKeeper()
    old = await router(libbpf, tmp_path, "one")
    new = await router(libbpf, tmp_path, "two", old)
    FdStore(libbpf, keeper, {}).keep_only([old, new])
    first, second = FdStore(libbpf, keeper, keeper.handed_over()).recover().routers
    first.close()

    assert {libbpf.map_info(map_.descriptor).id for map_ in second.maps.values()}


async def test_program_whose_maps_are_missing_is_not_taken_over(
    libbpf: FakeLibbpf, tmp_path: Path
) -> None:
    keeper = FakeKeeper()
    made = await router(libbpf, tmp_path, "one")
    FdStore(libbpf, keeper, {}).keep_only([made])
    lost = next(name for name in keeper.stored if name.startswith("netop.map.decisions"))
    keeper.forget(lost)
    store = FdStore(libbpf, keeper, keeper.handed_over())
    recovered = store.recover()
    store.keep_only([])

    assert recovered.routers == ()
    assert "netop.program.one of the descriptor store is of no use" in recovered.unfit[0]
    assert keeper.stored == {}


async def test_program_whose_maps_are_laid_out_otherwise_is_not_taken_over(
    libbpf: FakeLibbpf, tmp_path: Path
) -> None:
    """Such as a later version's, after a downgrade."""
    keeper = FakeKeeper()
    source = tmp_path / "router.c"
    source.write_text("one")
    compiler = FakeCompiler(libbpf)
    compiler.layouts[PORTS] = dataclasses.replace(LAYOUTS[PORTS], value_size=24)
    made = load(libbpf, await compiler.compile(source), "one")
    FdStore(libbpf, keeper, {}).keep_only([made])
    recovered = FdStore(libbpf, keeper, keeper.handed_over()).recover()

    assert recovered.routers == ()
    assert "lookup_port of program" in recovered.unfit[0]


async def test_program_with_room_for_more_is_taken_over(libbpf: FakeLibbpf, tmp_path: Path) -> None:
    keeper = FakeKeeper()
    source = tmp_path / "router.c"
    source.write_text("one")
    compiler = FakeCompiler(libbpf)
    compiler.layouts[PORTS] = dataclasses.replace(LAYOUTS[PORTS], max_entries=1 << 16)
    made = load(libbpf, await compiler.compile(source), "one")
    FdStore(libbpf, keeper, {}).keep_only([made])

    assert FdStore(libbpf, keeper, keeper.handed_over()).recover().routers


async def test_descriptor_that_is_something_else_is_not_taken_over(libbpf: FakeLibbpf) -> None:
    keeper = FakeKeeper()
    keeper.keep("netop.program.one", os.open(os.devnull, os.O_RDONLY))
    keeper.keep("netop.map.decisions.3", os.open(os.devnull, os.O_RDONLY))
    recovered = FdStore(libbpf, keeper, keeper.handed_over()).recover()

    assert recovered.routers == ()
    assert len(recovered.unfit) == 1


async def test_foreign_descriptors_are_left_alone(libbpf: FakeLibbpf) -> None:
    keeper = FakeKeeper()
    keeper.keep("somebody.else", os.open(os.devnull, os.O_RDONLY))
    store = FdStore(libbpf, keeper, keeper.handed_over())
    store.recover()
    store.keep_only([])

    assert list(keeper.stored) == ["somebody.else"]
