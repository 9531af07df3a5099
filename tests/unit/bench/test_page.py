# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks make of their values. Nothing is measured here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import page
from tests.bench.figures import Aim, Finding, Line
from tests.bench.row import ROWS, chosen

ROOT = Path(__file__).parents[3]
FASTER = Aim("at most 1.5 ×", factor=1.5)
LINE = Line("make", "s", (1.0, 3.0, 2.0), "ip", (1.0, 1.5, 2.0), FASTER)


def test_a_ratio_is_taken_run_by_run() -> None:
    assert LINE.ratios() == (1.0, 2.0, 1.0)
    assert page.cells(LINE) == (
        "make", "2.00 s (1.00…3.00)", "ip", "1.50 s (1.00…2.00)", "1.00 (1.00…2.00)",
        "at most 1.5 ×", "reached",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("aim", "reached"),
    [
        (None, None),
        (Aim("", plus=2.0), True),
        (Aim("", plus=1.9), False),
        (Aim("", factor=1.0, plus=0.5), True),
        (Aim("", factor=1.2, at_least=True), False),
        (Aim("", factor=1.0, at_least=True), True),
    ],
)
def test_most_runs_decide_whether_an_aim_is_reached(aim: Aim | None, reached: bool | None) -> None:
    assert Line("", "s", LINE.values, "ip", LINE.beside, aim).reached() is reached


def test_a_finding_survives_its_way_out_of_the_node() -> None:
    finding = Finding((LINE, Line("idle", "%", (0.01,))), ("on a quiet machine",))
    assert Finding.parse(finding.text()) == finding


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (0.5, "0.500"), (1.234, "1.23"), (12.34, "12.3"),
     (123.4, "123"), (1234.0, "1,230"), (-0.25, "-0.250")],
)  # fmt: skip
def test_three_digits_count(value: float, text: str) -> None:
    assert page.figure(value) == text


def test_one_table_is_written_and_the_others_stay() -> None:
    text = f"before\n{page.begin('a')}\nold\n{page.end('a')}\nafter\n"
    once = page.replaced(text, "a", page.section(Finding((LINE,)), "Quiet."))
    assert "old" not in once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert page.replaced(once, "a", page.section(Finding((LINE,)), "Quiet.")) == once
    with pytest.raises(ValueError, match="no place"):
        page.replaced(text, "b", "")


def test_each_row_has_its_program_and_its_place_on_the_page() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for key in ("machine", *(row.key for row in ROWS)):
        assert text.count(page.begin(key)) == text.count(page.end(key)) == 1, key
    assert {path.stem for path in (ROOT / "tests/bench/rows").glob("[a-z]*.py")} == {
        row.key for row in ROWS
    }


def test_rows_are_chosen_by_name() -> None:
    assert chosen("") == ROWS
    assert [row.key for row in chosen("packet,render")] == ["render", "packet"]
    with pytest.raises(ValueError, match="no row speed; there are render"):
        chosen("speed")
