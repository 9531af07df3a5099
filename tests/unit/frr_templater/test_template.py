# SPDX-License-Identifier: Apache-2.0
"""The template: made once, checked in full, and never evaluated."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netop.frr_templater.files import Files
from netop.frr_templater.hints import Section, Value
from netop.frr_templater.render import Intent, render
from netop.frr_templater.template import (
    Place,
    Template,
    TemplateError,
    make_template,
    parse_template,
    unmark_default,
)
from tests.frr.golden import Case, cases
from tests.unit.frr_templater.fakes import BASE, vrf


def parse(text: str) -> Template:
    return parse_template(text, "frr.conf.tpl")


def complaints(text: str) -> list[str]:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_the_hints_of_the_seed_become_places() -> None:
    template = parse(BASE)
    assert [piece.section for piece in template.pieces if isinstance(piece, Place)] == [
        Section.VRFS,
        Section.NEIGHBORS,
        Section.NEIGHBORS_V4,
        Section.BGP,
        Section.PREFIX_LISTS,
        Section.ROUTE_MAPS,
    ]
    assert template.asn == 64512
    assert template.ipv4_by_default
    assert not template.ipv6


@pytest.mark.parametrize(
    "name", ["VRFs", "Neighbors", "NeighborsV4", "BGP", "PrefixLists", "RouteMaps"]
)
def test_a_missing_hint_is_named_with_its_place(name: str) -> None:
    text = "".join(line for line in BASE.splitlines(True) if f".{name}}}" not in line)
    [complaint] = complaints(text)
    assert complaint.startswith(f"frr.conf.tpl: the hint #++{{{{.{name}}}}} is missing; it belongs")


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = complaints("router bgp 64512\nexit\n{{.Nonsense}}\n{{.VRFs}}\n{{.VRFs}}\n")
    text = "\n".join(found)
    assert "line 3: {{.Nonsense}} is no hint that netop knows; known are VRFs" in text
    assert "line 5: #++{{.VRFs}} stands here and in line 4; keep one of the two" in text
    assert "line 1: `router bgp 64512` lacks `vrf default`; write `router bgp 64512" in text
    assert "the hint #++{{.RouteMaps}} is missing" in text


def test_without_router_bgp_of_the_default_vrf() -> None:
    text = BASE.replace("router bgp 64512 vrf default", "router bgp 64512 vrf red")
    found = complaints(text)
    assert "frr.conf.tpl: there is no `router bgp <ASN> vrf default`" in found[-1]
    assert "line 8: #++{{.Neighbors}} stands inside `router bgp 64512 vrf red`" in found[0]


def test_a_hint_in_the_wrong_block_is_told_where_it_belongs() -> None:
    moved = BASE.replace(" #++{{.Neighbors}}\n", "").replace(
        "  #++{{.NeighborsV4}}\n", "  #++{{.Neighbors}}\n  #++{{.NeighborsV4}}\n"
    )
    [complaint] = complaints(moved)
    assert "{{.Neighbors}} stands inside `address-family ipv4 unicast`" in complaint
    assert "it belongs inside `router bgp <ASN> vrf default`" in complaint


def test_neighbors_come_before_their_families() -> None:
    text = BASE.replace(" #++{{.Neighbors}}\n", "").replace(
        " exit-address-family\n", " exit-address-family\n #++{{.Neighbors}}\n"
    )
    [complaint] = complaints(text)
    assert "{{.NeighborsV4}} stands in front of" in complaint


def test_the_vrfs_of_bgp_come_behind_the_default_one() -> None:
    text = "#++{{.BGP}}\n" + BASE.replace("#++{{.BGP}}\n", "")
    [complaint] = complaints(text)
    assert "{{.BGP}} stands in front of `router bgp` of the default VRF" in complaint


def test_a_section_amid_an_open_block_is_refused() -> None:
    text = BASE.replace(
        "#++{{.BGP}}", "router bgp 64512 vrf x\n#++{{.BGP}}\n bgp router-id 192.0.2.9\nexit"
    )
    [complaint] = complaints(text)
    assert "{{.BGP}} stands inside `router bgp 64512 vrf x`" in complaint
    assert "`exit` closes a block" in complaint


def test_a_block_that_what_follows_closes_is_closed_before_the_section() -> None:
    text = BASE.replace(" exit-address-family\nexit\n", "")
    template = parse(text)
    [place] = [p for p in template.pieces if isinstance(p, Place) and p.section == Section.BGP]
    assert place.exits == 2
    rendered = render(template, Intent((vrf("red", 5),), "n", IPv4Address("192.0.2.1"), None))
    lines = rendered.splitlines()
    assert lines[lines.index("! netop: begin BGP") - 2 :][:2] == ["exit", "exit"]


def test_the_underlays_evpn_in_its_own_vrf_stands_first() -> None:
    late = BASE + "router bgp 64512 vrf fabric\n address-family l2vpn evpn\n  advertise-all-vni\n"
    [complaint] = complaints(late)
    assert "`advertise-all-vni` of VRF fabric stands behind the `router bgp` of the" in complaint


def test_comments_and_foreign_braces_are_left_alone() -> None:
    odd = "! a note on {{.VRFs}} and {{.What}}\ninterface x\n description {{ jinja }} {% if %}\n"
    rendered = render(parse(odd + BASE), Intent((), "n", None, None))
    assert odd in rendered


def test_values_are_filled_in_where_they_stand() -> None:
    text = "hostname {{.Hostname}}\nip route {{.HostRouterID}}/32 {{.UnderlayRouterID}}\n" + BASE
    template = parse(text)
    assert template.uses(Value.HOSTNAME)
    ids = IPv4Address("192.0.2.1"), IPv4Address("10.0.0.1")
    rendered = render(template, Intent((), "node-7.site", *ids))
    assert "hostname node-7.site\nip route 10.0.0.1/32 192.0.2.1\n" in rendered


def test_a_section_shares_its_line_with_nothing() -> None:
    [complaint, *_] = complaints(BASE.replace("#++{{.BGP}}", "ip route {{.BGP}}"))
    assert "{{.BGP}} must stand alone on its line" in complaint


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_rendered_file_gives_its_template_again(case: Case) -> None:
    again = make_template(case.text("expected.conf"), "frr.conf")
    links = case.links()
    intent = Intent(case.vrfs(), "node1", links.router_id, links.host_router_id)
    assert render(parse(again), intent) == case.text("expected.conf")


def test_a_file_without_hints_makes_no_template() -> None:
    with pytest.raises(TemplateError, match=r"frr\.conf: has no hints such as #\+\+\{\{\.VRFs"):
        make_template("hostname x\n! {{.VRFs}}\n", "frr.conf")


def test_the_template_is_made_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.configuration.write_text(BASE)
    made = files.load()
    assert made.made
    assert files.template.read_text() == BASE.replace("#++", "")
    assert files.template.stat().st_mode & 0o777 == 0o640
    files.configuration.write_text("hostname other\n")
    again = files.load()
    assert (again.made, again.mark) == (False, made.mark)
    files.template.unlink()
    with pytest.raises(TemplateError, match="has no hints"):
        files.load()
    assert not files.template.exists()


def test_a_wrong_frr_conf_makes_no_template(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with pytest.raises(TemplateError, match=r"there is no .*frr\.conf to make it from"):
        files.load()
    files.configuration.write_text(BASE.replace(" vrf default", ""))
    with pytest.raises(TemplateError, match="lacks `vrf default`"):
        files.load()
    files.configuration.write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match="is not text in UTF-8"):
        files.load()
    assert not files.template.exists()


def test_only_the_default_vrf_loses_its_mark() -> None:
    for line, shown in [
        ("router bgp 65000 vrf default", "router bgp 65000"),
        ("router bgp 65000 vrf  default ", "router bgp 65000 "),
        ("router bgp 65000 vrf default as-notation dot", "router bgp 65000 as-notation dot"),
        ("router bgp 65000 vrf default-gw", "router bgp 65000 vrf default-gw"),
        ("router bgp 65000 vrf default.old", "router bgp 65000 vrf default.old"),
        ("router bgp 65000 vrf defaults", "router bgp 65000 vrf defaults"),
    ]:
        assert unmark_default(line) == shown
