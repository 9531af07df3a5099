# SPDX-License-Identifier: Apache-2.0
"""The template: the operator's own frr.conf with places for netop's sections.

The operator's text is data. It is cut at the hints and otherwise copied, byte for byte;
no template language ever sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from netop.common.messages import Message
from netop.common.problem import Problem
from netop.frr_templater import hints
from netop.frr_templater.configuration import (
    BgpInstance,
    Reader,
    Statement,
    bgp_instance,
    is_comment,
    parse_asn,
)
from netop.frr_templater.hints import Section, Value, written

# Comments that frame what netop wrote: they tell people whose it is, and let a rendered
# frr.conf be turned back into a template.
HEADER = "! netop: made from the template beside this file; edit frr.conf.tpl, not this"
BEGIN = "! netop: begin "
END = "! netop: end "

_DEFAULT_MARK = re.compile(r"(\s*router\s+bgp\s+\S+)\s+vrf\s+default(?=\s|$)")


class TemplateError(Exception):
    """The template cannot be used; `problems` say why, place by place."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Place:
    """Where a section goes, at the hint's own `indent`.

    `exits` blocks are open there that FRR closes by itself at the next line of the
    template; a section must not count on that.
    """

    section: Section
    indent: str
    exits: int


@dataclass(frozen=True)
class Template:
    """A template that has passed all checks.

    `pieces` are lines of the operator, still with their `{{.Hostname}}`, and places.
    `ipv4_by_default` is False where the default VRF says `no bgp default ipv4-unicast`.
    """

    pieces: tuple[str | Place, ...]
    asn: int
    ipv4_by_default: bool

    def has(self, section: Section) -> bool:
        """Return whether there is a place for that section."""
        return any(isinstance(piece, Place) and piece.section == section for piece in self.pieces)

    def uses(self, value: Value) -> bool:
        """Return whether a line asks for that value."""
        return any(
            isinstance(piece, str) and value in hints.HINT.findall(piece) for piece in self.pieces
        )

    @property
    def ipv6(self) -> bool:
        """Whether IPv6 is exchanged with the VRFs: where the operator made a place for it."""
        return self.has(Section.NEIGHBORS_V6)


def parse_template(text: str, origin: str) -> Template:
    """Return the template that `text` holds; raises TemplateError with all its problems.

    `origin` is the path that the problems shall name.
    """
    parsing = _Parsing(text, origin)
    return parsing.template()


def make_template(configuration: str, origin: str) -> str:
    """Return the text of a template made from a frr.conf; raises TemplateError.

    The file either has the hints `#++{{.Name}}`, or is one that netop rendered earlier.
    """
    lines = configuration.splitlines()
    if HEADER in lines:
        lines = [_marked_default(line) for line in _without_sections(lines) if line != HEADER]
    made = [_unmarked(line) for line in lines]
    if not any(hints.HINT.search(line) for line in made if not is_comment(line)):
        example = written(Section.VRFS)
        reason = f"has no hints such as {example}, so no template can be made from it"
        remedy = "put the hints in, or provide frr.conf.tpl; README.md lists where each belongs"
        message = Message.TEMPLATE_WRONG
        raise TemplateError((Problem(origin, reason, remedy=remedy, message=message),))
    text = "\n".join(made) + "\n"
    parse_template(text, origin)
    return text


def _without_sections(lines: list[str]) -> list[str]:
    """Return the lines of a rendered file with each section of ours as its hint again."""
    kept: list[str] = []
    inside = ""
    for line in lines:
        stripped = line.strip()
        if inside:
            inside = "" if stripped == END + inside else inside
        elif stripped.startswith(BEGIN) and END + stripped.removeprefix(BEGIN) in map(
            str.strip, lines
        ):
            inside = stripped.removeprefix(BEGIN)
            kept.append(_indent(line) + written(inside))
        else:
            kept.append(line)
    return kept


def _unmarked(line: str) -> str:
    """Return a hint line of frr.conf as a template has it: without the `#++`."""
    stripped = line.lstrip()
    if not stripped.startswith(hints.MARK):
        return line
    return _indent(line) + stripped.removeprefix(hints.MARK).lstrip()


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def unmark_default(line: str) -> str:
    """Return a `router bgp ASN vrf default` line without its mark, any other line as it is.

    FRR 10 never says `vrf default` in its running configuration. frr-reload.py compares
    text, so it would delete the instance and make it anew, with every session.
    """
    return _DEFAULT_MARK.sub(r"\1", line)


def _marked_default(line: str) -> str:
    instance = bgp_instance(" ".join(line.split()))
    if instance is None or instance.vrf != "default" or instance.marked:
        return line
    return re.sub(r"(router\s+bgp\s+\S+)", r"\1 vrf default", line, count=1)


# Lines that no `router` and no `route-map` block knows, so they close it.
_GLOBAL = re.compile(
    r"(ip|ipv6|access-list|log|hostname|debug|bgp (as-path|(large-|ext)?community-list)) .+"
)


def _is_global(statement: Statement) -> bool:
    around = statement.path[0] if statement.path else ""
    inside = around.startswith(("router ", "route-map "))
    return inside and bool(_GLOBAL.fullmatch(statement.text))


