# SPDX-License-Identifier: Apache-2.0
"""What `frr-reload.py --test` prints, as data: how running and written configuration differ."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.masking import masked

_DELETE = "Lines To Delete"
_ADD = "Lines To Add"


@dataclass(frozen=True)
class Difference:
    """One command that would bring FRR to what the file says, with the blocks around it.

    `add` False: FRR has something that the file does not say; `text` then begins with
    "no", or lacks the "no" that FRR has.
    """

    add: bool
    path: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return " / ".join((*self.path, self.text))

    @property
    def told(self) -> str:
        """The same for everybody: without secrets."""
        return masked(str(self))


def parse_differences(output: str) -> tuple[Difference, ...]:
    """Return the differences in the output of `frr-reload.py --test`.

    Each command stands there with its blocks in front, one space deeper each, and an
    `exit` for each behind; a line that opens a block and says no more is the block itself.
    """
    found: list[Difference] = []
    add = False
    stack: list[str] = []
    for line, following in itertools.pairwise([*output.splitlines(), ""]):
        if line in {_DELETE, _ADD}:
            add = line == _ADD
            continue
        text = line.strip()
        if not text or set(text) == {"="}:
            continue
        depth = len(line) - len(line.lstrip(" "))
        if text == "exit":
            del stack[depth:]
            continue
        stack = [*stack[:depth], text]
        if _depth(following) <= depth:
            found.append(Difference(add, tuple(stack[:-1]), text))
    return tuple(found)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if line.strip() else -1


# Differences that FRR 10.3 shows for ever, or that only repeat what another one says:
_NOISE = (
    # vtysh writes the node's own name into what it shows, whatever frr.conf says.
    re.compile(r"(no )?(hostname|domainname) .*"),
    # FRR leaves out blocks that are empty.
    re.compile(r"line vty"),
    re.compile(r"address-family .*"),
    # Both are about the file, and frr-reload.py itself does not remove them.
    re.compile(r"(no )?frr (version|defaults) .*"),
    re.compile(r"(no )?service integrated-vtysh-config"),
    # The count that is the default is shown without its number.
    re.compile(r"neighbor \S+ allowas-in 3"),
    # Naming a profile switches BFD on, and FRR shows only the profile's line.
    re.compile(r"(no )?neighbor \S+ bfd( profile \S+)?"),
    # The default is not shown.
    re.compile(r"bgp suppress-duplicates"),
)


def is_noise(difference: Difference) -> bool:
    """Return whether the difference says nothing about what FRR does."""
    return any(pattern.fullmatch(difference.text) for pattern in _NOISE)


def concerned(difference: Difference, names: Iterable[str]) -> frozenset[str]:
    """Return which VRFs of ours a difference is about, by the names that netop gives.

    Empty for a difference in the operator's own text. An interface stanza is always his:
    netop writes none, and FRR 10.3 cannot remove one while the interface exists.
    """
    if (difference.path or (difference.text,))[0].removeprefix("no ").startswith("interface "):
        return frozenset()
    return mentioned(" ".join((*difference.path, difference.text)), names)


def mentioned(text: str, names: Iterable[str]) -> frozenset[str]:
    """Return which VRFs of ours a text names, by any of the names that netop gives."""
    known = frozenset(names)
    return frozenset(name for word in text.split() for name in _owners(word) if name in known)


_OURS = (
    re.compile(r"(?:vr|br|vx|vd|dv)\.(.+)"),
    re.compile(r"rm_(.+)_(?:import|export)(?:_v6)?"),
    re.compile(r"pl_(.+)_(?:import|export)_\d+"),
)


def _owners(word: str) -> list[str]:
    return [match[1] for pattern in _OURS if (match := pattern.fullmatch(word))]


@dataclass(frozen=True)
class Verdict:
    """Differences sorted by whose they are; noise is left out."""

    ours: tuple[Difference, ...]
    foreign: tuple[Difference, ...]

    def vrfs(self, names: Iterable[str]) -> frozenset[str]:
        """Return the VRFs that FRR does not serve as it should."""
        known = frozenset(names)
        return frozenset(name for item in self.ours for name in concerned(item, known))


def judge(differences: Iterable[Difference], names: Iterable[str]) -> Verdict:
    """Return whose the differences are. `names` are the VRFs of the file before and now."""
    known = frozenset(names)
    real = [item for item in differences if not is_noise(item)]
    return Verdict(
        ours=tuple(item for item in real if concerned(item, known)),
        foreign=tuple(item for item in real if not concerned(item, known)),
    )
