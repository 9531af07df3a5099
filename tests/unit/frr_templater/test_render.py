# SPDX-License-Identifier: Apache-2.0
"""Rendering: golden files, and properties that hold for whatever resources there are."""

from __future__ import annotations

import re
import time
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import DesiredVrf
from netop.common.edge import Field, FieldError
from netop.common.policy import PrefixRule, ResourcePolicy
from netop.frr_templater.configuration import statements
from netop.frr_templater.hints import Value
from netop.frr_templater.lint import lint
from netop.frr_templater.model import route_maps, vrf_model
from netop.frr_templater.render import Intent, UnsafeValueError, missing_values, render
from netop.frr_templater.template import Template, parse_template
from tests.frr.golden import Case, cases
from tests.unit.frr_templater.fakes import BASE, vrf

ROUTER_ID = IPv4Address("192.0.2.1")
V6 = BASE.replace(
    "exit\n!\n#++{{.BGP}}",
    " address-family ipv6 unicast\n  #++{{.NeighborsV6}}\n exit-address-family\nexit\n!\n"
    "#++{{.BGP}}",
)


def template(text: str = BASE) -> Template:
    return parse_template(text, "frr.conf.tpl")


def rendered(*vrfs: DesiredVrf, text: str = BASE) -> str:
    return render(template(text), Intent(vrfs, "node1", ROUTER_ID, None))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_golden(case: Case) -> None:
    assert case.render() == case.text("expected.conf")
    ours = route_maps(vrf_model(v, ipv6=case.template().ipv6) for v in case.vrfs())
    assert [str(i) for i in lint(case.render(), ours) if not i.harmless] == []


def test_the_cases_are_there() -> None:
    assert {"seed", "dual-stack", "original-template"} <= {case.name for case in cases()}


names = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,11}\Z")
prefixes = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda t: f"{IPv4Address(t[0])}/{t[1]}"
    ),
    st.tuples(st.integers(0, 2**16 - 1), st.integers(16, 128)).map(lambda t: f"{t[0]:x}::/{t[1]}"),
)
items = st.fixed_dictionaries(
    {"cidr": prefixes, "action": st.sampled_from(["permit", "deny"]), "le": st.none()}
)


@st.composite
def vrfs(draw: st.DrawFn) -> DesiredVrf:
    seqs = draw(st.lists(st.integers(1, 65534), unique=True, max_size=3))
    policies = [
        {
            "resource": f"r{seq}",
            "seq": seq,
            "imports": draw(st.lists(items, max_size=3)),
            "exports": draw(st.lists(items, max_size=3)),
        }
        for seq in sorted(seqs)
    ]
    vni = draw(st.one_of(st.none(), st.integers(1, 2**24 - 1)))
    return DesiredVrf.parse(Field({"name": draw(names), "vni": vni, "policies": policies}))


many = st.lists(vrfs(), max_size=4, unique_by=lambda v: v.name)


@settings(max_examples=60, deadline=None)
@given(many, st.booleans())
def test_whatever_is_rendered_is_whole(wanted: list[DesiredVrf], ipv6: bool) -> None:
    text = V6 if ipv6 else BASE
    result = rendered(*wanted, text=text)
    ours = route_maps(vrf_model(v, ipv6=ipv6) for v in wanted)
    found = [i for i in lint(result, ours) if not i.harmless and "VNI" not in i.reason]
    assert found == []
    # Every block of ours is closed, so what the operator wrote behind it stays his.
    last = list(statements(result + "hostname behind\n"))[-1]
    assert last.path == ()


