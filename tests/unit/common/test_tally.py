# SPDX-License-Identifier: Apache-2.0
"""Counts outlive the daemon that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.common.store import DocumentError
from netop.common.tally import FILE, Count, Level, Tally, read_numbers


def test_counts_go_on_where_an_earlier_life_ended(tmp_path: Path) -> None:
    path = tmp_path / FILE
    first = Tally(path)
    first.know(Count.FRR_RELOADS, ("verified", "failed"))
    first.add(Count.FRR_RELOADS, "verified")
    first.add(Count.FRR_RELOAD_SECONDS, by=1.5)
    first.save()
    second = Tally(path)
    second.know(Count.FRR_RELOADS, ("verified", "failed"))
    second.add(Count.FRR_RELOADS, "verified")
    second.save()
    assert read_numbers(path) == {
        "frr_reloads": {"verified": 2, "failed": 0},
        "frr_reload_seconds": {"": 1.5},
    }


def test_what_stands_can_change_and_be_forgotten(tmp_path: Path) -> None:
    tally = Tally(tmp_path / FILE)
    tally.set(Level.API_CONNECTED, 1)
    tally.set(Level.API_LISTED_AT, 1e9)
    tally.set(Level.API_CONNECTED, 0)
    tally.forget(Level.API_LISTED_AT)
    tally.save()
    assert read_numbers(tmp_path / FILE) == {"api_connected": {"": 0}}


def test_nothing_is_written_where_nothing_was_counted(tmp_path: Path) -> None:
    path = tmp_path / FILE
    tally = Tally(path)
    tally.save()
    assert read_numbers(path) == {}, "that it can be read says that the daemon has begun"
    tally.add(Count.BPF_PROGRAMS)
    tally.save()
    before = path.stat().st_ino
    tally.know(Count.BPF_PROGRAMS)
    tally.set(Level.FRR_RESIDUALS, 0)
    tally.save()
    assert path.stat().st_ino != before
    before = path.stat().st_ino
    tally.set(Level.FRR_RESIDUALS, 0)
    tally.forget(Level.API_CONNECTED)
    tally.save()
    assert path.stat().st_ino == before


@pytest.mark.parametrize("damage", ["", "{", '{"version": 2, "numbers": {}}', '{"version": 1}'])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / FILE
    path.write_text(damage, encoding="utf-8")
    with pytest.raises(DocumentError, match=FILE):
        read_numbers(path)
    tally = Tally(path)
    tally.add(Count.BPF_PROGRAMS)
    tally.save()
    assert read_numbers(path) == {"bpf_programs": {"": 1}}


def test_a_disk_that_refuses_costs_no_count(tmp_path: Path) -> None:
    directory = tmp_path / "absent"
    tally = Tally(directory / FILE)
    tally.add(Count.BPF_PROGRAMS)
    tally.save()
    directory.mkdir()
    tally.add(Count.BPF_PROGRAMS)
    tally.save()
    assert read_numbers(directory / FILE) == {"bpf_programs": {"": 2}}


def test_an_absent_file_is_no_damage(tmp_path: Path) -> None:
    assert read_numbers(tmp_path / FILE) is None
    Tally().save()
