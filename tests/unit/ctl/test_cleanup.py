# SPDX-License-Identifier: Apache-2.0
"""`netopctl cleanup` removes what is netop's, in the right order, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netop.ctl import cleanup
from netop.ctl.cleanup import Node
from netop.ctl.release import RELOADS, CleanupError, without_sections
from netop.frr_templater.files import Files
from netop.frr_templater.frr import DeadError, Facts
from netop.netlink_reconciler.link import Attributes
from tests.frr.golden import CASES, Case
from tests.unit.netlink_reconciler.fake_kernel import FakeKernel
from tests.unit.netlink_reconciler.world import working

SEED = Case(CASES / "seed")

OPERATORS = """\
router bgp 65000 vrf vr.operators
 neighbor vd.operators interface remote-as internal
exit
"""
NETOPS = """\
router bgp 65000
 neighbor dv.red interface remote-as internal
router bgp 65000 vrf vr.red
 neighbor vd.red interface remote-as internal
route-map rm_red_import permit 10
"""


@dataclass
class FakeFilters:
    interfaces: dict[str, int]

    def where(self) -> dict[str, int]:
        return dict(self.interfaces)

    def remove(self, indexes: Sequence[int]) -> None:
        self.interfaces = {n: i for n, i in self.interfaces.items() if i not in indexes}


@dataclass
class FakeFrr:
    """What FRR has; a reload deletes as many lines of netop's as it has the time for."""

    story: list[str]
    netops: list[str] = field(default_factory=NETOPS.splitlines)
    bindings: dict[str, int] = field(default_factory=lambda: {"vr.red": 5001, "vr.operators": 9})
    at_once: int = 4
    state: str = "active"
    hangs: bool = False

    async def facts(self) -> Facts:
        if self.hangs or self.state != "active":
            raise DeadError("bgpd of FRR does not run")
        return Facts(self.bindings, frozenset(), "\n".join([*self.netops, OPERATORS]))

    async def dismiss(self, gone: frozenset[str]) -> None:
        self.story.append(" ".join(["dismiss", *sorted(gone)]))

    def reload(self) -> None:
        self.netops = self.netops[self.at_once :]
        if not any("vr.red" in line for line in self.netops):
            self.bindings.pop("vr.red", None)
        if len(self.netops) > 1:
            raise CleanupError("systemctl reload frr.service: timeout")


@dataclass
class World:
    """A node with two VRFs, the program on lo, and what was done to it in `story`."""

    directory: Path
    refuse: str = ""
    kernel: FakeKernel = field(default_factory=lambda: working({"red": 5001, "blue": 5002}))
    filters: FakeFilters = field(default_factory=lambda: FakeFilters({"lo": 1}))
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frr = FakeFrr(self.story)
        self.kernel.add("br.other", Attributes(kind="bridge", alias="", group=0))
        (self.directory / "frr.conf").write_text(SEED.text("expected.conf"), encoding="utf-8")

    @property
    def node(self) -> Node:
        return Node(Files(self.directory), self.kernel, self.filters, self.frr, self._command,
                    lambda path: self.story.append(f"chown {path.name}"))  # fmt: skip

    def _command(self, words: Sequence[str]) -> str:
        self.story.append(" ".join(words[:2]))
        if self.refuse and self.refuse in words:
            raise CleanupError(f"{self.refuse}: refused")
        if "reload" in words:
            self.frr.reload()
        return f"{self.frr.state}\n" if "show" in words else ""


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
        "systemctl show", "dismiss vr.blue vr.red",
        "chown frr.conf", "systemctl reload", "systemctl reload", "systemctl reload",
        "systemctl reset-failed", "systemctl clean",
    ]  # fmt: skip
    assert world.node.look().told() == []


@pytest.fixture
def failed(tmp_path: Path) -> World:
    """A node on which cleanup wrote frr.conf, and FRR did not take it over."""
    world = World(tmp_path, refuse="reload")
    with pytest.raises(CleanupError, match=r"refused; links stay.* systemctl restart frr\.service"):
        world.node.clean()
    assert "netop" not in (tmp_path / "frr.conf").read_text(encoding="utf-8")
    assert "vr.red" in world.kernel.names()
    world.story.clear()
    return world


def test_a_second_run_has_frr_let_go_before_the_links(failed: World) -> None:
    with pytest.raises(CleanupError, match="refused"):
        failed.node.clean()
    assert "dismiss vr.blue vr.red" in failed.story
    assert "vr.red" in failed.kernel.names()
    failed.refuse = ""
    failed.node.clean()
    assert failed.node.look().told() == []


def test_links_stay_while_frr_has_something_of_them(failed: World) -> None:
    failed.refuse, failed.frr.at_once = "", 0
    failed.frr.netops = [" neighbor dv.red interface remote-as internal"]
    with pytest.raises(CleanupError, match=r"^FRR still has `neighbor dv\.red .* internal`;"):
        failed.node.clean()
    failed.frr.netops, failed.frr.bindings = ["vrf vr.red", " vni 5001"], {"vr.red": 5001}
    with pytest.raises(CleanupError, match=r"timeout; FRR still has VNI 5001 of vr\.red;"):
        failed.node.clean()
    assert "vr.red" in failed.kernel.names()


def test_what_frr_does_not_take_of_the_operators_own_text_keeps_no_links(failed: World) -> None:
    failed.frr.netops, failed.frr.bindings = ["vrf vr.red", "exit-vrf"], {}
    failed.node.clean()
    assert failed.node.look().told() == []


def test_a_frr_that_does_not_answer_keeps_the_links_and_one_that_is_stopped_does_not(
    failed: World,
) -> None:
    failed.frr.hangs = True
    with pytest.raises(CleanupError, match=r"bgpd of FRR does not run; links stay"):
        failed.node.clean()
    assert "vr.red" in failed.kernel.names()
    failed.frr.state = "inactive"
    failed.node.clean()
    assert failed.node.look().told() == []


def test_a_frr_that_cannot_start_keeps_nothing(world: World) -> None:
    world.frr.state = "failed"
    world.node.clean()
    assert world.node.look().told() == []
    assert "systemctl reload" not in world.story
    assert "chown frr.conf" in world.story


def test_a_run_that_ends_before_the_documents_are_gone_is_repeated(world: World) -> None:
    world.refuse = "clean"
    with pytest.raises(CleanupError, match="clean: refused"):
        world.node.clean()
    assert "vr.red" in world.kernel.names()
    world.refuse = ""
    world.node.clean()
    assert world.story.count("systemctl clean") == 2
    assert world.node.look().told() == []


def test_sections_that_frr_did_not_let_go_of_are_found_again_without_links(world: World) -> None:
    world.kernel, world.refuse = working({}), "reload"
    before = (world.directory / "frr.conf").read_text(encoding="utf-8")
    with pytest.raises(CleanupError, match="reload: refused"):
        world.node.clean()
    assert (world.directory / "frr.conf").read_text(encoding="utf-8") == before
    world.refuse = ""
    world.node.clean()
    assert world.node.look().told() == []


def test_a_reload_that_runs_out_of_time_goes_on_in_the_next(world: World) -> None:
    world.frr.at_once = 1
    world.node.clean()
    assert world.node.look().told() == []
    endless = World(world.directory)
    endless.frr.netops = [f"line {number}" for number in range(2 * RELOADS)]
    endless.frr.at_once = 1
    with pytest.raises(CleanupError, match="timeout"):
        endless.node.clean()
    assert endless.story.count("systemctl reload") == RELOADS


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
