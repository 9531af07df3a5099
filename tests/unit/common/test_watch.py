# SPDX-License-Identifier: Apache-2.0
"""What a watch of files keeps, however often they are replaced."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netop.common.store import replace_file
from netop.common.watch import FileWatch

NOBODY = 65534


def swap(directory: Path, aside: Path) -> None:
    """As a tool does that writes a whole directory beside and puts it in place."""
    (aside / "new").mkdir()
    directory.rename(aside / "old")
    (aside / "new").rename(directory)


def swap_above(directory: Path, aside: Path) -> None:
    (aside / "new" / directory.name).mkdir(parents=True)
    directory.parent.rename(aside / "old")
    (aside / "new").rename(directory.parent)


def point_elsewhere(directory: Path, aside: Path) -> None:
    """As kubelet does with a volume: the directory is a link, and the link is replaced."""
    (aside / "new").mkdir()
    (aside / "link").symlink_to(aside / "new")
    if not directory.is_symlink():
        directory.rename(aside / "old")
    (aside / "link").rename(directory)


def make_anew(directory: Path, aside: Path) -> None:
    assert aside.is_dir()
    shutil.rmtree(directory)
    directory.mkdir()


def quiet(told: threading.Semaphore) -> None:
    """Wait until nothing is told any more.

    Half a second is how long watchdog waits for the other half of a move.
    """
    while told.acquire(timeout=0.8):
        pass


@pytest.mark.parametrize("change", [swap, swap_above, point_elsewhere, make_anew])
def test_a_directory_that_another_one_replaced_is_watched(
    tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    told = threading.Semaphore(0)
    (directory := tmp_path / "home" / "manifests").mkdir(parents=True)
    watch = FileWatch([directory, directory.parent / "kubeconfig"], told.release)
    watch.start()
    try:
        for number in range(2):
            (aside := tmp_path / str(number)).mkdir()
            change(directory, aside)
            assert told.acquire(timeout=60)
            quiet(told)
            (directory / "a.yaml").write_text("")
            assert told.acquire(timeout=60), "a change in the new one"
    finally:
        watch.stop()


def lay(home: Path, text: str, link: str) -> None:
    """Write a set of files aside and point the link at it, as git-sync and kubelet do."""
    (aside := Path(tempfile.mkdtemp(prefix="..", dir=home)) / "set").mkdir()
    (aside / "config.yaml").write_text(text)
    (home / ".link").symlink_to(aside)
    (home / ".link").rename(home / link)


@pytest.mark.parametrize(
    ("watched", "leads_to"),
    [
        ("config.yaml", "..data/config.yaml"),
        ("opt/config.yaml", "../..data/config.yaml"),
        ("manifests", "..data"),
        ("opt/manifests", "../..data"),
    ],
)
def test_what_stands_behind_a_link_is_watched(tmp_path: Path, watched: str, leads_to: str) -> None:
    told = threading.Semaphore(0)
    lay(tmp_path, "1", "..data")
    (tmp_path / "opt").mkdir()
    (tmp_path / watched).symlink_to(leads_to)
    watch = FileWatch([tmp_path / watched], told.release)
    watch.start()
    try:
        for number in range(2):
            quiet(told)
            lay(tmp_path, f"other {number}", "..data")
            assert told.acquire(timeout=60), "the link leads elsewhere"
            quiet(told)
            (tmp_path / "..data" / "config.yaml").write_text(f"edited in place {number}")
            assert told.acquire(timeout=60), "the file behind it"
    finally:
        watch.stop()


@pytest.mark.parametrize("change", [swap, make_anew])
def test_a_directory_behind_a_link_may_be_another_one(
    tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    told = threading.Semaphore(0)
    (repository := tmp_path / "data" / "repository").mkdir(parents=True)
    (tmp_path / "config.yaml").symlink_to(repository / "config.yaml")
    watch = FileWatch([tmp_path / "config.yaml"], told.release)
    watch.start()
    try:
        (repository / "config.yaml").write_text("it leads somewhere only now")
        assert told.acquire(timeout=60)
        for number in range(2):
            (aside := tmp_path / str(number)).mkdir()
            change(repository, aside)
            assert told.acquire(timeout=60)
            quiet(told)
            (repository / "config.yaml").write_text(f"{number}")
            assert told.acquire(timeout=60), "the file in the new one"
    finally:
        watch.stop()


def test_very_many_links_do_not_use_up_what_watches_the_directory(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    (manifests := tmp_path / "manifests").mkdir()
    for number in range(300):
        (there := tmp_path / "sets" / str(number)).mkdir(parents=True)
        (there / "a.yaml").write_text("")
        (manifests / f"{number}.yaml").symlink_to(there / "a.yaml")
    watch = FileWatch([manifests], told.release)
    watch.start()
    try:
        quiet(told)
        (manifests / "new.yaml").write_text("")
        assert told.acquire(timeout=60)
    finally:
        watch.stop()


def test_a_linked_manifest_is_watched(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    lay(tmp_path, "1", "current")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "red.yaml").symlink_to("../current/config.yaml")
    watch = FileWatch([tmp_path / "manifests"], told.release)
    watch.start()
    try:
        quiet(told)
        lay(tmp_path, "other", "current")
        assert told.acquire(timeout=60)
    finally:
        watch.stop()


def test_what_lies_beside_a_document_wakes_nobody(tmp_path: Path) -> None:
    """Such as counts that are saved, and the temporary files of whatever is replaced."""
    told = threading.Semaphore(0)
    document, counts = tmp_path / "desired.json", tmp_path / "metrics.json"
    watch = FileWatch([document], told.release)
    watch.start()
    try:
        replace_file(counts, "1")
        (tmp_path / ".desired.json.abcdefgh").write_text("")
        assert not told.acquire(timeout=1.5)
        replace_file(document, "1")
        assert told.acquire(timeout=60)
    finally:
        watch.stop()


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """Be somebody whom the mode of a directory keeps out, and have one of one's own."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            yield Path(directory)
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("closed_at_start", [True, False])
def test_a_directory_that_may_not_be_read_is_watched_once_it_may(closed_at_start: bool) -> None:
    """As one that provisioning makes, and lets others read when it is done."""
    told = threading.Semaphore(0)
    with unprivileged() as home:
        closed = home / "closed"
        document = closed / "within" / "config.yaml"
        document.parent.mkdir(parents=True)
        if closed_at_start:
            closed.chmod(0)
        watch = FileWatch([document], told.release)
        watch.start()
        try:
            for mode in (0, 0o755):
                closed.chmod(mode)
                quiet(told)
            document.write_text("")
            assert told.acquire(timeout=60)
        finally:
            watch.stop()


def _records(watch: FileWatch) -> int:
    """How many renamed files watchdog remembers."""
    emitters: list[Any] = list(watch._observer.emitters)
    return sum(len(emitter._inotify._inotify._moved_from_events) for emitter in emitters)


def test_replaced_files_leave_no_record_behind(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    document = tmp_path / "desired.json"
    watch = FileWatch([document], told.release)
    watch.start()
    try:
        for number in range(300):
            replace_file(document, str(number))
            assert told.acquire(timeout=60)
        # Each replacement is told more than once, so the threads may be some way behind.
        deadline = time.monotonic() + 60
        while (kept := _records(watch)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not kept
    finally:
        watch.stop()
