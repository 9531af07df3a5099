# SPDX-License-Identifier: Apache-2.0
"""Prefix rules: what FRR would take is taken, the rest is named and refused."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netop.common.edge import Field, FieldError
from netop.common.policy import Action, PrefixRule, rules


def parse(**item: object) -> PrefixRule:
    return PrefixRule.parse(Field({"action": "permit", **item}, "import[0]"), 0)


def test_the_number_defaults_to_the_place_in_the_list() -> None:
    field = Field([{"cidr": "10.0.0.0/8", "action": "permit"}, {"cidr": "::/0", "action": "deny"}])
    assert [(rule.seq, rule.action) for rule in rules(field)] == [
        (1, Action.PERMIT),
        (2, Action.DENY),
    ]


def test_host_bits_are_cleared_as_frr_does() -> None:
    assert parse(cidr="10.1.2.3/8").cidr == ipaddress.ip_network("10.0.0.0/8")


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"cidr": "10.0.0.0"}, r"import\[0\]\.cidr: '10\.0\.0\.0' is not a prefix"),
        ({"cidr": "10.0.0.0/33"}, r"is not an IPv4 or IPv6 prefix"),
        ({"cidr": "10.0.0.0/255.0.0.0"}, r"no prefix length in bits"),
        ({"cidr": "fe80::%eth0/64"}, r"is not a prefix"),
        ({"cidr": "10.0.0.0/8\nrouter bgp 1"}, r"no prefix length in bits"),
        ({"cidr": 7}, r"7 is not text"),
        ({"cidr": "10.0.0.0/8", "le": 4}, r"le 4 is below the prefix length 8"),
        ({"cidr": "10.0.0.0/8", "ge": 24, "le": 16}, r"le 16 is below ge 24"),
        ({"cidr": "10.0.0.0/8", "le": 33}, r"le 33 is beyond the 32 bits of an IPv4"),
        ({"cidr": "10.0.0.0/8", "action": "maybe"}, r"'maybe' is neither"),
        ({"cidr": "10.0.0.0/8", "seq": 0}, r"0 is not between 1"),
        ({"cidr": "10.0.0.0/8", "seq": True}, r"True is not a whole number"),
    ],
)
def test_what_frr_would_not_take_is_refused(item: dict[str, object], complaint: str) -> None:
    with pytest.raises(FieldError, match=complaint):
        parse(**item)


def test_two_entries_with_one_number_are_refused() -> None:
    item = {"cidr": "10.0.0.0/8", "action": "permit", "seq": 5}
    with pytest.raises(FieldError, match=r"\[1\]\.seq: 5 is already"):
        rules(Field([item, item]))


@given(st.text(max_size=40))
def test_no_text_gets_through_that_is_not_a_prefix(text: str) -> None:
    try:
        rule = parse(cidr=text)
    except FieldError:
        return
    assert str(rule.cidr).isascii()
    assert not set(str(rule.cidr)) & set(" \n\r!#")
