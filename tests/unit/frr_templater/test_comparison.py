# SPDX-License-Identifier: Apache-2.0
"""Comparing FRR with a text: in full at first, and afterwards only what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.frr_templater.comparison import Comparison, Remembered
from netop.frr_templater.differences import Difference
from netop.frr_templater.frr import Facts
from tests.unit.frr_templater.fakes import lines_of

BASE = "router bgp 64512\n neighbor 192.0.2.254 remote-as external\nexit\n"


#: A file that can neither be read nor written.
NOTHING = Remembered(Path("/proc/none/compared.json"))


@dataclass
class Frr:
    """An FRR that shows what it runs, and a frr-reload.py that compares and is counted."""

    running: str
    asked: int = 0
    meanwhile: list[str] = field(default_factory=list)

    async def differences(self, text: str) -> tuple[Difference, ...]:
        self.asked += 1
        self.running = self.meanwhile.pop() if self.meanwhile else self.running
        return compared(text, self.running)

    async def shown(self) -> str:
        return self.running

    async def facts(self) -> Facts:
        return Facts({}, frozenset(), self.running)

    async def answers(self) -> None: ...

    async def dismiss(self, gone: frozenset[str]) -> None: ...


def compared(text: str, running: str) -> tuple[Difference, ...]:
    wanted, has = lines_of(text), lines_of(running)
    more = [Difference(True, path, line) for path, line in sorted(wanted - has)]
    return (*more, *(Difference(False, path, f"no {line}") for path, line in sorted(has - wanted)))


def prefix(*numbers: int) -> str:
    return "".join(f"ip prefix-list p seq {n} permit 10.0.{n}.0/24\n" for n in numbers)


async def test_what_frr_took_over_word_by_word_needs_no_second_comparison() -> None:
    frr = Frr(BASE + "hostname node\n" + prefix(1))
    comparison = Comparison(frr, NOTHING)
    first = await comparison.differences(BASE + prefix(1), frr.running)
    assert [str(difference) for difference in first] == ["no hostname node"]
    frr.running = BASE + "hostname node\n" + prefix(2, 3)
    assert await comparison.differences(BASE + prefix(2, 3), frr.running) == first
    assert frr.asked == 1


@pytest.mark.parametrize(
    "running",
    [
        BASE + prefix(1),  # it did not take the change over
        BASE + prefix(1, 2, 3),  # somebody else added one
        prefix(1, 2),  # somebody else took something out
        BASE.replace("remote-as", "password x\n neighbor 192.0.2.254 remote-as") + prefix(1, 2),
        prefix(1, 2) + BASE.replace("64512", "64513"),
        "",
    ],
)
async def test_anything_else_is_compared_in_full(running: str) -> None:
    frr = Frr(BASE + prefix(1))
    comparison = Comparison(frr, NOTHING)
    assert await comparison.differences(BASE + prefix(1), frr.running) == ()
    frr.running = running
    assert await comparison.differences(BASE + prefix(1, 2), frr.running) == compared(
        BASE + prefix(1, 2), running
    )
    assert frr.asked == 2


async def test_a_configuration_that_changes_during_the_comparison_is_no_ground_to_stand_on() -> (
    None
):
    frr = Frr(BASE, meanwhile=[BASE + prefix(1)])
    comparison = Comparison(frr, NOTHING)
    await comparison.differences(BASE, frr.running)
    await comparison.differences(BASE, frr.running)
    assert frr.asked == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 5)), st.sets(st.integers(1, 5)), st.booleans()),
        max_size=6,
    )
)
async def test_it_never_says_anything_else_than_frr_reload(
    steps: list[tuple[set[int], set[int], bool]],
) -> None:
    frr = Frr(BASE)
    comparison = Comparison(frr, NOTHING)
    for wanted, has, obedient in steps:
        text = BASE + prefix(*wanted)
        frr.running = text + "hostname node\n" if obedient else prefix(*has) + BASE
        assert await comparison.differences(text, frr.running) == compared(text, frr.running)


async def test_after_a_restart_the_very_same_two_need_no_comparison(tmp_path: Path) -> None:
    path = tmp_path / "compared.json"
    frr = Frr(BASE + "hostname node\n" + prefix(1))
    text = BASE + prefix(1)
    first = await Comparison(frr, Remembered(path)).differences(text, frr.running)
    assert await Comparison(frr, Remembered(path)).differences(text, frr.running) == first
    assert (frr.asked, path.stat().st_mode & 0o777) == (1, 0o600)
    frr.running += prefix(2)
    assert await Comparison(frr, Remembered(path)).differences(text, frr.running) == compared(
        text, frr.running
    )
    assert frr.asked == 2
    for damage in ("", "{", "[]", '{"of": 1, "found": []}', path.read_text().replace("add", "ad")):
        path.write_text(damage)
        found = await Comparison(frr, Remembered(path)).differences(text, frr.running)
        assert found == compared(text, frr.running)
    assert frr.asked == 7
