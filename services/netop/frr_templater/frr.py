# SPDX-License-Identifier: Apache-2.0
"""FRR as this daemon sees it: checking a file, and asking what runs.

Nothing here changes FRR; that is the reload's business alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from netop.common.edge import Field, FieldError
from netop.common.store import replace_file
from netop.frr_templater.differences import Difference, parse_differences
from netop.frr_templater.process import Completed, ProcessError, Run, run

VTYSH = "/usr/bin/vtysh"
RELOAD = "/usr/lib/frr/frr-reload.py"
NEEDED = ("zebra", "bgpd")

# A hung FRR daemon blocks vtysh for ever. A comparison of 100 VRFs takes 0.9 s natively.
ASK_LIMIT = 30.0
COMPARE_LIMIT = 120.0

_OWN_VTYSH_CONF = "service integrated-vtysh-config\nusername frr nopassword\n"

_COMPLAINT = re.compile(r"line \d+: .*")


class FrrError(Exception):
    """FRR does not answer, or not in a way that can be understood."""


class NotAliveError(FrrError):
    """FRR, or a daemon of it that netop needs, does not run or hangs."""


@dataclass(frozen=True)
class Frr:
    """The FRR of this node.

    `scratch` is a directory for candidates, `pids` the one with the daemons' pid files.
    """

    scratch: Path
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
        await self.alive()
        own = str(self._own_directory())
        command = [RELOAD, "--confdir", own, "--test", str(self.candidate(text))]
        done = await self._run(command, COMPARE_LIMIT)
        # On an error it prints a difference that deletes everything.
        if done.code != 0 or "ERROR" in done.errors:
            said = [line for line in _lines(done.errors) if " INFO: " not in line]
            raise FrrError(f"frr-reload.py --test: {said[-1] if said else f'ends {done.code}'}")
        return parse_differences(done.output)

    async def alive(self) -> None:
        """Raise FrrError unless every daemon that netop needs answers."""
        done = await self._run([*self._vtysh(), "-c", "show daemons"], ASK_LIMIT)
        missing = [name for name in NEEDED if name not in done.output.split()]
        if missing:
            raise NotAliveError(
                f"{' and '.join(missing)} of FRR {'do' if len(missing) > 1 else 'does'} not run; "
                "see `systemctl status frr` and /etc/frr/daemons"
            )

    async def bindings(self) -> dict[str, int]:
        """Return the VNI of each VRF that zebra has one for; raises FrrError."""
        answer = await self._ask("show vrf vni json")
        try:
            return {
                item["vrf"].text(): item["vni"].integer(0, 1 << 24)
                for item in answer["vrfs"].items()
            }
        except FieldError as error:
            raise FrrError(f"`show vrf vni json`: {error}") from error

    async def route_maps(self) -> frozenset[str]:
        """Return the names of the route-maps that bgpd has; raises FrrError."""
        answer = await self._ask("show route-map json")
        try:
            return frozenset(answer["bgpd"].keys())
        except FieldError as error:
            raise FrrError(f"`show route-map json`: {error}") from error

    async def version(self) -> str:
        """Return the version of the running FRR, such as "10.3"; raises FrrError."""
        done = await self._run([*self._vtysh(), "-c", "show version"], ASK_LIMIT)
        match = re.search(r"FRRouting (\S+)", done.output)
        if done.code != 0 or match is None:
            raise FrrError("`show version` has no answer")
        return match[1]

    def processes(self) -> tuple[tuple[str, str], ...]:
        """Return the daemons and their process ids: another one is another life."""
        found = []
        for path in sorted(self.pids.glob("*.pid")):
            try:
                found.append((path.stem, path.read_text(encoding="ascii").strip()))
            except (OSError, UnicodeDecodeError):
                continue  # it is ending just now
        return tuple(found)

    def candidate(self, text: str) -> Path:
        """Write a candidate to a place where programs can read it; raises OSError."""
        path = self.scratch / "candidate.conf"
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
        directory = self.scratch / "vtysh"
        configuration = directory / "vtysh.conf"
        if not configuration.exists():
            directory.mkdir(exist_ok=True)
            replace_file(configuration, _OWN_VTYSH_CONF, mode=0o600)
        return directory

    async def _ask(self, question: str) -> Field:
        done = await self._run([*self._vtysh(), "-c", question], ASK_LIMIT)
        if done.code != 0:
            said = _lines(done.errors) or _lines(done.output)
            raise FrrError(f"`{question}`: {said[0] if said else f'ends with {done.code}'}")
        try:
            return Field(json.loads(done.output), question)
        except ValueError as error:
            raise FrrError(f"`{question}`: is not JSON: {error}") from error

    async def _run(self, command: list[str], limit: float) -> Completed:
        try:
            return await self.run(command, limit)
        except ProcessError as error:
            raise NotAliveError(str(error)) from error


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
