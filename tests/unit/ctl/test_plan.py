# SPDX-License-Identifier: Apache-2.0
"""`netopctl plan` tells what would change, and what that interrupts, before it happens."""

from __future__ import annotations

import dataclasses

from netop.common.documents import Desired
from netop.common.policy import ResourcePolicy
from netop.ctl.plan import Change, changes, told
from netop.netlink_reconciler.link import Attributes
from tests.unit.netlink_reconciler.world import desired, working


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
