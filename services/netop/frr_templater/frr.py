# SPDX-License-Identifier: Apache-2.0
"""FRR as this daemon sees it: checking a file, and asking what runs.

Changing FRR is the reload's business, but for what it does too late, `dismiss`, and for
what it cannot do in time, `forget`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netop.common.edge import Field
from netop.common.masking import masked
from netop.common.store import replace_file
from netop.frr_templater.differences import Difference, parse_differences
from netop.frr_templater.farewell import farewell
from netop.frr_templater.process import Completed, ProcessError, Run, run

VTYSH = "/usr/bin/vtysh"
RELOAD = "/usr/lib/frr/frr-reload.py"
NEEDED = ("zebra", "bgpd")

# A hung FRR daemon blocks vtysh for ever. A comparison of 100 VRFs takes 0.9 s natively.
ASK_LIMIT = 30.0
COMPARE_LIMIT = 120.0

_OWN_VTYSH_CONF = "service integrated-vtysh-config\nusername frr nopassword\n"

_SHOW = "show running-config no-header"

_COMPLAINT = re.compile(r"line \d+: .*")


class FrrError(Exception):
    """FRR does not answer, or not in a way that can be understood."""


class NotAliveError(FrrError):
    """FRR, or a daemon of it that netop needs, does not run or hangs."""


class DeadError(NotAliveError):
    """FRR, or a daemon of it that netop needs, does not run."""


@dataclass(frozen=True)
class Facts:
    """What runs: the VNI of each VRF that zebra has one for, bgpd's route-maps, and all text.

    `running` is the running configuration of all daemons together, as `Frr.shown` has it.
    """

    bindings: dict[str, int]
    maps: frozenset[str]
    running: str


@dataclass(frozen=True)
class Frr:
    """The FRR of this node.

    `scratch` is a directory for candidates, `pids` the one with the daemons' pid files;
    `alive` tells of a process id whether its process lives.
    """

    scratch: Path
    alive: Callable[[int], bool]
    pids: Path = Path("/run/frr")
    run: Run = run

    async def check(self, text: str) -> tuple[str, ...]:
        """Return what `vtysh -C` complains about; nothing where it takes the text.

        Needs no daemon. Raises FrrError, and OSError where the candidate cannot be written.
        """
        done = await self._run([*self._vtysh(), "-C", "-f", str(self.candidate(text))], ASK_LIMIT)
        if done.code == 0:
            return ()
        said = _lines(done.errors) or _lines(done.output) or [f"vtysh ended with {done.code}"]
        return tuple([line for line in said if _COMPLAINT.match(line)] or said)

    async def differences(self, text: str) -> tuple[Difference, ...]:
        """Return what frr-reload.py would change to bring FRR to `text`; raises FrrError."""
        own = str(self._own_directory())
        command = [RELOAD, "--confdir", own, "--test", str(self.candidate(text))]
        done = await self._run(command, COMPARE_LIMIT)
        # On an error it prints a difference that deletes everything.
        if done.code != 0 or "ERROR" in done.errors:
            said = [line for line in _lines(done.errors) if " INFO: " not in line]
            raise FrrError(f"frr-reload.py --test: {said[-1] if said else f'ends {done.code}'}")
        return parse_differences(done.output)

    async def version(self) -> str:
        """Return the version of the running FRR, such as "10.3".

        Raises NotAliveError unless every daemon that netop needs answers.
        """
        _, rest = await self._alive("show version")
        match = re.search(r"FRRouting (\S+)", rest)
        if match is None:
            raise FrrError("`show version` has no answer")
        return match[1]

    async def facts(self) -> Facts:
        """Return what runs; raises FrrError, or NotAliveError as `version`.

        In one go, because vtysh talks to a dozen daemons before it asks anything.
        """
        questions = ("show vrf vni json", "show route-map json", _SHOW)
        done, rest = await self._alive(*questions)
        if done.code != 0:
            said = _lines(done.errors) or [f"vtysh ended with {done.code}"]
            raise FrrError(f"`{questions[0]}`: {said[0]}")
        try:
            vnis, rest = _json_value(rest)
            maps, rest = _json_value(rest)
            found = Field(vnis, questions[0])["vrfs"].items()
            return Facts(
                {item["vrf"].text(): item["vni"].integer(0, 1 << 24) for item in found},
                frozenset(Field(maps, questions[1])["bgpd"].keys()),
                rest.strip(),
            )
        except ValueError as error:
            raise FrrError(f"FRR answers what cannot be understood: {error}") from error

    async def answers(self) -> None:
        """Make sure that FRR does; raises NotAliveError as `version`."""
        await self._alive()

    async def _alive(self, *questions: str) -> tuple[Completed, str]:
        """Ask FRR, and who answers; return the answer without that first line."""
        command = [*self._vtysh(), "-c", "show daemons"]
        for question in questions:
            command += ["-c", question]
        done = await self._run(command, ASK_LIMIT)
        first, _, rest = done.output.lstrip().partition("\n")
        missing = [name for name in NEEDED if name not in first.split()]
        if missing:
            raise DeadError(
                f"{' and '.join(missing)} of FRR {'do' if len(missing) > 1 else 'does'} not run; "
                "see `systemctl status frr` and /etc/frr/daemons"
            )
        return done, rest

    async def dismiss(self, gone: frozenset[str]) -> None:
        """Take unnumbered neighbors out of the kernel VRFs `gone`; raises FrrError.

        See `farewell` for why that must come before the reload.
        """
        if not gone:
            return
        show = [*self._vtysh(), "-c", "show running-config bgpd no-header"]
        commands = farewell((await self._run(show, ASK_LIMIT)).output, gone)
        if not commands:
            return
        change = [*self._vtysh(), "-c", "configure terminal"]
        for command in commands:
            change += ["-c", command]
        done = await self._run(change, ASK_LIMIT)
        if done.code != 0:
            said = _lines(done.errors) or _lines(done.output) or [f"vtysh ended with {done.code}"]
            raise FrrError(f"`{commands[1]}`: {said[0]}")

    async def shown(self) -> str:
        """Return the running configuration of all daemons together; raises FrrError."""
        show = [*self._vtysh(), "-c", _SHOW]
        return (await self._run(show, ASK_LIMIT)).output.strip()

    async def forget(self, vrf: str) -> None:
        """Take an empty `vrf` stanza out, unless FRR refuses; raises FrrError.

        See `stanzas`. Whether it was refused, only another look tells.
        """
        change = [*self._vtysh(), "-c", "configure terminal", "-c", f"no vrf {vrf}"]
        await self._run(change, ASK_LIMIT)

    def processes(self) -> tuple[tuple[str, int], ...]:
        """Return the daemons that live and their process ids: other ones are another life."""
        found = []
        for path in sorted(self.pids.glob("*.pid")):
            try:
                pid = int(path.read_text(encoding="ascii"))
            except (OSError, ValueError):
                continue  # it is starting or ending just now
            if self.alive(pid):
                found.append((path.stem, pid))
        return tuple(found)

    def paths(self) -> tuple[Path, ...]:
        """Return what is written here."""
        return self._candidate, self._configuration

    @property
    def _candidate(self) -> Path:
        return self.scratch / "candidate.conf"

    @property
    def _configuration(self) -> Path:
        return self.scratch / "vtysh" / "vtysh.conf"

    def candidate(self, text: str) -> Path:
        """Write a candidate to a place where programs can read it; raises OSError."""
        path = self._candidate
        # It may hold passwords of BGP sessions.
        replace_file(path, text, mode=0o600)
        return path

    def _vtysh(self) -> list[str]:
        return [VTYSH, "--config_dir", str(self._own_directory())]

    def _own_directory(self) -> Path:
        """Return a configuration directory that lets this user in without PAM.

        PAM cannot check an account without privileges: it would complain in the journal at
        each call and double its time. Who may talk to FRR, its sockets decide all the same.
        """
        configuration = self._configuration
        directory = configuration.parent
        if not configuration.exists():
            directory.mkdir(exist_ok=True)
            replace_file(configuration, _OWN_VTYSH_CONF, mode=0o600)
        return directory

    async def _run(self, command: list[str], limit: float) -> Completed:
        try:
            return await self.run(command, limit)
        except ProcessError as error:
            raise NotAliveError(f"{error}; does one of FRR's daemons hang?") from error


def _json_value(text: str) -> tuple[object, str]:
    """Return the JSON value that `text` begins with, and the rest; raises ValueError."""
    text = text.lstrip()
    value, end = json.JSONDecoder().raw_decode(text)
    return value, text[end:]


def _lines(text: str) -> list[str]:
    """Return what FRR says as lines to tell, without secrets."""
    return [line.strip() for line in masked(text).splitlines() if line.strip()]
