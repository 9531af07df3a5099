# SPDX-License-Identifier: Apache-2.0
"""`netopctl cleanup` removes what is netop's, in the right order, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netop.ctl import cleanup
from netop.ctl.cleanup import CleanupError, Node, without_sections
from netop.frr_templater.files import Files
from netop.netlink_reconciler.link import Attributes
from tests.frr.golden import CASES, Case
from tests.unit.netlink_reconciler.fake_kernel import FakeKernel
from tests.unit.netlink_reconciler.world import working

SEED = Case(CASES / "seed")

RUNNING = """\
router bgp 65000
 neighbor dv.red interface remote-as internal
exit
router bgp 65000 vrf vr.red
 neighbor vd.red interface remote-as internal
exit
router bgp 65000 vrf vr.operators
 neighbor vd.operators interface remote-as internal
exit
"""


@dataclass
class FakeFilters:
    interfaces: dict[str, int]

    def where(self) -> dict[str, int]:
        return dict(self.interfaces)

    def remove(self, indexes: Sequence[int]) -> None:
        self.interfaces = {n: i for n, i in self.interfaces.items() if i not in indexes}


@dataclass
class World:
    """A node with two VRFs, the program on lo, and what was done to it in `story`."""

    directory: Path
    refuse: str = ""
    kernel: FakeKernel = field(default_factory=lambda: working({"red": 5001, "blue": 5002}))
    filters: FakeFilters = field(default_factory=lambda: FakeFilters({"lo": 1}))
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kernel.add("br.other", Attributes(kind="bridge", alias="", group=0))
        (self.directory / "frr.conf").write_text(SEED.text("expected.conf"), encoding="utf-8")

    @property
    def node(self) -> Node:
        return Node(Files(self.directory), self.kernel, self.filters, self._command,
                    lambda path: self.story.append(f"chown {path.name}"))  # fmt: skip

    def _command(self, words: Sequence[str]) -> str:
        told = words[2:] if words[0] == "vtysh" else words[1:2]
        self.story.append(" ".join([words[0], *(word for word in told if word != "-c")]))
        if self.refuse and self.refuse in words:
            raise CleanupError(f"{self.refuse}: refused")
        return RUNNING if "show running-config bgpd no-header" in words else ""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_it_tells_what_is_there(world: World) -> None:
    sections, links, programs = world.node.look().told()
    assert sections.endswith("sections of /etc/frr/frr.conf")
    assert links.startswith("10 links: br.blue, br.red, ")
    assert programs == "the eBPF program on lo"


def test_it_removes_what_is_netops_and_nothing_else(world: World) -> None:
    world.node.clean()
    assert set(world.kernel.names()) == {"br.other", "dum.underlay"}
    assert world.filters.interfaces == {}
    text = (world.directory / "frr.conf").read_text(encoding="utf-8")
    assert "netop" not in text
    assert "vr.blue" not in text
    assert world.story == [
        "systemctl stop",
        "vtysh show running-config bgpd no-header",
        "vtysh configure terminal router bgp 65000 vrf vr.red"
        " no neighbor vd.red interface remote-as internal exit",
        "chown frr.conf", "systemctl reload", "systemctl reload",
        "systemctl clean",
    ]  # fmt: skip
    assert world.node.look().told() == []


def test_links_stay_where_frr_could_not_be_cleaned(tmp_path: Path) -> None:
    world = World(tmp_path, refuse="reload")
    with pytest.raises(CleanupError, match="refused"):
        world.node.clean()
    assert "vr.red" in world.kernel.names()


def test_a_link_that_the_kernel_keeps_is_told(world: World) -> None:
    world.kernel.apply = lambda _: ()  # type: ignore[method-assign,assignment]
    with pytest.raises(CleanupError, match="come back"):
        world.node.clean()


def test_the_operators_lines_stay_byte_for_byte() -> None:
    text = SEED.text("expected.conf")
    left = without_sections(text).splitlines()
    assert [line for line in left if line not in text.splitlines()] == []
    # The templater takes `vrf default` away, which FRR never says itself.
    own = SEED.text("template").replace(" vrf default", "").splitlines()
    assert [line for line in own if "{{" not in line and line not in left] == []
    assert without_sections("hostname x\r\n\n! mine") == "hostname x\r\n\n! mine"


def test_without_a_terminal_nobody_agreed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = world.node
    monkeypatch.setattr(cleanup, "Node", lambda *_: node)
    monkeypatch.setattr(cleanup, "LinkKernel", lambda: None)
    monkeypatch.setattr(cleanup, "TcFilters", lambda: None)
    assert cleanup.run(argparse.Namespace(yes=False)) == 1
    assert "--yes" in capsys.readouterr().err
    assert world.story == []
    assert cleanup.run(argparse.Namespace(yes=True)) == 0
    assert cleanup.run(argparse.Namespace(yes=False)) == 0
    assert "there is nothing of netop" in capsys.readouterr().out