class _Parsing:
    """One reading of a template that gathers problems instead of stopping at the first."""

    def __init__(self, text: str, origin: str) -> None:
        self._lines = [_unmarked(line) for line in text.splitlines()]
        self._origin = origin
        self._problems: list[Problem] = []
        self._reader = Reader()
        self._pieces: list[str | Place] = []
        self._seen: dict[Section, int] = {}
        self._default: BgpInstance | None = None
        self._default_line = 0
        self._ipv4_by_default = True

    def template(self) -> Template:
        for number, line in enumerate(self._lines, start=1):
            self._read(number, line)
        self._check_missing()
        self._check_order()
        self._check_bgp()
        asn = self._check_default()
        if self._problems:
            raise TemplateError(tuple(self._problems))
        return Template(tuple(self._pieces), asn, self._ipv4_by_default)

    def _complain(self, number: int, reason: str, remedy: str, value: str = "") -> None:
        field = f"line {number}" if number else ""
        message = Message.TEMPLATE_WRONG
        problem = Problem(self._origin, reason, field, value, remedy, message=message)
        self._problems.append(problem)

    def _read(self, number: int, line: str) -> None:
        names = [] if is_comment(line) else hints.HINT.findall(line)
        alone = hints.HINT.fullmatch(line.strip())
        if alone and alone[1] in set(Section):
            self._place(number, _indent(line), Section(alone[1]))
            return
        for name in names:
            self._check_inline(number, name)
        # Whatever a value will be, it is one word to the reader.
        statement = self._reader.read(number, hints.HINT.sub("word", line))
        if statement is not None:
            self._learn(statement)
        self._pieces.append(unmark_default(line))

    def _check_inline(self, number: int, name: str) -> None:
        if name in set(Section):
            self._complain(
                number, f"{written(name)} must stand alone on its line", "give it its own line"
            )
        elif name not in set(Value):
            self._complain(
                number, f"{{{{.{name}}}}} is no hint that netop knows", f"known are {hints.KNOWN}"
            )

    def _place(self, number: int, indent: str, section: Section) -> None:
        if section in self._seen:
            reason = f"{written(section)} stands here and in line {self._seen[section]}"
            self._complain(number, reason, "keep one of the two")
            return
        self._seen[section] = number
        path = self._reader.path
        exits = 0
        if path and not hints.HOMES[section].in_bgp and self._left_after(number):
            exits = len(path)
            self._reader = Reader()
            path = ()
        if not hints.at_home(section, path):
            where = f"inside `{path[-1]}`" if path else "outside of any block"
            reason = f"{written(section)} stands {where}, where it does not belong"
            remedy = f"it belongs {hints.HOMES[section].position}"
            if path and not hints.HOMES[section].in_bgp:
                remedy += "; `exit` closes a block"
            self._complain(number, reason, remedy)
        self._pieces.append(Place(section, indent, exits))

    def _left_after(self, number: int) -> bool:
        """Return whether the lines behind `number` leave the open blocks without an `exit`."""
        ahead = self._reader.fork()
        for line in self._lines[number:]:
            if hints.HINT.fullmatch(line.strip()):
                continue
            statement = ahead.read(0, line)
            if statement is not None:
                leaves = statement.opens and not statement.path
                return leaves or _is_global(statement)
        return True

    def _learn(self, statement: Statement) -> None:
        instance = bgp_instance(statement.text)
        if statement.opens and instance is not None and instance.vrf == "default":
            self._default, self._default_line = instance, statement.number
        around = bgp_instance(statement.path[0]) if statement.path else None
        if around is None:
            return
        if around.vrf == "default" and statement.text == "no bgp default ipv4-unicast":
            self._ipv4_by_default = False
        if around.vrf != "default" and statement.text == "advertise-all-vni" and self._default:
            self._complain(
                statement.number,
                f"`advertise-all-vni` of VRF {around.vrf} stands behind the `router bgp` of the "
                f"default VRF in line {self._default_line}; FRR then refuses it",
                f"move `{statement.path[0]}` in front of it",
            )

    def _check_missing(self) -> None:
        for section, home in hints.HOMES.items():
            if home.needed and section not in self._seen:
                reason = f"the hint {written(section)} is missing"
                self._complain(0, reason, f"it belongs {home.position}")

    def _check_order(self) -> None:
        first = self._seen.get(Section.NEIGHBORS)
        for section in (Section.NEIGHBORS_V4, Section.NEIGHBORS_V6):
            number = self._seen.get(section)
            if first and number and number < first:
                reason = f"{written(section)} stands in front of {written(Section.NEIGHBORS)}"
                self._complain(
                    number, reason, f"{written(Section.NEIGHBORS)} makes them; it must come first"
                )

    def _check_bgp(self) -> None:
        number = self._seen.get(Section.BGP)
        if number and number < self._default_line:
            reason = f"{written(Section.BGP)} stands in front of `router bgp` of the default VRF"
            self._complain(number, reason, f"it belongs {hints.HOMES[Section.BGP].position}")

    def _check_default(self) -> int:
        if self._default is None:
            self._complain(
                0,
                "there is no `router bgp <ASN> vrf default`",
                "add it, with the hints for neighbors in it",
            )
            return 0
        asn = parse_asn(self._default.asn)
        if asn is None:
            self._complain(
                self._default_line,
                f"{self._default.asn!r} is no AS number",
                "write `router bgp <ASN> vrf default` with a number from 1 to 4294967295",
            )
        if not self._default.marked:
            self._complain(
                self._default_line,
                f"`router bgp {self._default.asn}` lacks `vrf default`",
                f"write `router bgp {self._default.asn} vrf default`",
            )
        return asn or 0
