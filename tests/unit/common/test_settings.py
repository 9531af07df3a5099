# SPDX-License-Identifier: Apache-2.0
"""config.yaml: the seed's file works as it stands, and a slip costs only itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netop.common.settings import (
    NodeSettings,
    Settings,
    SettingsError,
    parse_settings,
    read_settings,
)

SEED = """
vnimap: # VRF name to VNI mapping for the site
  vrf1: 100
  vrf2: 101
skipVRFConfig: # Only configure route-maps / prefix-lists
- mgmt_vrf
bpfInterfaces:
- "br.mgmt_vrf"
- "vx.200"
"""


def test_the_seeds_file_works_as_it_stands() -> None:
    settings = parse_settings(SEED, "config.yaml")
    assert settings.vni_map == (("vrf1", 100), ("vrf2", 101))
    assert settings.skip_vrfs == ("mgmt_vrf",)
    assert settings.bpf_interfaces == ("br.mgmt_vrf", "vx.200")
    assert settings.debounce == 30
    assert settings.node == NodeSettings(50, 79, 9000, "dum.underlay", "br.cluster", None)
    assert settings.problems == ()


def test_the_optional_keys() -> None:
    text = (
        "{debounce: 2.5, tableRange: 100-120, mtu: 1500, underlay: lo1, clusterBridge: b, asn: 7,"
        " nodeName: n1.example.org}"
    )
    settings = parse_settings(text, "config.yaml")
    assert settings.node_name == "n1.example.org"
    assert settings.debounce == 2.5
    assert settings.node == NodeSettings(100, 120, 1500, "lo1", "b", 7)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("vnimap: {red: 0, blue: 5}", "vnimap.red: 0 is not between"),
        ("vnimap: {red: 16777216, blue: 5}", "vnimap.red: 16777216 is not between"),
        ("vnimap: {red: yes, blue: 5}", "vnimap.red: True is not a whole number"),
        ("vnimap: {averylongname: 1, blue: 5}", "longer than 12"),
        ("vnimap: {'a b': 1, blue: 5}", "is no VRF name"),
        ("vnimap: {blue: 5, green: 5}", "VNI 5 already belongs to VRF blue"),
        ("vnimap: {no: 47, blue: 5}", "vnimap: the key False is not text; write it in quotes"),
        ("vnimap: {~: 47, blue: 5}", "vnimap: the key None is not text"),
        ("vnimap: {1.5: 47, blue: 5}", "vnimap: the key 1.5 is not text"),
        ("vnimap: {!!timestamp 2024-01-02: 47, blue: 5}", "date(2024, 1, 2) is not text"),
        ("vnimap: {-300: 47, blue: 5}", "'-300' is no VRF name"),
        ("vnimap: {300: 46, '300': 47, blue: 5}", "vnimap: the key '300' stands twice"),
        ("{vnimap: {blue: 5}, skipVRFConfig: [a/b]}", "is no VRF name"),
        ("{vnimap: {blue: 5}, debounce: soon}", "debounce: 'soon' is not a number"),
        ("{vnimap: {blue: 5}, tableRange: 250-260}", "takes tables 0 or 253 to 255"),
        ("{vnimap: {blue: 5}, mtu: 100}", "mtu: 100 is not between 1280"),
        ("{vnimap: {blue: 5}, nodeName: Node_1}", "nodeName: 'Node_1' is no name of an object"),
        ("{vnimap: {blue: 5}, vniMap: {}}", "vniMap: is no setting of netop"),
    ],
)
def test_a_slip_costs_only_itself(text: str, complaint: str) -> None:
    settings = parse_settings(text, "config.yaml")
    assert settings.vni_of("blue") == 5
    assert len(settings.problems) == 1
    sentence = str(settings.problems[0])
    assert sentence.startswith("config.yaml: ")
    assert complaint in sentence.replace("config.yaml: ", "", 1) or complaint in sentence


def test_a_number_as_a_name_is_the_text_that_it_is_to_kubernetes() -> None:
    settings = parse_settings("vnimap: {red: 100, 300: 301}", "config.yaml")
    assert settings.vni_map == (("300", 301), ("red", 100))
    assert settings.problems == ()


@pytest.mark.parametrize("text", ["- a", "just words", "vnimap: [}", "\x00"])
def test_a_file_that_is_no_mapping_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^config\.yaml: "):
        parse_settings(text, "config.yaml")


@pytest.mark.parametrize("text", ["", " \n\n", "# nothing yet\n", "---\n", "~"])
def test_an_empty_file_is_half_written_rather_than_meant(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^config\.yaml: is empty; write \{\} to mean"):
        parse_settings(text, "config.yaml")
    assert parse_settings("{}", "config.yaml") == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vnimap: [red]", "vnimap: ['red'] is not a mapping; write one line a VRF, such as"),
        ("vnimap: red", "vnimap: 'red' is not a mapping"),
        ("skipVRFConfig: mgmt", "skipVRFConfig: 'mgmt' is not a list; write one '- name' a line"),
        ("skipVRFConfig: {mgmt: 1}", "skipVRFConfig: {'mgmt': 1} is not a list"),
        ("bpfInterfaces: eth0", "bpfInterfaces: 'eth0' is not a list"),
    ],
)
def test_a_section_that_is_none_is_no_wish_to_have_it_empty(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(f"{{{text}, mtu: 1500}}", "config.yaml")
    assert str(caught.value).startswith(f"config.yaml: {sentence}")


BEFORE = (
    "{vnimap: {red: 100, blue: 200}, debounce: 2.5, tableRange: 100-120, mtu: 1500,"
    " underlay: lo1, clusterBridge: b, asn: 7, nodeName: n1, skipVRFConfig: [mgmt],"
    " bpfInterfaces: [eth0]}"
)


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("100-120", "100", "tableRange: 100 is not text; write it as '50-79'; 100-120 stays"),
        ("1500", "x", "mtu: 'x' is not a whole number; 1500 stays"),
        ("lo1", "''", "underlay: '' is no interface name; lo1 stays"),
        ("b,", "[],", "clusterBridge: [] is not text; b stays"),
        ("asn: 7", "asn: 0", "asn: 0 is not between 1 and 4294967295; 7 stays"),
        ("2.5", "soon", "debounce: 'soon' is not a number; write seconds; 2.5 stays"),
        ("n1", "N1", "-' and '.' only, beginning and ending with a letter or a digit; n1 stays"),
        ("red: 100", "red: x", "vnimap.red: 'x' is not a whole number; VNI 100 stays"),
        ("red: 100", "red: 200", "vnimap.red: VNI 200 already belongs to VRF blue; VNI 100 stays"),
    ],
)
def test_a_slip_leaves_what_was_in_force(right: str, wrong: str, sentence: str) -> None:
    before = parse_settings(BEFORE, "config.yaml")
    assert BEFORE.count(right) == 1
    after = parse_settings(BEFORE.replace(right, wrong), "config.yaml", before)
    assert replace(after, problems=()) == before
    assert [f"{sentence} in force meanwhile" in str(each) for each in after.problems] == [True]


def test_where_nothing_was_in_force_a_slip_means_the_default() -> None:
    text = "{tableRange: 60, mtu: x, underlay: '', asn: x, nodeName: N1}"
    settings = parse_settings(text, "config.yaml")
    assert replace(settings, problems=()) == Settings()
    assert [str(each).rpartition("; ")[2] for each in settings.problems] == [
        "50-79 is used meanwhile",
        "9000 is used meanwhile",
        "dum.underlay is used meanwhile",
        "the default is used meanwhile",
        "the name in the kubeconfig, or the host's, is used meanwhile",
    ]


def test_what_is_left_out_on_purpose_is_not_what_was_in_force() -> None:
    before = parse_settings(BEFORE, "config.yaml")
    assert parse_settings("{}", "config.yaml", before) == Settings()
    empty = "{vnimap: {}, skipVRFConfig: [], bpfInterfaces: []}"
    assert parse_settings(empty, "config.yaml", before) == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vnimap:\nred: 100\nblue: 200", "vnimap: is empty; write {} to mean that"),
        ("skipVRFConfig:", r"skipVRFConfig: is empty; write \[\] to mean that"),
        (
            "vniMap: {red: 100}\nskipVRFConfig: []",
            "vnimap: is left out, and 'vniMap' is no setting; mend the key, or write vnimap: {}",
        ),
        ("vnimap: {}\nskipVRFconfig: [mgmt]", "skipVRFConfig: is left out, and 'skipVRFconfig'"),
        ("bpfInterfaces:", r"bpfInterfaces: is empty; write \[\] to mean that"),
        ("bpfinterfaces: [eth0]", "bpfInterfaces: is left out, and 'bpfinterfaces' is no setting"),
    ],
)
def test_a_section_that_has_lost_all_it_had_is_a_slip(text: str, sentence: str) -> None:
    """Such as entries that are no longer indented. A tool that had none writes it as well."""
    before = parse_settings(BEFORE, "config.yaml")
    with pytest.raises(SettingsError, match=rf"^config\.yaml: {sentence}"):
        parse_settings(text, "config.yaml", before)
    assert parse_settings(text, "config.yaml").vni_map == ()
    assert parse_settings("{vnimap: , skipVRFConfig: }", "config.yaml", Settings()) == Settings()


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)
