# SPDX-License-Identifier: Apache-2.0
"""Merging: order does not matter, nothing is lost, and one bad resource costs only itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netop.common.problem import Problem
from netop.common.settings import Settings, parse_settings
from netop.crd_watcher.merge import Merged, merge
from netop.crd_watcher.resource import Resource, resource_of

from .objects import resource

SETTINGS = Settings(vni_map=(("blue", 200), ("red", 100)), skip_vrfs=("mgmt",))


def names(merged: Merged) -> dict[str, list[str]]:
    return {vrf.name: [each.resource for each in vrf.policies] for vrf in merged.vrfs}


def test_several_resources_of_one_vrf_stand_in_the_order_of_their_numbers() -> None:
    merged = merge([resource("b", seq=20), resource("a", seq=30), resource("c", "blue")], SETTINGS)
    assert names(merged) == {"blue": ["c"], "red": ["b", "a"]}
    assert [vrf.vni for vrf in merged.vrfs] == [200, 100]
    assert merged.rejected == ()


def test_skip_vrf_config_counts_before_vnimap() -> None:
    both = Settings(vni_map=(("mgmt", 7),), skip_vrfs=("mgmt",))
    assert [vrf.vni for vrf in merge([resource(vrf="mgmt")], both).vrfs] == [None]


def test_an_unknown_vrf_is_rejected_alone() -> None:
    merged = merge([resource("a"), resource("g", "green")], SETTINGS)
    assert names(merged) == {"red": ["a"]}
    assert str(merged.rejected[0]) == (
        "VRFRouteConfiguration g: spec.vrf: the VRF 'green' is in neither vnimap nor "
        "skipVRFConfig of config.yaml; add it there, or mend the name"
    )
    assert merged.rejected[0].vrf == "green"


def test_a_vrf_whose_entry_is_wrong_is_told_with_that_entry() -> None:
    settings = parse_settings("vnimap: {red: 0}", "config.yaml")
    told = str(merge([resource()], settings).rejected[0])
    assert "no usable entry for the VRF: vnimap.red: 0 is not between 1 and 16777215" in told


def test_of_two_with_one_number_the_older_keeps_its_place() -> None:
    young = resource("a", created="2024-01-02T00:00:00Z")
    old = resource("b", created="2024-01-02T00:30:00+01:00")
    merged = merge([young, old], SETTINGS)
    assert names(merged) == {"red": ["b"]}
    assert str(merged.rejected[0]) == (
        "VRFRouteConfiguration a: spec.seq: 10 of VRF red already belongs to "
        "VRFRouteConfiguration b, which is older (2024-01-01T23:30:00+00:00); "
        "choose a free number from 1 to 65534"
    )


def test_of_two_of_one_age_the_first_by_name_keeps_its_place() -> None:
    merged = merge([resource("b"), resource("a", origin="/etc/x.yaml")], SETTINGS)
    assert names(merged) == {"red": ["a"]}
    told = str(merged.rejected[0])
    assert (
        "already belongs to VRFRouteConfiguration a (/etc/x.yaml), which is first by name" in told
    )


def test_one_with_a_time_comes_before_one_without() -> None:
    merged = merge([resource("a"), resource("b", created="2024-01-02T00:00:00Z")], SETTINGS)
    assert names(merged) == {"red": ["b"]}
    assert "which is the one with a creationTimestamp" in str(merged.rejected[0])


def test_one_that_takes_a_number_which_is_taken_stays_as_it_was() -> None:
    accepted = [resource("a", seq=10), resource("b", seq=20), resource("c", seq=30)]
    found = [resource("a", seq=10), resource("b", seq=10), resource("c", seq=10)]
    merged = merge(found, SETTINGS, accepted)
    assert [(each.resource, each.seq) for each in merged.vrfs[0].policies] == [
        ("a", 10),
        ("b", 20),
        ("c", 30),
    ]
    assert list(merged.resources) == accepted
    assert [each.resource for each in merged.rejected] == ["b", "c"]
    assert str(merged.rejected[0]).endswith(
        "10 of VRF red already belongs to VRFRouteConfiguration a, which is first by name; "
        "choose a free number from 1 to 65534; "
        "until then its last accepted version stays in force"
    )


def test_one_whose_old_place_is_taken_or_unknown_goes() -> None:
    accepted = [resource("a", seq=10), resource("b", seq=20), resource("c", "green")]
    found = [resource("a", seq=10), resource("b", seq=10), resource("c", seq=10)]
    merged = merge([*found, resource("d", seq=20)], SETTINGS, accepted)
    assert names(merged) == {"red": ["a", "d"]}
    assert [each.resource for each in merged.rejected] == ["b", "c"]
    assert all("stays in force" not in str(each) for each in merged.rejected)


def test_one_that_names_an_unknown_vrf_goes() -> None:
    merged = merge([resource("a", "green")], SETTINGS, [resource("a")])
    assert names(merged) == {}


TIMES = ["", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00.5Z"]
RESOURCES = st.lists(
    st.builds(
        resource,
        name=st.sampled_from("abcdefgh"),
        vrf=st.sampled_from(["red", "blue", "mgmt", "green"]),
        seq=st.integers(1, 3),
        created=st.sampled_from(TIMES),
    ),
    unique_by=lambda each: each.name,
    max_size=8,
)


@given(RESOURCES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(resources: list[Resource], chance: object) -> None:
    shuffled = list(resources)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled, SETTINGS) == merge(resources, SETTINGS)


@given(RESOURCES)
def test_each_resource_is_either_served_or_rejected_with_a_reason(
    resources: list[Resource],
) -> None:
    merged = merge(resources, SETTINGS)
    served = [policy.resource for vrf in merged.vrfs for policy in vrf.policies]
    rejected = [resource_of(problem.subject) for problem in merged.rejected]
    assert sorted(served + rejected) == sorted(each.name for each in resources)
    by_name = {each.name: each for each in resources}
    for vrf in merged.vrfs:
        assert [each.seq for each in vrf.policies] == sorted({each.seq for each in vrf.policies})
        for policy in vrf.policies:
            assert policy == by_name[policy.resource].policy
            assert by_name[policy.resource].vrf == vrf.name
    assert all(isinstance(each, Problem) and each.reason for each in merged.rejected)


@given(RESOURCES)
def test_taking_away_a_rejected_resource_changes_nothing_else(resources: list[Resource]) -> None:
    merged = merge(resources, SETTINGS)
    for problem in merged.rejected:
        name = resource_of(problem.subject)
        without = merge([each for each in resources if each.name != name], SETTINGS)
        assert without.vrfs == merged.vrfs
        assert without.rejected == tuple(each for each in merged.rejected if each != problem)


@given(RESOURCES, RESOURCES)
def test_what_was_accepted_takes_no_place_from_what_is_wanted(
    resources: list[Resource], accepted: list[Resource]
) -> None:
    merged, alone = merge(resources, SETTINGS, accepted), merge(resources, SETTINGS)
    assert [each.name for each in merged.resources] == sorted(each.name for each in resources)
    assert [each.subject for each in merged.rejected] == [each.subject for each in alone.rejected]
    policies = {
        vrf.name: [each for each in vrf.policies if each.resource not in kept]
        for vrf in merged.vrfs
        for kept in [{each.resource for each in merged.rejected}]
    }
    assert {name: tuple(found) for name, found in policies.items() if found} == {
        vrf.name: vrf.policies for vrf in alone.vrfs
    }
    again = merge(merged.resources, SETTINGS, accepted)
    assert again.vrfs == merged.vrfs, "the last good set comes to the same"
