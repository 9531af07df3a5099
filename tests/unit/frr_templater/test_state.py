# SPDX-License-Identifier: Apache-2.0
"""The memory survives restarts, damage and a full disk."""

from __future__ import annotations

import dataclasses
import json
import os
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netop.frr_templater.state import (
    EARLIER_KEPT,
    REFUSALS_KEPT,
    Good,
    Refusal,
    State,
    StateFile,
    digest,
)
from tests.unit.frr_templater.fakes import vrf

FULL = State(
    good=Good("text\n", "mark", (vrf("a", 1, 10, 20), vrf("m", None)), True, ("line",)),
    written="w",
    earlier=("v", "u"),
    mixed=True,
    trying=("a", "b"),
    refusals=(Refusal("d", "why"), Refusal("e", "because", "a")),
    frr="10.3",
    router_id=IPv4Address("192.0.2.1"),
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    StateFile(tmp_path / "s").save(FULL)
    again = StateFile(tmp_path / "s")
    assert again.load() == ()
    assert again.state == FULL
    assert again.state.good is not None
    assert digest(again.state.good.vrfs[0]) == digest(vrf("a", 1, 10, 20))
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600, "it may hold passwords"


def test_a_file_of_another_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "s"
    StateFile(path).save(FULL)
    members = json.loads(path.read_text())
    del members["earlier"], members["mixed"]
    path.write_text(json.dumps({**members, "later": 1}))
    file = StateFile(path)
    assert file.load() == ()
    assert file.state == dataclasses.replace(FULL, earlier=(), mixed=False)


def test_what_was_to_be_written_and_is_not_leaves_what_was_there_known() -> None:
    state = State()
    for text in ("a", "b", "c", "b"):
        state = state.writing(Good(text, "mark", ()))
        assert state.ours("a")
    assert state.written == digest("b")
    assert state.earlier == (digest("c"), digest("a"))
    for number in range(9):
        state = state.writing(Good(str(number), "mark", ()))
    assert not state.ours("a")
    assert len(state.earlier) == EARLIER_KEPT


def test_another_template_may_have_left_lines_until_frr_was_seen_without() -> None:
    state = State(good=Good("text", "mark", ()))
    assert not state.writing(Good("other", "mark", ())).mixed
    state = state.writing(Good("text", "other", ()))
    assert state.mixed
    assert state.writing(Good("text", "mark", ())).mixed
    assert not State(good=Good("text", "", ())).writing(Good("text", "mark", ())).mixed


def test_no_file_is_an_empty_memory(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "s")
    assert file.load() == ()
    assert file.state == State()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', '{"version": 1}', "\0"])
def test_a_damaged_file_costs_the_memory_only(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s"
    path.write_text(text)
    file = StateFile(path)
    assert "is damaged and is made anew" in file.load()[0]
    assert file.state == State()
    file.save(FULL)
    assert StateFile(path).load() == ()


def test_a_file_cut_short_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    StateFile(path).save(FULL)
    for whole in (path, path.with_name("good.json")):
        text = whole.read_text()
        for length in range(1, len(text) - 1, 37):
            whole.write_text(text[:length])
            assert len(StateFile(path).load()) == 1
        whole.write_text(text)
    assert StateFile(path).load() == ()


def test_the_large_file_is_written_only_for_a_new_good_configuration(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "s")
    file.save(FULL)
    before = file.good_path.stat().st_ino
    file.save(dataclasses.replace(FULL, written="x"))
    assert file.good_path.stat().st_ino == before
    assert StateFile(tmp_path / "s").load() == ()


def test_what_could_not_be_saved_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StateFile(tmp_path / "s")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        file.save(FULL)
    assert file.state == State()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    StateFile(path).save(State())
    assert not path.exists()


def test_refusals_are_found_by_their_content_and_bounded() -> None:
    state = State().refuse((Refusal("d", "why"),)).refuse((Refusal("d", "why", "a"),))
    assert state.refusal("d") == Refusal("d", "why")
    assert state.refusal("d", "a") == Refusal("d", "why", "a")
    assert state.refusal("d", "b") is None
    for number in range(100):
        state = state.refuse((Refusal(str(number), "why"),))
    assert len(state.refusals) == REFUSALS_KEPT
    assert json.dumps([r.digest for r in state.refusals])


def test_a_refusal_of_what_is_wanted_is_not_forgotten() -> None:
    wanted = [Refusal(f"w{number}", "why", f"v{number}") for number in range(REFUSALS_KEPT + 8)]
    digests = frozenset(refusal.digest for refusal in wanted)
    state = State().refuse((Refusal("old", "why"),))
    for refusal in wanted:
        state = state.refuse((refusal,), digests)
    assert set(wanted) <= set(state.refusals)
    state = state.refuse((Refusal("new", "why"),), digests)
    assert len(state.refusals) == len(wanted) + 1
    state = state.refuse((Refusal("newer", "why"),), frozenset({"w0"}))
    assert len(state.refusals) == REFUSALS_KEPT
    assert {state.refusal("w0", "v0"), state.refusal("newer")} <= set(state.refusals)
