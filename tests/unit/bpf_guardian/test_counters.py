# SPDX-License-Identifier: Apache-2.0
"""From the maps through the socket to the table that `netopctl counters` prints."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from netop.bpf_guardian import counters
from netop.bpf_guardian.decisions import Decision, FibResult
from netop.bpf_guardian.program import DECISIONS, FIB_RESULTS, Router, load
from netop.common.counters import CountersError, ask, parse
from netop.ctl import counters as command
from tests.unit.bpf_guardian.fakes import FakeCompiler, FakeLibbpf


@pytest.fixture
def libbpf() -> FakeLibbpf:
    return FakeLibbpf()


@pytest.fixture
async def router(libbpf: FakeLibbpf, tmp_path: Path) -> Router:
    source = tmp_path / "router.c"
    source.write_text("one")
    made = load(libbpf, await FakeCompiler(libbpf).compile(source), "one")
    for _ in range(3):
        libbpf.count(made.info, DECISIONS, Decision.FORWARDED)
    libbpf.count(made.info, FIB_RESULTS, FibResult.SUCCESS)
    return made


def test_what_was_counted_is_what_is_read(libbpf: FakeLibbpf, router: Router) -> None:
    counted = parse(counters.answer(libbpf, router))

    assert counted.program == router.info.id
    decisions = {row.name: (row.packets, row.bytes) for row in counted.decisions}
    assert decisions["forwarded"] == (3, 180)
    assert len(decisions) == len(Decision)
    assert {row.name: row.packets for row in counted.fib_results}["success"] == 1


def test_without_a_program_the_command_says_so(
    libbpf: FakeLibbpf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ask", lambda _: counters.answer(libbpf, None))

    assert command.run(arguments()) == 0
    assert "has loaded no program" in capsys.readouterr().out


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["counters", *words])


def test_table_leaves_zeros_out_unless_asked(
    libbpf: FakeLibbpf,
    router: Router,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "ask", lambda _: counters.answer(libbpf, router))
    command.run(arguments())
    short = capsys.readouterr().out
    command.run(arguments("--all"))
    long = capsys.readouterr().out

    lines = short.splitlines()
    assert lines[0].split() == ["DECISION", "PACKETS", "BYTES", "MEANING"]
    assert lines[1].split()[:3] == ["forwarded", "3", "180"]
    assert "passed_ttl_expired" not in short
    assert "passed_ttl_expired" in long


def test_json_is_the_whole_answer(
    libbpf: FakeLibbpf,
    router: Router,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "ask", lambda _: counters.answer(libbpf, router))

    assert command.run(arguments("--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["decisions"]["forwarded"]["packets"] == 3
    assert printed["tag"] == router.info.tag


async def test_each_connection_gets_one_answer(tmp_path: Path) -> None:
    path = tmp_path / "counters.sock"
    asked = iter(["first\n", "second\n"])
    async with await counters.serve(path, lambda: next(asked)):
        assert await asyncio.to_thread(ask, path) == "first\n"
        assert await asyncio.to_thread(ask, path) == "second\n"
        assert path.stat().st_mode & 0o777 == 0o666


async def test_stale_socket_of_a_killed_daemon_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "counters.sock"
    first = await counters.serve(path, lambda: "")
    first.close()
    async with await counters.serve(path, lambda: "again\n"):
        assert await asyncio.to_thread(ask, path) == "again\n"


async def test_client_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "counters.sock"
    async with await counters.serve(path, lambda: "x" * (4 << 20)):
        reader, writer = await asyncio.open_unix_connection(path)
        answer = await asyncio.to_thread(ask, path)
        writer.close()

    assert len(answer) == 4 << 20
    assert reader is not None


def test_absent_daemon_is_told(tmp_path: Path) -> None:
    with pytest.raises(CountersError, match="systemctl status netop-bpf-guardian"):
        ask(tmp_path / "counters.sock")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"program": 1, "decisions": {"a": {}}}'])
def test_damaged_answer_is_told(text: str) -> None:
    with pytest.raises(CountersError, match="cannot be read"):
        parse(text)
