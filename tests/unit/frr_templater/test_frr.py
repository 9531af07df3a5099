# SPDX-License-Identifier: Apache-2.0
"""Asking FRR: its answers, its silence, and its death."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netop.frr_templater.frr import Frr, FrrError, NotAliveError
from netop.frr_templater.process import Completed, ProcessError, run

DAEMONS = " mgmtd zebra bgpd watchfrr staticd\n"

VERSION = "FRRouting 10.3 (node) on Linux(6.12).\n"
FACTS = """\
{"vrfs":[{"vrf":"vr.blue","vni":100,"state":"Down"}]}
{"zebra":{"a":{}},"bgpd":{"rm_x_import":{},"b":{}}}
"""
SHOWN = "\nfrr version 10.3\nhostname {node}\nend\n"


@dataclass
class Answers:
    """Programs that say what is written here, by a word of their command line."""

    answers: dict[str, Completed | ProcessError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def run(self, command: Sequence[str], _limit: float) -> Completed:
        line = " ".join(command)
        self.asked.append(line)
        for word, answer in self.answers.items():
            if word in line:
                if isinstance(answer, ProcessError):
                    raise answer
                return answer
        return Completed(0, DAEMONS if "show daemons" in line else "", "")


def frr(path: Path, answers: Answers) -> Frr:
    return Frr(scratch=path, alive=lambda pid: pid != 14, pids=path, run=answers.run)


async def test_vtysh_takes_a_candidate_or_names_the_line(tmp_path: Path) -> None:
    answers = Answers()
    assert await frr(tmp_path, answers).check("hostname x\n") == ()
    assert (tmp_path / "candidate.conf").read_text() == "hostname x\n"
    assert (tmp_path / "candidate.conf").stat().st_mode & 0o777 == 0o600
    said = "line 98: % Unknown command[84]: router bgq 12\nConfiguration file[x] failure: 2\n"
    answers.answers["-C"] = Completed(2, "", said)
    assert await frr(tmp_path, answers).check("x") == (
        "line 98: % Unknown command[84]: router bgq 12",
    )
    answers.answers["-C"] = Completed(1, "", "")
    assert await frr(tmp_path, answers).check("x") == ("vtysh ended with 1",)


async def test_vtysh_is_run_without_pam(tmp_path: Path) -> None:
    answers = Answers({"show version": Completed(0, DAEMONS + VERSION, "")})
    await frr(tmp_path, answers).version()
    assert f"--config_dir {tmp_path}/vtysh" in answers.asked[0]
    assert "username frr nopassword" in (tmp_path / "vtysh" / "vtysh.conf").read_text()


async def test_a_dead_daemon_is_named(tmp_path: Path) -> None:
    answers = Answers({"show daemons": Completed(0, " zebra watchfrr\n" + FACTS, "")})
    with pytest.raises(NotAliveError, match="bgpd of FRR does not run"):
        await frr(tmp_path, answers).facts()
    answers.answers["show daemons"] = Completed(1, "", "Exiting: failed to connect\n")
    with pytest.raises(NotAliveError, match="zebra and bgpd of FRR do not run"):
        await frr(tmp_path, answers).version()


async def test_the_bogus_difference_of_an_error_is_not_believed(tmp_path: Path) -> None:
    answers = Answers(
        {
            "--test": Completed(
                0,
                "Lines To Delete\n===\nno router bgp 1\n",
                "2026 INFO: Called\n2026 ERROR: vtysh failed to process new configuration\n",
            )
        }
    )
    with pytest.raises(FrrError, match="failed to process new configuration"):
        await frr(tmp_path, answers).differences("x")
    answers.answers["--test"] = Completed(0, "Lines To Add\n====\nhostname x\n", "1 INFO: x\n")
    assert len(await frr(tmp_path, answers).differences("x")) == 1


async def test_answers_are_parsed_and_rubbish_is_refused(tmp_path: Path) -> None:
    answers = Answers(
        {
            "show vrf vni": Completed(0, DAEMONS + FACTS + SHOWN, ""),
            "show running-config": Completed(0, SHOWN, ""),
            "show version": Completed(0, DAEMONS + VERSION, ""),
        }
    )
    asking = frr(tmp_path, answers)
    facts = await asking.facts()
    assert facts.bindings == {"vr.blue": 100}
    assert facts.maps == {"rm_x_import", "b"}
    assert facts.running == await asking.shown() == "frr version 10.3\nhostname {node}\nend"
    assert await asking.version() == "10.3"
    maps = '{"bgpd": {}}'
    for rubbish in (
        "",
        "{",
        "[]",
        "[] []",
        f'{{"vrfs": 3}}\n{maps}',
        f'{{"vrfs": [{{"vrf": 1, "vni": 2}}]}}\n{maps}',
        '{"vrfs": []} {"zebra": {}}',
    ):
        answers.answers["show vrf vni"] = Completed(0, DAEMONS + rubbish, "")
        with pytest.raises(FrrError, match="cannot be understood"):
            await asking.facts()
    answers.answers["show vrf vni"] = Completed(1, DAEMONS, "failed to connect\n")
    with pytest.raises(FrrError, match="failed to connect"):
        await asking.facts()
    answers.answers["show version"] = Completed(0, DAEMONS, "")
    with pytest.raises(FrrError, match="has no answer"):
        await asking.version()


async def test_a_hung_frr_is_told(tmp_path: Path) -> None:
    answers = Answers({"show daemons": ProcessError("`vtysh` gave no answer in 30 s")})
    with pytest.raises(FrrError, match="gave no answer in 30 s"):
        await frr(tmp_path, answers).facts()


def test_processes_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "bgpd.pid").write_text("12\n")
    (tmp_path / "zebra.pid").write_text("13\n")
    (tmp_path / "bgpd.vty").write_text("")
    (tmp_path / "bfdd.pid").write_text("14\n")
    (tmp_path / "mgmtd.pid").write_text("")
    assert frr(tmp_path, Answers()).processes() == (("bgpd", 12), ("zebra", 13))


async def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(ProcessError, match=r"gave no answer in 0\.2 s"):
        await run(["sh", "-c", "sleep 60 & wait"], 0.2)
    assert time.monotonic() - began < 10


async def test_a_program_is_run() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert await run([sys.executable, "-c", code], 30) == Completed(3, "out\n", "err\n")
    with pytest.raises(ProcessError, match="cannot be run: No such file"):
        await run(["/nowhere/vtysh"], 1)
