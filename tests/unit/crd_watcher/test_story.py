# SPDX-License-Identifier: Apache-2.0
"""The sentences."""

from __future__ import annotations

from dataclasses import replace

from netop.common.documents import Desired, DesiredVrf, Source
from netop.common.settings import NodeSettings
from netop.crd_watcher.story import Situation, concerned, difference, status

from .objects import resource

RED = DesiredVrf("red", 100, (resource("red-a").policy, resource("red-b", seq=11).policy))


def desired(*vrfs: DesiredVrf) -> Desired:
    return Desired(7, Source.MANIFESTS, "", NodeSettings(), vrfs, ())


def test_nothing_yet_is_told_by_what_is_waited_for() -> None:
    assert status(Situation(None, 0, (), ("waiting for x",))) == "waiting for x"


def test_what_was_done_stands_first_then_troubles_then_the_first_rejection() -> None:
    document = replace(desired(RED), source=Source.LAST_GOOD, note="the last good resources")
    assert status(Situation(document, 2, (), ("no watch",), "12:00:00 UTC")) == (
        "1 VRF from 2 resources, generation 7, from the last good set; no watch; "
        "changes have arrived and are taken up at 12:00:00 UTC"
    )


def test_what_a_change_concerns_is_named_for_the_journals_fields() -> None:
    other = DesiredVrf("red", 100, (resource("red-a").policy, resource("red-c").policy))
    blue = DesiredVrf("blue", 200, (resource("blue").policy,))
    assert concerned(None, desired(RED)) == (("red",), ("red-a", "red-b"))
    assert concerned(desired(RED), desired(blue, other)) == (
        ("blue", "red"), ("blue", "red-b", "red-c")
    )  # fmt: skip
    assert concerned(desired(RED), desired(RED)) == ((), ())
    assert concerned(desired(RED), desired(replace(RED, vni=101))) == (("red",), ())


def test_the_difference_names_vrfs_and_resources() -> None:
    other = DesiredVrf("red", 101, (resource("red-a", seq=12).policy, resource("red-c").policy))
    blue = DesiredVrf("blue", 200, (resource("blue").policy,))
    assert difference(None, desired(RED)) == "added red (+red-a, +red-b)"
    assert difference(desired(RED), desired(blue, other)) == (
        "added blue (+blue); changed red (+red-c, -red-b, ~red-a, VNI 100 to 101)"
    )
    assert difference(desired(RED), desired()) == "removed red"
    assert difference(None, desired()) == "no VRFs"
    assert difference(desired(RED), desired(RED)) == "the VRFs stay the same"
    moved = replace(desired(RED), node=NodeSettings(mtu=1500))
    assert difference(desired(RED), moved) == "the node's own settings changed"


def test_a_long_list_is_cut_short() -> None:
    many = DesiredVrf("red", 1, tuple(resource(f"r{n:02}", seq=n + 1).policy for n in range(12)))
    assert difference(None, desired(many)).endswith("+r09 and 2 more)")
