# SPDX-License-Identifier: Apache-2.0
"""What a killed process leaves behind goes, and nothing that is anybody else's."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from netop.common.store import remove_leftovers, replace_file


class Killed(BaseException):
    """The process ends here."""


def test_what_replacing_a_file_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "frr.conf"
    for _ in range(20):
        replace_file(path, "whole\n")
        handle, _ = tempfile.mkstemp(prefix=".frr.conf.", dir=tmp_path)
        with open(handle, "w") as half:
            half.write("ha")
    assert len(list(tmp_path.iterdir())) == 21
    remove_leftovers(path)
    assert list(tmp_path.iterdir()) == [path]

    made: list[str] = []

    def remember(**options: object) -> tuple[int, str]:
        made.append(str(options["prefix"]))
        raise Killed

    monkeypatch.setattr(tempfile, "mkstemp", remember)
    with pytest.raises(Killed):
        replace_file(path, "text")
    assert made == [".frr.conf."], "as this test has made them"


def test_what_somebody_else_has_beside_it_stays(tmp_path: Path) -> None:
    names = [
        ".frr.conf.swp",  # vim's, of somebody who edits while the daemon starts
        ".frr.conf.swo",
        ".frr.conf.tpl.swp",
        ".frr.conf.tpl.abcdefgh",  # of replacing another file
        ".frr.conf.A7bQx2",  # rsync's
        ".frr.conf.saved_for_later",
        ".frr.conf.20261123-",
        "frr.conf.abcdefgh",
    ]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".frr.conf.backups_").mkdir()
    (tmp_path / ".frr.conf.a_symbol").symlink_to(tmp_path / ".frr.conf.swp")
    remove_leftovers(tmp_path / "frr.conf")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names, ".frr.conf.backups_", ".frr.conf.a_symbol"}
    remove_leftovers(tmp_path / "frr.conf.tpl")
    assert not (tmp_path / ".frr.conf.tpl.abcdefgh").exists()
    assert (tmp_path / ".frr.conf.tpl.swp").exists()
    remove_leftovers(tmp_path / "missing" / "frr.conf")
