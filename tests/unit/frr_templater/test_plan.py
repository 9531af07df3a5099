# SPDX-License-Identifier: Apache-2.0
"""What to serve, in which steps, and how to tell that it is served."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import DesiredVrf, Served, ServedVrf, VrfState
from netop.common.edge import Field
from netop.frr_templater import plan
from netop.frr_templater.plan import (
    DELETED_AT_ONCE,
    FileDiff,
    batches,
    changed_names,
    choose,
    expected,
    file_diff,
    ipv6_problems,
    missing,
    waiting_for,
)
from netop.frr_templater.reloads import NOT_RELOADED
from tests.unit.frr_templater.fakes import desired, links, vrf


def served(*vrfs: tuple[str, int | None]) -> Served:
    return Served(1, tuple(ServedVrf(*pair) for pair in vrfs), NOT_RELOADED, ())


def test_it_waits_for_links_of_the_same_generation() -> None:
    assert waiting_for(None, None) == "waiting for desired.json from netop-crd-watcher"
    assert "waiting for links.json from" in waiting_for(desired(1), None)
    assert "of generation 2 (is 1) from netop-netlink" in waiting_for(desired(2), links(1))
    assert "desired.json of generation 3 (is 2)" in waiting_for(desired(2), links(3))
    assert waiting_for(desired(2), links(2)) == ""


def test_a_vrf_is_rendered_when_its_links_are_there() -> None:
    wanted = desired(1, vrf("a", 1), vrf("b", 2), vrf("c", 3), vrf("m", None))
    choice = choose(wanted, links(1, ("a", 1), ("b", 20)), None)
    assert [v.name for v in choice.vrfs] == ["a", "m"]
    assert choice.waiting == ("b", "c")
    failed = choose(wanted, links(1, ("a", 1), state=VrfState.FAILED), None)
    assert [v.name for v in failed.vrfs] == ["m"]


def test_a_served_vrf_stays_with_its_vni_while_its_links_fail() -> None:
    wanted = desired(1, vrf("a", 1), vrf("b", 2))
    broken = links(1, ("a", 1), ("b", 2), state=VrfState.FAILED)
    choice = choose(wanted, broken, served(("a", 1), ("b", 20), ("gone", 3)))
    assert [(v.name, v.vni) for v in choice.vrfs] == [("a", 1), ("b", 20)]
    assert choice.waiting == ()


def test_a_served_vrf_leaves_while_its_links_wait_to_be_made_anew() -> None:
    wanted = desired(1, vrf("a", 1), vrf("b", 2))
    renewing = links(1, ("a", 1), state=VrfState.RENEWING).vrfs
    both = dataclasses.replace(links(1, ("b", 2)), vrfs=(*renewing, *links(1, ("b", 2)).vrfs))
    choice = choose(wanted, both, served(("a", 1), ("b", 2)))
    assert [v.name for v in choice.vrfs] == ["b"]
    assert choice.waiting == ("a",)


def test_a_changed_vni_is_rendered_as_soon_as_its_links_have_it() -> None:
    wanted = desired(1, vrf("a", 2))
    assert choose(wanted, links(1, ("a", 1)), served(("a", 1))).vrfs[0].vni == 1
    assert choose(wanted, links(1, ("a", 2)), served(("a", 1))).vrfs[0].vni == 2


def test_ipv6_rules_without_a_place_for_them_are_a_problem_of_their_vrf() -> None:
    six = vrf("six", 1, cidr="2001:db8::/32")
    found = ipv6_problems([six, vrf("four", 2), dataclasses.replace(six, name="m", vni=None)], "T")
    assert [p.vrf for p in found] == ["six"]
    assert "VRF six: its IPv6 rules have no effect: the hint #++{{.NeighborsV6}}" in str(found[0])


def test_frr_must_have_each_vni_and_map_and_none_that_left() -> None:
    goal = expected([vrf("a", 1), vrf("m", None)], ["a", "old"], ipv6=False)
    assert goal.bindings == {"vr.a": 1}
    assert goal.gone == {"vr.old"}
    maps = frozenset({"rm_a_import", "rm_a_export", "rm_m_import", "rm_m_export"})
    assert goal.maps == maps
    assert missing(goal, {"vr.a": 1, "mgmt": 9}, maps | {"x"}) == ()
    assert missing(goal, {"vr.old": 7}, maps - {"rm_m_export"}) == (
        ("a", "VNI 1 is not bound to vr.a (FRR says 0)"),
        ("old", "vr.old still has VNI 7"),
        ("m", "bgpd has no route-map rm_m_export"),
    )
    six = expected([vrf("a", 1)], [], ipv6=True)
    assert ("a", "bgpd has no route-map rm_a_import_v6") in missing(six, {"vr.a": 1}, maps)


def some(number: int, rules: int) -> list[DesiredVrf]:
    return [vrf(f"v{n:03}", n + 1, *range(1, rules + 1)) for n in range(number)]


def test_a_few_changes_are_one_step() -> None:
    assert batches([], []) == ((),)
    after = some(5, 2)
    assert batches([], after) == (tuple(after),)
    assert batches(after, after) == (tuple(after),)


def test_a_new_template_comes_before_new_vrfs() -> None:
    before, after = some(1, 1), some(2, 1)
    assert batches(before, after, new_template=True) == (tuple(before), tuple(after))
    assert batches(after, after, new_template=True) == (tuple(after),)


def test_what_is_to_be_changed_alone_comes_last() -> None:
    a, b, c, d = (vrf(name, number) for number, name in enumerate("abcd", start=1))
    steps = batches([a], [b, c, d], alone={"a": 1, "b": 2})
    assert steps == ((a, c, d), (c, d), (b, c, d))
    assert batches([], [a, b], alone={"c": 1}) == ((a, b),)


def test_many_deletions_are_spread_over_reloads() -> None:
    before = some(100, 20)
    steps = batches(before, [])
    assert len(steps) > 5
    assert steps[-1] == ()
    sizes = [len(before), *(len(step) for step in steps)]
    each = 20 * 2 + 25
    assert all((a - b) * each <= DELETED_AT_ONCE for a, b in itertools.pairwise(sizes))


def deletions(before: Sequence[DesiredVrf], after: Sequence[DesiredVrf]) -> int:
    """Count the lines that a reload takes away, of prefix-lists and of the blocks around."""
    lost = 0
    now = {v.name: v for v in after}
    for old in before:
        new = now.get(old.name)
        kept = set(new.policies) if new is not None else set()
        lost += sum(len(p.imports + p.exports) for p in old.policies if p not in kept)
        lost += 25 if new is None or new.vni != old.vni else 0
    return lost


def test_a_large_vrf_leaves_resource_by_resource() -> None:
    """frr-reload.py needs some 10 ms for each line that it deletes, and systemd allows 2 min."""
    rules = [{"cidr": "10.0.0.0/8", "action": "permit", "seq": n} for n in range(1, 151)]
    policies = [
        {"resource": f"r{seq}", "seq": seq, "imports": rules, "exports": rules}
        for seq in range(1, 21)
    ]
    large = DesiredVrf.parse(Field({"name": "large", "vni": 1, "policies": policies}))
    small, other = vrf("large", 2, 7), vrf("other", 3)
    for before, after in (
        ([large, other], [other]),
        ([large, other], [small, other]),
        ([large], [dataclasses.replace(large, policies=large.policies[::2])]),
    ):
        steps = batches(before, after)
        assert steps[-1] == tuple(after)
        assert all(other in step for step in steps if other in before)
        for one, two in itertools.pairwise((before, *steps)):
            assert 0 < deletions(one, two) <= DELETED_AT_ONCE + 25


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40)),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40)),
)
def test_steps_lead_from_one_to_the_other(old: dict[str, int], new: dict[str, int]) -> None:
    before = [vrf(n, ord(n), *range(1, count + 1)) for n, count in sorted(old.items())]
    after = [vrf(n, ord(n), *range(1, count + 1)) for n, count in sorted(new.items())]
    steps = batches(before, after)
    assert steps[-1] == tuple(after)
    allowed = {*before, *after}
    untouched = {v for v in before if v in after}
    for step in steps:
        assert set(step) <= allowed
        assert untouched <= set(step)
        assert [v.name for v in step] == sorted({v.name for v in step})


def test_changes_are_named() -> None:
    before, after = [vrf("a", 1), vrf("b", 2), vrf("c", 3)], [vrf("a", 1), vrf("b", 9), vrf("d", 4)]
    assert changed_names(before, after) == (frozenset("bd"), frozenset("c"))


def test_the_diff_is_bounded() -> None:
    diff = file_diff("a\nb\n", "a\nc\nd\n")
    assert (diff.more, diff.less) == (2, 1)
    assert file_diff("a\n", "a\n") == FileDiff("")
    long = file_diff("", "\n".join(f"line {n}" for n in range(20_000)))
    assert len(long.text) < plan.DIFF_LONGEST + 20
    assert long.text.endswith("... and more")
    assert (long.more, long.less) == (20_000, 0), "all are counted"