@settings(max_examples=60, deadline=None)
@given(vrfs(), st.integers(1, 65534))
def test_another_resource_changes_no_line_of_those_that_are_there(
    wanted: DesiredVrf, seq: int
) -> None:
    if seq in {policy.seq for policy in wanted.policies}:
        return
    rule = PrefixRule.parse(Field({"cidr": "10.0.0.0/8", "action": "permit"}), 0)
    policy = ResourcePolicy("added", seq, (rule,), (rule,))
    more = DesiredVrf(wanted.name, wanted.vni, tuple(sorted((*wanted.policies, policy), key=_seq)))
    before, after = rendered(wanted).splitlines(), rendered(more).splitlines()
    rest = iter(after)
    assert all(line in rest for line in before), "the old text is there, in its order"
    added = set(after) - set(before)
    own = re.compile(rf".*_(import|export)(_v6)?( permit {seq}|_{seq}( .*)?)")
    assert all(own.fullmatch(line) for line in added)


def _seq(policy: ResourcePolicy) -> int:
    return policy.seq


@settings(max_examples=30, deadline=None)
@given(many)
def test_the_same_is_rendered_from_the_same(wanted: list[DesiredVrf]) -> None:
    assert rendered(*wanted) == rendered(*wanted)


def test_a_direction_without_rules_permits_nothing() -> None:
    item = {"cidr": "10.0.0.0/8", "action": "permit"}
    one = DesiredVrf.parse(
        Field({"name": "red", "vni": 5, "policies": [
            {"resource": "a", "seq": 7, "imports": [item], "exports": []}]})
    )  # fmt: skip
    text = rendered(one)
    assert "route-map rm_red_export deny 65535" in text
    assert "route-map rm_red_export permit" not in text


def test_a_policy_vrf_has_maps_and_nothing_else() -> None:
    text = rendered(vrf("mgmt_vrf", None))
    assert "route-map rm_mgmt_vrf_export permit 10" in text
    assert not re.search(r"(vr|vd|dv|br)\.mgmt_vrf|interface", text)


def test_no_interface_stanza_ever() -> None:
    for case in cases():
        assert not re.search(r"(?m)^\s*interface ", case.render())


@pytest.mark.parametrize("name", ["red\n vni 6", "red vni", "a;b", "a!b", "r\u00e9d", "{{a}}"])
def test_names_that_would_inject_lines_do_not_get_in(name: str) -> None:
    with pytest.raises(FieldError):
        vrf(name, 5)
    with pytest.raises(UnsafeValueError):
        rendered(DesiredVrf(name, 5, vrf("red", 5).policies))


def test_resource_names_do_not_reach_frr() -> None:
    policy = vrf("red", 5).policies[0]
    evil = ResourcePolicy("x\nrouter bgp 1", policy.seq, policy.imports, policy.exports)
    assert rendered(DesiredVrf("red", 5, (evil,))) == rendered(vrf("red", 5))


def test_missing_values_are_named() -> None:
    asking = template("hostname {{.Hostname}}\nip route {{.HostRouterID}}/32 Null0\n" + BASE)
    nothing = Intent((), "bad name", None, None)
    assert missing_values(asking, nothing) == (Value.HOSTNAME, Value.HOST_ROUTER_ID)
    assert missing_values(template(), nothing) == ()
    needy = Intent((vrf("red", 5),), "n", None, None)
    assert missing_values(template(), needy) == (Value.UNDERLAY_ROUTER_ID,)
    assert missing_values(template(), Intent((vrf("m", None),), "n", None, None)) == ()


def test_500_resources_of_100_prefixes_are_rendered_quickly() -> None:
    rules = tuple(
        PrefixRule.parse(Field({"cidr": f"10.{n}.0.0/16", "action": "permit"}), n)
        for n in range(50)
    )
    wanted = [
        DesiredVrf(
            f"v{n}", n + 1, tuple(ResourcePolicy("r", s, rules, rules) for s in range(1, 11))
        )
        for n in range(50)
    ]
    began = time.process_time()
    text = rendered(*wanted)
    assert text.count("prefix-list pl_") == 50 * 10 * 102
    # Far above what it takes; it catches a square, not a slow machine.
    assert time.process_time() - began < 10
