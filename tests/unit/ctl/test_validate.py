# SPDX-License-Identifier: Apache-2.0
"""`netopctl validate` names file and line of each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.ctl.__main__ import parser
from netop.ctl.validate import validate

GOOD = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata:
  name: red-a
spec:
  vrf: red
  seq: 10
  import:
  - cidr: 10.0.0.0/8
    le: 24
    action: permit
  export: []
"""


def written(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def told(directory: Path, *paths: Path, config: Path | None = None) -> list[str]:
    complaints, _ = validate(paths or [directory], config)
    return [str(complaint).removeprefix(f"{directory}/") for complaint in complaints]


def test_what_is_right_is_right(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", GOOD)
    assert validate([path], None) == ([], 1)


def test_the_line_is_that_of_the_field(tmp_path: Path) -> None:
    text = GOOD + "---\n" + GOOD.replace("red-a", "red-b").replace("10.0.0.0/8", "10.0.0/8")
    written(tmp_path, "a.yaml", text)
    assert told(tmp_path) == [
        "a.yaml:22: red-b: spec.import[0].cidr: '10.0.0/8' is not an IPv4 or IPv6 prefix"
    ]


def test_a_field_that_is_missing_is_told_at_what_should_have_it(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", GOOD.replace("  seq: 10\n", ""))
    (line,) = told(tmp_path)
    assert line.startswith("a.yaml:6: red-a: spec.seq: ")


def test_a_name_that_stands_twice_is_told_at_the_second(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", GOOD + "---\n" + GOOD)
    written(tmp_path, "b.yaml", "# mine\n" + GOOD)
    here, there = told(tmp_path)
    assert here.startswith("a.yaml:13: red-a: metadata.name: the one at line 13 is the second")
    assert there.startswith("b.yaml:1: red-a: metadata.name: the one at line 1 is the second")


def test_objects_of_a_list_are_found(tmp_path: Path) -> None:
    inner = "".join(f"  {line}\n" for line in GOOD.replace("seq: 10", "seq: 0").splitlines())
    written(tmp_path, "a.yaml", f"apiVersion: v1\nkind: List\nitems:\n- {inner[2:]}")
    (line,) = told(tmp_path)
    assert line.startswith("a.yaml:10: red-a: spec.seq: 0 is not between")


def test_two_resources_with_one_number_conflict(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", GOOD)
    written(tmp_path, "b.yaml", GOOD.replace("red-a", "red-b"))
    (line,) = told(tmp_path)
    assert line.startswith("b.yaml:7: red-b: spec.seq: 10 of VRF red already belongs to")


def test_broken_yaml_is_told_at_its_line_and_hides_nothing(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", GOOD.replace("seq: 10", "seq: [") + "---\n" + GOOD)
    complaints, count = validate([tmp_path], None)
    assert count == 1
    assert [complaint.line for complaint in complaints] == [9]


def test_something_else_than_a_resource_is_told(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", GOOD + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n")
    (line,) = told(tmp_path)
    assert "'Secret' of 'v1'" in line


def test_a_vrf_must_be_known_to_the_site_where_its_config_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", GOOD)
    config = written(tmp_path, "config.yml", "mtuu: 9000\nvnimap:\n  blue: 0\n")
    lines = told(tmp_path, path, config=config)
    assert len(lines) == 3
    assert lines[0].startswith("a.yaml:6: red-a: spec.vrf: the VRF 'red' is in neither vnimap")
    assert lines[1].startswith("config.yml:1: mtuu: is no setting")
    assert lines[2].startswith("config.yml:3: vnimap.blue: 0 is not between 1 and")
    config.write_text("vnimap: {red: 5001}", encoding="utf-8")
    assert told(tmp_path, path, config=config) == []


def test_a_config_that_is_no_yaml_is_told_at_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", GOOD)
    config = written(tmp_path, "config.yml", "vnimap:\n  red: [\n")
    (line,) = told(tmp_path, path, config=config)
    assert line.startswith("config.yml:")


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = parser().parse_args(["validate", str(tmp_path / "a.yaml")])
    assert arguments.run(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path}/a.yaml:1: cannot be read: No such file or directory\n"
    assert shown.err == "netopctl: 1 thing to mend\n"
