# SPDX-License-Identifier: Apache-2.0
"""What survives a restart and a boot: the last good frr.conf, and what was refused."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path

from netop.common.documents import DesiredVrf
from netop.common.edge import Field, FieldError
from netop.common.names import vrf_name
from netop.common.store import encode, remove_leftovers, replace_file

VERSION = 1
# Each refusal is some hundred bytes; more than this are kept only of what is wanted now.
REFUSALS_KEPT = 32
# More writes than these in a row do not fail.
EARLIER_KEPT = 4


@dataclass(frozen=True)
class Good:
    """A configuration that the running FRR was verified to serve.

    `vrfs` are what `text` was rendered from, `template` is the digest of the template and
    `ipv6` whether it has a place for IPv6. An empty digest marks a text of which nothing
    is known but that FRR ran with it. `tolerated` are differences in the operator's text
    that were there all the same.
    """

    text: str
    template: str
    vrfs: tuple[DesiredVrf, ...]
    ipv6: bool = False
    tolerated: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether it was; else nobody knows which VRFs FRR serves with it, `vrfs` is empty."""
        return bool(self.template)


@dataclass(frozen=True)
class Refusal:
    """Content that was tried and does not work. `vrf` is empty for a whole file."""

    digest: str
    reason: str
    vrf: str = ""


@dataclass(frozen=True)
class State:
    """All that the daemon remembers.

    `written` is the digest of the last frr.conf that this daemon wrote, or was about to
    write; `earlier` are some before it, one of which is still there where the write failed.
    Any other is somebody else's. `trying` names the VRFs of a text that was written and not
    proven: FRR may have a part of them. `mixed` says that one with another template was
    written since FRR was last seen without: it may have lines of that. `frr` is the version
    of FRR that refused: another may not. The router ids are the last ones known.
    """

    good: Good | None = None
    written: str = ""
    earlier: tuple[str, ...] = ()
    trying: tuple[str, ...] = ()
    mixed: bool = False
    refusals: tuple[Refusal, ...] = ()
    frr: str = ""
    router_id: ipaddress.IPv4Address | None = None
    host_router_id: ipaddress.IPv4Address | None = None

    def writing(self, new: Good) -> State:
        """Return the state that knows of a frr.conf which is about to be written."""
        written = digest(new.text)
        known = [each for each in (self.written, *self.earlier) if each not in {written, ""}]
        good = self.good
        other = good is not None and good.proven and good.template != new.template
        return dataclasses.replace(
            self, written=written, earlier=tuple(known[:EARLIER_KEPT]), mixed=self.mixed or other
        )

    def ours(self, text: str) -> bool:
        """Return whether a frr.conf is of this daemon's hand."""
        return digest(text) in {self.written, *self.earlier}

    def refusal(self, content: str, vrf: str = "") -> Refusal | None:
        """Return why that content was refused, or None."""
        return next((r for r in self.refusals if r.digest == content and r.vrf == vrf), None)

    def refuse(self, refusals: tuple[Refusal, ...], wanted: frozenset[str] = frozenset()) -> State:
        """Return the state that remembers these too.

        Those with a digest of `wanted` are never forgotten, however many they are: what is
        wanted would be tried again.
        """
        kept = [r for r in self.refusals if r not in refusals]
        needed = [r for r in kept if r.digest in wanted]
        spare = [r for r in kept if r.digest not in wanted]
        room = max(0, REFUSALS_KEPT - len(needed) - len(refusals))
        spare = spare[max(0, len(spare) - room) :]
        return dataclasses.replace(self, refusals=(*spare, *needed, *refusals))


