# SPDX-License-Identifier: Apache-2.0
"""Finds in a candidate what `vtysh -C` lets through and FRR then does not serve."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from netop.frr_templater import hints
from netop.frr_templater.configuration import Statement, bgp_instance, parse_asn, statements

_PREFIX_LIST = re.compile(r"(ip|ipv6) prefix-list (\S+)(?: seq (\d+))? (?:permit|deny) .+")
_MATCH_LIST = re.compile(r"match (ip|ipv6) address prefix-list (\S+)")
_ROUTE_MAP = re.compile(r"route-map (\S+) (?:permit|deny) \d+")
_VNI = re.compile(r"vni (\d+)(?: .*)?")
_NEIGHBOR_MAP = re.compile(r"neighbor \S+ route-map (\S+) (?:in|out)")
_ADVERTISE_MAP = re.compile(r"advertise ipv[46] unicast route-map (\S+)")
_CALL = re.compile(r"call (\S+)")
_NEIGHBOR = re.compile(r"neighbor (\S+) (.+)")
_PEERED = re.compile(r"(interface )?(remote-as|peer-group)\b.*|interface( v6only)?( .*)?")


@dataclass(frozen=True)
class Issue:
    """One finding, at a line of the candidate. A `harmless` one is told and stops nothing."""

    number: int
    reason: str
    harmless: bool = False

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


def lint(
    text: str, ours: frozenset[str], asn: int | None = None, running: str = ""
) -> tuple[Issue, ...]:
    """Return the issues of a candidate, in the order of its lines.

    `ours` are the names of route-maps that netop's sections define: what refers to one of
    them must find it. Undefined names that only the operator uses are harmless to us: FRR
    takes an undefined route-map for a deny. `asn` is what config.yaml says, if it does;
    `running` is the version of FRR, such as "10.3", if it is known.
    """
    check = _Lint(ours, running)
    for statement in statements(text):
        check.take(statement)
    check.check_hints(text)
    check.finish(asn)
    return tuple(sorted(check.issues, key=lambda issue: issue.number))


@dataclass
class _Lint:
    ours: frozenset[str]
    running: str
    issues: list[Issue] = field(default_factory=list)
    _vnis: dict[str, Statement] = field(default_factory=dict)
    _rules: dict[tuple[str, str, str], Statement] = field(default_factory=dict)
    _lists: set[tuple[str, str]] = field(default_factory=set)
    _maps: set[str] = field(default_factory=set)
    _peers: set[tuple[str, str]] = field(default_factory=set)
    _asns: dict[str, int] = field(default_factory=dict)
    _list_uses: list[tuple[tuple[str, str], Statement]] = field(default_factory=list)
    _map_uses: list[tuple[str, Statement]] = field(default_factory=list)
    _peer_uses: list[tuple[tuple[str, str], Statement]] = field(default_factory=list)

    def take(self, statement: Statement) -> None:
        if statement.closes:
            return
        text = statement.text
        around = statement.path[0] if statement.path else ""
        # Most lines of a large file are these, and they are nothing else.
        if text.startswith(("ip prefix-list", "ipv6 prefix-list")):
            self._take_rule(statement)
        elif match := _ROUTE_MAP.fullmatch(text):
            self._maps.add(match[1])
        elif around.startswith("route-map "):
            self._take_route_map_line(statement)
        elif text.startswith("router bgp") or around.startswith("router bgp"):
            self._take_bgp_line(statement, around or text)
        elif text.startswith("frr version "):
            self._take_version(statement)
        elif around[:4] in {"", "vrf "} and (match := _VNI.fullmatch(text)):
            self._take_vni(statement, match[1])

    def _issue(self, statement: Statement, reason: str, *, harmless: bool = False) -> None:
        self.issues.append(Issue(statement.number, reason, harmless))

    def _take_version(self, statement: Statement) -> None:
        written = statement.text.split()[2]
        if self.running and _major(written) != _major(self.running):
            self._issue(
                statement,
                f"says `{statement.text}`, and FRR {self.running} runs: it then takes the "
                f"defaults of {written}; leave the line out",
                harmless=True,
            )

    def _take_rule(self, statement: Statement) -> None:
        match = _PREFIX_LIST.fullmatch(statement.text)
        if match is None:
            return
        command, name, seq = match[1], match[2], match[3]
        self._lists.add((command, name))
        if seq is None:
            return
        before = self._rules.setdefault((command, name, seq), statement)
        if before.text != statement.text:
            self._issue(
                statement,
                f"prefix-list {name} has seq {seq} here and in line {before.number}; "
                "FRR keeps only the last",
            )

    def _take_vni(self, statement: Statement, vni: str) -> None:
        owner = statement.path[0] if statement.path else "the default VRF"
        before = self._vnis.setdefault(vni, statement)
        if before is not statement and before.path != statement.path:
            first = before.path[0] if before.path else "the default VRF"
            self._issue(
                statement, f"VNI {vni} of `{owner}` already belongs to `{first}`, "
                f"line {before.number}"
            )  # fmt: skip

    def _take_route_map_line(self, statement: Statement) -> None:
        if match := _MATCH_LIST.fullmatch(statement.text):
            self._list_uses.append(((match[1], match[2]), statement))
        elif match := _CALL.fullmatch(statement.text):
            self._map_uses.append((match[1], statement))

    def _take_bgp_line(self, statement: Statement, first_line: str) -> None:
        text = statement.text
        instance = bgp_instance(first_line)
        if statement.opens and not statement.path and instance is not None:
            self._take_instance(statement, instance.vrf, instance.asn)
        elif text.startswith("vrf "):
            self._issue(
                statement,
                f"`{text}` stands inside `{first_line}`, where FRR takes it for a vrf-policy; "
                "close that block with `exit` first",
            )
        elif match := _ADVERTISE_MAP.fullmatch(text):
            self._map_uses.append((match[1], statement))
        elif match := _NEIGHBOR.fullmatch(text):
            self._take_neighbor(statement, first_line, match[1], match[2])

    def _take_instance(self, statement: Statement, vrf: str, asn: str) -> None:
        if vrf == "default":
            self._asns.setdefault(asn, statement.number)

    def _take_neighbor(self, statement: Statement, instance: str, peer: str, rest: str) -> None:
        if match := _NEIGHBOR_MAP.fullmatch(statement.text):
            self._map_uses.append((match[1], statement))
        if _PEERED.fullmatch(rest):
            self._peers.add((instance, peer))
        else:
            self._peer_uses.append(((instance, peer), statement))

    def check_hints(self, text: str) -> None:
        """Complain about hints that rendering left behind."""
        if "{{." not in text:
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if hints.HINT.search(line) and not line.strip().startswith(("!", "#")):
                self.issues.append(Issue(number, f"the hint in `{line.strip()}` was not replaced"))

    def finish(self, asn: int | None) -> None:
        """Check what can only be said when all has been read."""
        for name, statement in self._map_uses:
            if name not in self._maps:
                self._undefined(statement, f"route-map {name}", ours=name in self.ours)
        for (command, name), statement in self._list_uses:
            if (command, name) not in self._lists:
                ours = _named_in(statement.path, self.ours)
                self._undefined(statement, f"{command} prefix-list {name}", ours=ours)
        for key, statement in self._peer_uses:
            if key not in self._peers:
                self._issue(
                    statement, f"neighbor {key[1]} of `{key[0]}` has no remote-as, "
                    "so FRR refuses this line", harmless=True
                )  # fmt: skip
        for written_asn, number in self._asns.items():
            if asn is not None and parse_asn(written_asn) != asn:
                reason = f"the default VRF has AS {written_asn}, config.yaml says {asn}"
                self.issues.append(Issue(number, reason))

    def _undefined(self, statement: Statement, what: str, *, ours: bool) -> None:
        self._issue(
            statement, f"`{statement.text}` refers to {what}, which is nowhere defined",
            harmless=not ours,
        )  # fmt: skip


def _major(version: str) -> str:
    return version.partition(".")[0]


def _named_in(path: Iterable[str], names: frozenset[str]) -> bool:
    return any(word in names for line in path for word in line.split())
