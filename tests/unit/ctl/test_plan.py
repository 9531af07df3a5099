# SPDX-License-Identifier: Apache-2.0
"""`netopctl plan` tells what would change, and what that interrupts, before it happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from netop.common.documents import Desired
from netop.common.policy import ResourcePolicy
from netop.common.store import Store
from netop.ctl import plan
from netop.ctl.__main__ import parser
from netop.ctl.plan import Change, changes, told
from netop.frr_templater.files import Files
from netop.netlink_reconciler.link import Attributes
from tests.frr.golden import CASES, Case
from tests.unit.netlink_reconciler.world import desired, working

RED = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {name: red-a}
spec: {vrf: red, seq: 10, import: [{cidr: 10.0.0.0/8, action: permit}]}
"""


def planned(before: dict[str, int], after: Desired) -> dict[str, Change]:
    node = working(before)
    actual = node.observe(after.node)
    return {change.vrf: change for change in changes(desired(dict(before)), after, actual)}


def test_nothing_to_change_is_nothing() -> None:
    assert planned({"red": 5001}, desired({"red": 5001})) == {}


def test_a_new_vrf_interrupts_nobody() -> None:
    found = planned({"red": 5001}, desired({"red": 5001, "blue": 5002}))
    assert set(found) == {"blue"}
    assert found["blue"].resources == "added"
    assert not found["blue"].interrupts
    assert any("vx.blue" in sentence for sentence in found["blue"].links)


def test_another_vni_interrupts_its_vrf_and_no_other() -> None:
    found = planned({"red": 5001, "blue": 5002}, desired({"red": 5003, "blue": 5002}))
    assert set(found) == {"red"}
    assert found["red"].interrupts
    assert "VNI 5001 → 5003" in found["red"].resources


def test_a_vrf_that_goes_is_interrupted() -> None:
    found = planned({"red": 5001, "blue": 5002}, desired({"blue": 5002}))
    assert found["red"].resources == "removed"
    assert found["red"].interrupts


def test_a_vni_of_somebody_else_is_refused() -> None:
    node = working({})
    node.add("vx.foreign", Attributes(kind="vxlan", vni=5001, port=4789))
    wish = desired({"red": 5001})
    (change,) = changes(None, wish, node.observe(wish.node))
    assert "vx.foreign" in change.refused


def test_changed_resources_are_named() -> None:
    wish = desired({"red": 5001})
    (red,) = wish.vrfs
    with_one = dataclasses.replace(red, policies=(ResourcePolicy("red-a", 10, (), ()),))
    node = working({"red": 5001})
    actual = node.observe(wish.node)
    after = dataclasses.replace(wish, vrfs=(with_one,))
    (change,) = changes(wish, after, actual)
    assert change.resources == "+red-a"
    assert list(told((change,))) == ["red (+red-a): no interruption"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`netopctl plan` on a node that serves red, has no router id, and a template of the seed."""
    (tmp_path / "frr.conf").write_text(Case(CASES / "seed").text("template"), encoding="utf-8")
    store = Store(tmp_path)
    store.path(Desired).parent.mkdir()
    store.publish(desired({"red": 5001}))
    kernel = working({"red": 5001})
    monkeypatch.setattr(plan, "Store", lambda: store)
    monkeypatch.setattr(plan, "Files", lambda: Files(tmp_path))
    monkeypatch.setattr(plan, "_look", lambda wish: kernel.observe(wish.node))

    def run(*arguments: str) -> int:
        given = parser(["plan"]).parse_args(["plan", *arguments])
        code: int = given.run(given)
        return code

    return run


def test_what_cannot_be_told_is_no_change(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "netopctl: frr.conf: cannot be told: " in shown.err
    assert "--router-id" in shown.err


def test_a_change_is_told_although_frr_conf_cannot_be(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "red.yaml").write_text(RED, encoding="utf-8")
    (tmp_path / "config.yaml").write_text("vnimap: {red: 5003}", encoding="utf-8")
    assert run("--config", str(tmp_path / "config.yaml"), str(tmp_path / "red.yaml")) == 2
    shown = capsys.readouterr()
    assert "VNI 5001 → 5003): INTERRUPTS its traffic" in shown.out
    assert "cannot be told" in shown.err


def test_a_router_id_that_the_node_does_not_know_can_be_given(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--router-id", "192.0.2.1") == 2
    shown = capsys.readouterr()
    assert "bgp router-id 192.0.2.1" in shown.out
    assert shown.err == ""
