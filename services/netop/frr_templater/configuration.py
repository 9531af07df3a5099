# SPDX-License-Identifier: Apache-2.0
"""Reads the text of an FRR configuration into statements, each with the block it stands in.

FRR has no indentation and no braces: a line opens a block, `exit` closes it, and a line
that the block does not know closes it as well. The blocks follow the nodes of vtysh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Path = tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A kind of block: what its first line looks like, and what may open inside it."""

    first_line: re.Pattern[str]
    inside: Blocks


# By the first word of their first lines, because most lines open nothing.
Blocks = Mapping[str, Sequence[Block]]


def _block(pattern: str, *inside: Block) -> Block:
    return Block(re.compile(pattern), _by_word(*inside))


def _by_word(*blocks: Block) -> Blocks:
    found: dict[str, list[Block]] = {}
    for block in blocks:
        word = re.match(r"[a-z0-9-]+", block.first_line.pattern)
        assert word is not None, block.first_line.pattern
        found.setdefault(word[0], []).append(block)
    return found


# Legacy one-line statements that begin like a block (`interface eth0 area 0`, `route-map x in
# eth0`) must not match, hence the exact ends.
_TOP = _by_word(
    _block(
        r"router bgp( .*)?",
        _block(r"address-family .+", _block(r"vni \d+")),
        # `vrf` is short for vrf-policy here, whatever its writer meant.
        _block(r"vrf .+"),
        _block(r"vrf-policy .+"),
        _block(r"vnc (defaults|nve-group .+|l2-group .+)"),
        _block(r"bmp targets .+"),
        _block(r"segment-routing srv6"),
    ),
    _block(r"router isis .+", _block(r"segment-routing srv6", _block(r"node-msd"))),
    _block(r"router (rip|ripng|openfabric|ospf|ospf6|eigrp|babel|pim|pim6)( .*)?"),
    _block(r"vrf \S+", _block(r"rpki")),
    _block(r"interface \S+( vrf \S+)?", _block(r"link-params")),
    _block(r"route-map \S+ (permit|deny) \d+"),
    _block(r"key chain \S+", _block(r"key \d+")),
    _block(r"mpls ldp", _block(r"address-family .+", _block(r"interface \S+"))),
    _block(r"l2vpn \S+ type vpls", _block(r"member pseudowire \S+")),
    _block(r"pseudowire \S+"),
    _block(
        r"segment-routing",
        _block(
            r"traffic-eng",
            _block(r"segment-list .+"),
            _block(r"policy .+", _block(r"candidate-path .+ dynamic.*")),
            _block(r"pcep", _block(r"pcc.*"), _block(r"pce .+"), _block(r"pce-config .+")),
        ),
        _block(
            r"srv6",
            _block(r"locators", _block(r"locator \S+")),
            _block(r"static-sids"),
            _block(r"encapsulation"),
            _block(r"formats", _block(r"format .+")),
        ),
    ),
    _block(r"nexthop-group \S+"),
    _block(r"pbr-map .+"),
    _block(r"rpki"),
    _block(r"bfd", _block(r"peer .+"), _block(r"profile \S+")),
    _block(r"line vty"),
)

_EXIT = re.compile(r"exit(-\S+)?|quit")


class Statement(NamedTuple):
    """One line that says something, its spaces made single.

    `number` counts lines from 1; `path` holds the first lines of the blocks around it,
    outermost first. `opens` marks a first line itself, `closes` an `exit` or `end`.
    A file has tens of thousands, and a tuple is made in a third of a dataclass's time.
    """

    number: int
    text: str
    path: Path
    opens: bool = False
    closes: bool = False


def is_comment(line: str) -> bool:
    """Return whether FRR reads over this line."""
    stripped = line.strip()
    return not stripped or stripped[0] in "!#"


class Reader:
    """Follows a configuration line by line and knows which blocks are open."""

    def __init__(self) -> None:
        self._path: Path = ()
        self._open: tuple[Block, ...] = ()

    @property
    def path(self) -> Path:
        """The first lines of the blocks that are open now, outermost first."""
        return self._path

    def fork(self) -> Reader:
        """Return a reader at the same place, to look ahead with."""
        ahead = Reader()
        ahead._path, ahead._open = self._path, self._open
        return ahead

    def read(self, number: int, line: str) -> Statement | None:
        """Take in the next line; None where it is empty or a comment."""
        text = " ".join(line.split())
        if not text or text[0] in "!#":
            return None
        if text == "end":
            self._close_to(0)
            return Statement(number, text, (), closes=True)
        if _EXIT.fullmatch(text):
            return self._exit(number, text)
        return self._opened(number, text) or Statement(number, text, self._path)

    def _exit(self, number: int, text: str) -> Statement:
        path = self._path
        self._close_to(max(0, len(path) - 1))
        return Statement(number, text, path, closes=True)

    def _opened(self, number: int, text: str) -> Statement | None:
        word = text.partition(" ")[0]
        for depth in range(len(self._open), -1, -1):
            inside = self._open[depth - 1].inside if depth else _TOP
            for block in inside.get(word, ()):
                if block.first_line.fullmatch(text):
                    self._close_to(depth)
                    statement = Statement(number, text, self._path, opens=True)
                    self._path, self._open = (*self._path, text), (*self._open, block)
                    return statement
        return None

    def _close_to(self, depth: int) -> None:
        self._path, self._open = self._path[:depth], self._open[:depth]


def statements(text: str) -> Iterator[Statement]:
    """Yield what the configuration says, in its order."""
    reader = Reader()
    for number, line in enumerate(text.splitlines(), start=1):
        statement = reader.read(number, line)
        if statement is not None:
            yield statement


@dataclass(frozen=True)
class BgpInstance:
    """The first line of a `router bgp` block; `vrf` is "default" for the default VRF.

    `marked` tells whether the line itself says `vrf default`.
    """

    asn: str
    vrf: str
    marked: bool


_ROUTER_BGP = re.compile(r"router bgp (\S+)(?: (vrf|view) (\S+))?(?: as-notation \S+)?")


def bgp_instance(first_line: str) -> BgpInstance | None:
    """Return what a `router bgp` line opens, or None for any other line."""
    match = _ROUTER_BGP.fullmatch(first_line)
    if match is None or match[2] == "view":
        return None
    return BgpInstance(match[1], match[3] or "default", match[3] == "default")


def address_family(first_line: str) -> str | None:
    """Return the family that an `address-family` line opens, such as "ipv4 unicast"."""
    words = first_line.split()
    if words[0] != "address-family":
        return None
    # `address-family ipv4` alone means unicast.
    return " ".join(words[1:]) if len(words) > 2 else f"{words[1]} unicast"


def parse_asn(text: str) -> int | None:
    """Return the number of an AS, also where it is written with dots (RFC 5396)."""
    high, dot, low = text.partition(".")
    if dot:
        if high.isdecimal() and low.isdecimal() and int(high) < 1 << 16 and int(low) < 1 << 16:
            return (int(high) << 16) + int(low)
        return None
    return int(high) if high.isdecimal() and 0 < int(high) < 1 << 32 else None