def digest(*parts: object) -> str:
    """Return what tells contents apart."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@dataclass
class StateFile:
    """The state on disk, in the daemon's StateDirectory.

    The last good configuration has a file of its own beside `path`: it is large, and
    changes more rarely than the rest.
    """

    path: Path
    state: State = field(default_factory=State)
    _saved: State = field(default_factory=State)

    @property
    def good_path(self) -> Path:
        """Where the last good configuration is."""
        return self.path.with_name("good.json")

    def load(self) -> tuple[str, ...]:
        """Read both files; return why one could not be used.

        A damaged file costs the memory, not the service: FRR goes on with what it runs,
        and the frr.conf of the disk takes the place of the last good one.
        """
        problems: list[str] = []
        rest = self._read(self.path, problems)
        good = self._read(self.good_path, problems)
        try:
            self.state = State() if rest is None else _parse(rest)
        except FieldError as error:
            problems.append(f"{self.path}: is damaged and is made anew: {error}")
        try:
            known = None if good is None else _parse_good(good)
            self.state = dataclasses.replace(self.state, good=known)
        except FieldError as error:
            problems.append(f"{self.good_path}: is damaged and is made anew: {error}")
        self._saved = self.state
        return tuple(problems)

    def save(self, state: State) -> None:
        """Remember `state`; raises OSError, and then the old one stays on disk and here.

        A new last good configuration is written first: after a crash between the two the
        rest is older, which only makes the next start look closer. What was only held before
        is saved with it.
        """
        if state.good is not None and state.good != self._saved.good:
            _write(self.good_path, state.good)
            self._saved = dataclasses.replace(self._saved, good=state.good)
            self.state = dataclasses.replace(self.state, good=state.good)
        if state != self._saved:
            _write(self.path, dataclasses.replace(state, good=None))
            self._saved = state
        self.state = state

    def hold(self, state: State) -> None:
        """Remember `state` all the same where it cannot be saved, until it can.

        For what may be forgotten at the next start: that costs another attempt, no more.
        """
        try:
            self.save(state)
        except OSError:
            self.state = state

    @staticmethod
    def _read(path: Path, problems: list[str]) -> Field | None:
        try:
            remove_leftovers(path)
            root = Field(json.loads(path.read_text(encoding="utf-8")))
            if root["version"].integer(0, 1 << 31) != VERSION:
                raise root["version"].fail(f"is not {VERSION}")
            return root
        except FileNotFoundError:
            return None
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error}")
        except (ValueError, RecursionError) as error:
            problems.append(f"{path}: is damaged and is made anew: {error}")
        return None


def _write(path: Path, content: Good | State) -> None:
    members = {each.name: getattr(content, each.name) for each in dataclasses.fields(content)}
    # The text may hold passwords of BGP sessions.
    text = json.dumps({"version": VERSION, **members}, default=encode)
    replace_file(path, text + "\n", mode=0o600)


def _parse(root: Field) -> State:
    return State(
        written=root["written"].text(),
        earlier=tuple(item.text() for item in root["earlier"].items()),
        trying=tuple(vrf_name(item) for item in root["trying"].items()),
        mixed=not root["mixed"].absent and root["mixed"].flag(),
        refusals=tuple(_parse_refusal(item) for item in root["refusals"].items()),
        frr=root["frr"].text(),
        router_id=_address(root["router_id"]),
        host_router_id=_address(root["host_router_id"]),
    )


def _parse_good(root: Field) -> Good:
    return Good(
        text=root["text"].text(longest=1 << 30),
        template=root["template"].text(),
        vrfs=tuple(DesiredVrf.parse(item) for item in root["vrfs"].items()),
        ipv6=root["ipv6"].flag(),
        tolerated=tuple(item.text(longest=1 << 16) for item in root["tolerated"].items()),
    )


def _parse_refusal(root: Field) -> Refusal:
    return Refusal(root["digest"].text(), root["reason"].text(1 << 16), root["vrf"].text())


def _address(root: Field) -> ipaddress.IPv4Address | None:
    text = root.optional_text(longest=15)
    if text is None:
        return None
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise FieldError(root.path, text, f"{text!r} is not an IPv4 address") from error
