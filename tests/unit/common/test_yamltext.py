# SPDX-License-Identifier: Apache-2.0
"""YAML as people write it: strict where PyYAML is silent, and one bad document hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netop.common.edge import Field, FieldError
from netop.common.settings import SettingsError, parse_settings
from netop.common.yamltext import YamlError, load, parts
from netop.crd_watcher.manifests import read_manifests
from tests.unit.crd_watcher.objects import body, text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: [", "line 3, column 1: while parsing a flow node"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: " + "9" * 5000, "4300 digits"),
        ("[" * 200_000, "more than 100 lists and maps"),
        ("a: \x00", "control characters are not allowed"),
        ("? [1, 2]\n: x", "unhashable key"),
        ("a: 1\nb: !!int", "line 2, column 4: '' is no !!int"),
        ("b: !!int '_'", "'_' is no !!int"),
        ("b: !!bool maybe", "'maybe' is no !!bool"),
        ("b: !!timestamp foo", "'foo' is no !!timestamp"),
        ("b: !!timestamp 2024-13-45", "month must be in 1..12"),
        ("b: !!float", "line 1, column 4: '' is no !!float"),
        ("b: !!int [1]", "expected a scalar node"),
        ("b: !!set [1]", "expected a mapping node"),
        ("b: !!set {[1]: }", "unhashable key"),
        ("b: !!omap [1]", "expected a mapping of length 1"),
        ("b: !!pairs 1", "expected a sequence"),
        ("b: !!binary ä", "failed to convert base64"),
    ],
)
def test_what_is_not_to_be_used_is_one_error_of_one_line(text: str, complaint: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_timestamp_stays_text_and_merge_keys_work() -> None:
    assert load("{t: 2024-01-02T03:04:05Z, u: 2024-13-45}") == {
        "t": "2024-01-02T03:04:05Z",
        "u": "2024-13-45",
    }
    assert load("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}") == {
        "a": {"k": 1, "l": 2},
        "b": {"k": 3, "l": 2},
    }


def test_a_config_file_with_impossible_numbers_is_told_not_fatal() -> None:
    with pytest.raises(SettingsError, match="4300 digits"):
        parse_settings("vnimap: {red: " + "9" * 5000 + "}", "config.yaml")


@pytest.mark.parametrize(
    "value",
    ["!!int", "!!bool maybe", "!!timestamp foo", pytest.param(f"0x{'f' * 5000}", id="huge")],
)
def test_a_value_that_cannot_be_made_costs_only_its_resource(value: str, tmp_path: Path) -> None:
    """Each of these ended the daemon, again and again."""
    good, bad = text(body("good")), text(body("bad")).replace('"seq": 10', f'"seq": {value}')
    (tmp_path / "a.yaml").write_text(f"{bad}---\n{good}")
    snapshot = read_manifests(tmp_path)
    assert [each.name for each in snapshot.resources] == ["good"]
    assert len(snapshot.unreadable) == 1


def test_a_number_that_python_does_not_write_in_config_yaml_is_told() -> None:
    huge = f"0x{'f' * 5000}"
    text = f"vnimap:\n  red: {huge}\n  ? {huge}\n  : 1\n? {huge}\n: 1\n"
    settings = parse_settings(text, "config.yaml")
    assert len(settings.problems) == 3
    assert all("0xfff" in str(each) for each in settings.problems)


def test_nested_aliases_are_shown_within_bounds() -> None:
    bomb = "x0: &x0 [1,1]\n" + "".join(
        f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 40)
    )
    with pytest.raises(FieldError) as caught:
        Field(load(bomb))["x39"].text()
    assert len(str(caught.value)) < 200


def test_the_documents_of_a_stream_with_their_lines() -> None:
    text = (
        "# a comment\n%YAML 1.1\n---\na: 1\n--- # second\n\nb: |\n  ---\n  text\n"
        "...\n# between\n---\n---\nc: [\n--- d\n"
    )
    found = list(parts(text))
    assert [part.line for part in found] == [1, 5, 13, 15]
    assert load(found[0].text) == {"a": 1}
    assert load(found[1].text) == {"b": "---\ntext\n"}
    with pytest.raises(YamlError, match="line 14|line 15"):
        load(found[2].text, found[2].line)
    assert load(found[3].text) == "d"
    assert list(parts("")) == []
    assert list(parts("---\n---\n# nothing\n...\n")) == []


@given(st.lists(st.dictionaries(st.text("abc", min_size=1), st.integers()), min_size=1))
def test_every_document_is_found(documents: list[dict[str, int]]) -> None:
    import yaml

    text = yaml.safe_dump_all(documents, explicit_start=True)
    assert [load(part.text, part.line) for part in parts(text)] == documents
