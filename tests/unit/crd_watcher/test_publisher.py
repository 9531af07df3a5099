# SPDX-License-Identifier: Apache-2.0
"""The generation grows with the content, never goes back, and survives crashes and damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import Desired, Source
from netop.common.settings import NodeSettings, Settings
from netop.common.store import Store
from netop.crd_watcher.last_good import LastGood, StateDirectory
from netop.crd_watcher.publisher import Mark, Publisher, next_mark

from .objects import resource

SETTINGS = Settings((("red", 100),), ("mgmt",), ("br.x",), 5.5, NodeSettings(mtu=1500))


class Disk:
    """The two directories of one node; `restart` is a new process, `boot` empties /run."""

    def __init__(self, root: Path) -> None:
        self.store, self.state = Store(root / "run"), StateDirectory(root / "state")
        self.store.path(Desired).parent.mkdir(parents=True)
        self.state.path.mkdir()
        self.publisher = Publisher(self.store, self.state)

    def restart(self) -> Publisher:
        self.publisher = Publisher(self.store, self.state)
        return self.publisher

    def boot(self) -> Publisher:
        self.store.path(Desired).unlink(missing_ok=True)
        return self.restart()

    def publish(self, content: str) -> int:
        return self.publisher.publish(draft(content), basis(content)).generation


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def draft(content: str) -> Desired:
    return Desired(0, Source.MANIFESTS, content, NodeSettings(), (), ())


def basis(content: str) -> LastGood:
    return LastGood(0, "", Source.MANIFESTS, "2024-01-01", SETTINGS, (resource(content),))


def test_each_new_content_has_the_next_generation_and_the_same_has_the_same(disk: Disk) -> None:
    assert [disk.publish(each) for each in ("a", "a", "b", "a")] == [1, 1, 2, 3]
    published = disk.store.read(Desired)
    assert published is not None
    assert (published.generation, published.note) == (3, "a")


def test_restarts_and_boots_go_on_counting(disk: Disk) -> None:
    disk.publish("a")
    disk.restart()
    assert disk.publish("a") == 1
    disk.boot()
    assert disk.publish("a") == 1
    disk.boot()
    assert disk.publish("b") == 2
    last_good = disk.restart().last_good
    assert last_good is not None
    assert [each.name for each in last_good.resources] == ["b"]


def test_the_same_text_is_not_written_again(disk: Disk) -> None:
    disk.publish("a")
    paths = [disk.store.path(Desired), *disk.state.path.iterdir()]
    assert len(paths) == 3
    before = [path.stat().st_ino for path in paths]
    disk.publish("a")
    disk.restart()
    disk.publish("a")
    assert [path.stat().st_ino for path in paths] == before


@pytest.mark.parametrize(
    "rubbish", ["", "{", "[]", '{"version": 9}', "\x00" * 100, '{"version":1}']
)
def test_a_damaged_last_good_set_is_told_and_the_generation_goes_on(
    disk: Disk, rubbish: str
) -> None:
    disk.publish("a")
    disk.publish("b")
    (disk.state.path / LastGood.FILE).write_text(rubbish)
    publisher = disk.boot()
    assert publisher.last_good is None
    assert str(disk.state.path / LastGood.FILE) in publisher.damage[0]
    assert disk.publish("c") == 3
    assert disk.restart().damage == ()


@pytest.mark.parametrize("rubbish", ["", "x", "-1", "9" * 40, "²"])
def test_a_damaged_counter_is_made_up_for_by_the_set(disk: Disk, rubbish: str) -> None:
    disk.publish("a")
    (disk.state.path / "generation").write_text(rubbish)
    disk.boot()
    assert disk.publish("b") == 2


def test_a_lost_state_directory_is_made_up_for_by_what_is_published(disk: Disk) -> None:
    disk.publish("a")
    disk.publish("b")
    for path in disk.state.path.iterdir():
        path.unlink()
    disk.restart()
    assert disk.publish("c") == 3


def test_a_damaged_document_is_told_and_written_anew(disk: Disk) -> None:
    disk.publish("a")
    disk.store.path(Desired).write_text("{")
    assert "desired.json" in disk.restart().damage[0]
    assert disk.publish("a") == 1
    assert disk.store.read(Desired) is not None


def test_leftovers_of_a_killed_process_are_removed(disk: Disk) -> None:
    disk.publish("a")
    (disk.state.path / f".{LastGood.FILE}.x1_abcde").write_text("half")
    (disk.state.path / ".generation.x1_abcde").write_text("1")
    (disk.store.path(Desired).parent / ".desired.json.x1_abcde").write_text("half")
    disk.restart()
    assert sorted(path.name for path in disk.state.path.iterdir()) == [
        "generation",
        "last-good.json",
    ]
    assert [path.name for path in disk.store.path(Desired).parent.iterdir()] == ["desired.json"]


def test_a_state_directory_that_cannot_be_written_keeps_nobody_from_being_served(
    disk: Disk,
) -> None:
    disk.publish("a")
    good = disk.state
    disk.publisher._state = StateDirectory(disk.state.path / "missing")
    assert disk.publish("b") == 2
    assert "missing cannot be written: No such file or directory" in disk.publisher.unsaved
    assert disk.publish("b") == 2
    disk.publisher._state = good
    assert disk.publish("b") == 2
    assert disk.publisher.unsaved == ""
    disk.boot()
    assert disk.publish("b") == 2


class PowerCut(BaseException):
    pass


@settings(max_examples=40)
@given(
    contents=st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
    cut=st.integers(0, 40),
    full=st.booleans(),
    boots=st.booleans(),
)
def test_a_crash_or_a_full_disk_at_any_write_leaves_a_state_that_the_next_start_repairs(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[str],
    cut: int,
    full: bool,
    boots: bool,
) -> None:
    """`cut` is the number of the write or rename that fails: with a power cut, or as full."""
    disk = Disk(tmp_path_factory.mktemp("disk"))
    seen: dict[int, str] = {}
    highest = 0
    calls = 0

    def failing(real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            nonlocal calls
            calls += 1
            if calls == cut:
                raise OSError(28, "No space left on device") if full else PowerCut
            real(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "replace", "fchmod"):
            patch.setattr(os, name, failing(getattr(os, name)))
        for content in contents:
            try:
                disk.publish(content)
            except OSError:
                disk.publish(content)
            except PowerCut:
                disk.boot() if boots else disk.restart()
                disk.publish(content)
            document = disk.store.read(Desired)
            assert document is not None
            assert document.note == content
            assert document.generation >= highest
            assert seen.setdefault(document.generation, content) == content
            highest = document.generation
    # Whatever happened on the way, the next content has a number that nobody has seen.
    disk.restart()
    assert disk.publish("z") > highest


def test_the_latest_mark_alone_counts() -> None:
    assert next_mark("a", ()) == Mark(1, "a")
    assert next_mark("a", (Mark(3, "b"), Mark(2, "a"))) == Mark(4, "a")
    assert next_mark("a", (Mark(3, "b"), Mark(3, "a"))) == Mark(3, "a")
    assert next_mark("a", (Mark(3), Mark(2, "a"))) == Mark(4, "a")


def test_a_set_survives_the_way_to_the_disk_and_back(disk: Disk) -> None:
    found = replace(
        basis("a"),
        generation=7,
        digest="d",
        source=Source.KUBERNETES,
        resources=(resource("a", created="2024-01-01T00:00:00Z"), resource("b", origin="/x.yaml")),
    )
    disk.state.save(found)
    assert disk.state.load() == found
    assert disk.state.generation() == 7
