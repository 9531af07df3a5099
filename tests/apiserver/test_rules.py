# SPDX-License-Identifier: Apache-2.0
"""The rules of the CRD, tried on the server that enforces them; the nodes agree with them."""

from typing import Any

import pytest

from netop.common.edge import Field, FieldError
from netop.crd_watcher.resource import read_resource
from tests.apiserver.cases import ABSENT, ACCEPTED, REFUSED, STRICTER_THAN_NODE, Refused, entry
from tests.apiserver.conftest import manifest
from tests.lab.apiserver import ApiError, Collection


def changed(change: dict[str, Any]) -> dict[str, Any]:
    made = manifest(**change)
    made["spec"] = {key: value for key, value in made["spec"].items() if value is not ABSENT}
    return made


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refuses_and_names_the_field(routes: Collection, case: Refused) -> None:
    with pytest.raises(ApiError) as refusal:
        routes.create(changed(case.change))
    assert refusal.value.code == 422
    causes = {(cause["field"], cause["message"]) for cause in refusal.value.details["causes"]}
    assert any(field == case.field and case.message in text for field, text in causes), causes
    assert routes.names() == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(routes: Collection, name: str) -> None:
    made = routes.create(changed(ACCEPTED[name]))
    for key, value in ACCEPTED[name].items():
        assert made["spec"][key] == ([] if value is ABSENT else value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_node_takes_what_the_server_accepts(name: str) -> None:
    resource = read_resource(Field(changed(ACCEPTED[name])), "red", "")
    assert resource.vrf == ACCEPTED[name].get("vrf", "red")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_node_refuses_what_the_server_refuses(case: Refused) -> None:
    body = Field(changed(case.change))
    if case.name in STRICTER_THAN_NODE:
        assert read_resource(body, "red", "").imports
    else:
        with pytest.raises(FieldError):
            read_resource(body, "red", "")


def test_all_that_is_wrong_is_told_at_once(routes: Collection) -> None:
    wrong = manifest(vrf="a b", **{"import": [entry(le=4)], "export": [entry("x")]})
    with pytest.raises(ApiError) as refusal:
        routes.create(wrong)
    fields = {cause["field"] for cause in refusal.value.details["causes"]}
    assert fields == {"spec.vrf", "spec.import[0].le", "spec.export[0].cidr"}


def test_the_longest_lists_cost_the_server_not_too_much(routes: Collection) -> None:
    made = routes.create(manifest(**{"import": many(1000), "export": many(1000)}))
    assert len(made["spec"]["import"]) == len(made["spec"]["export"]) == 1000


def test_the_longest_list_that_is_compared_costs_not_too_much(routes: Collection) -> None:
    numbered = many(200, numbered=True)
    routes.create(manifest(**{"import": numbered, "export": numbered}))
    numbered[-1]["seq"] = numbered[0]["seq"]
    with pytest.raises(ApiError, match="two entries of the list have the same seq"):
        routes.replace(manifest(**{"import": numbered}))


def test_a_longer_list_with_numbers_is_left_to_the_nodes(routes: Collection) -> None:
    numbered = many(1000, numbered=True)
    routes.create(manifest(**{"import": numbered, "export": numbered}))
    numbered[-1]["seq"] = numbered[0]["seq"]
    doubled = manifest(**{"import": numbered})
    routes.replace(doubled)
    with pytest.raises(FieldError, match="already the number of another entry"):
        read_resource(Field(doubled), "red", "")


def test_a_list_has_at_most_1000_entries(routes: Collection) -> None:
    with pytest.raises(ApiError, match=r"spec\.import: Too many.*at most 1000"):
        routes.create(manifest(**{"import": many(1001)}))


def test_an_update_is_checked_too(routes: Collection) -> None:
    routes.create(manifest())
    with pytest.raises(ApiError, match=r"spec\.import\[0\]\.cidr"):
        routes.patch("red", {"spec": {"import": [entry("nonsense")]}})
    assert routes.get("red")["spec"]["import"] == []


def many(count: int, *, numbered: bool = False) -> list[dict[str, Any]]:
    """Entries that each cost as much as an entry can."""
    longest = "2001:0db8:0000:0000:0000:ffff:255.255.255.255/128"
    numbers = ({"seq": place + 2_000_000_000} if numbered else {} for place in range(count))
    return [entry(longest, ge=128, le=128, **number) for number in numbers]
