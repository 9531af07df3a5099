# SPDX-License-Identifier: Apache-2.0
"""The reference names every key, hint and field that there is, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from netop.common import settings
from netop.common.settings import NodeSettings, Settings, parse_settings
from netop.frr_templater.hints import HOMES, Section, Value
from tests.unit.docs.pages import SOURCE, page

REFERENCE = page("configuration.md")


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its kind."""
    _, _, behind = REFERENCE.text.partition(f"\n## {heading}\n")
    assert behind, f"{REFERENCE.name} has no section {heading}"
    return behind.partition("\n## ")[0]


def rows(text: str, table: int = 0) -> list[list[str]]:
    """The cells of a table, without its head."""
    tables = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    lines = tables[table].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_key_of_config_yaml_and_no_other() -> None:
    documented = [code(row[0])[0] for row in rows(section("config.yaml"))]
    assert sorted(documented) == sorted(settings._Reading._KNOWN)


def test_the_readers_of_config_yaml_are_the_documented_ones() -> None:
    """A key that the parser reads without knowing it would be told as without effect."""
    source = ast.parse((SOURCE / "services/netop/common/settings.py").read_text(encoding="utf-8"))
    subscripts = {
        str(node.slice.value)
        for node in ast.walk(source)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "self._root"
    }  # fmt: skip
    calls = {
        str(node.args[0].value)
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"self._scalar", "self._list"}
        and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    assert subscripts | calls == set(settings._Reading._KNOWN)


def test_the_defaults_are_those_of_the_code() -> None:
    documented = {code(row[0])[0]: row[2].strip("`") for row in rows(section("config.yaml"))}
    node = NodeSettings()
    assert documented == {
        "vnimap": "empty", "skipVRFConfig": "empty", "bpfInterfaces": "empty",
        "debounce": f"{Settings().debounce:g}",
        "tableRange": f"{node.table_first}-{node.table_last}",
        "mtu": str(node.mtu), "underlay": node.underlay, "clusterBridge": node.cluster_bridge,
        "asn": "not checked", "nodeName": "from the kubeconfig",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["debounce", "mtu", "asn"])
def test_the_ranges_are_those_of_the_code(key: str) -> None:
    told = {code(row[0])[0]: row[1] for row in rows(section("config.yaml"))}
    bounds = re.search(r"number (\d+)-(\d+)", told[key])
    assert bounds is not None
    low, high = int(bounds[1]), int(bounds[2])
    for value in (low, high):
        assert parse_settings(f"{key}: {value}", "x").problems == ()
    for value in (low - 1, high + 1):
        assert parse_settings(f"{key}: {value}", "x").problems != ()


def test_every_hint_and_where_it_belongs() -> None:
    text = section("Hints in frr.conf")
    sections = {code(row[0])[0]: row for row in rows(text)}
    assert list(sections) == [f"#++{{{{.{name}}}}}" for name in Section]
    for name, home in HOMES.items():
        row = sections[f"#++{{{{.{name}}}}}"]
        assert row[1] == home.position
        assert row[2].startswith("yes") == home.needed
    assert [code(row[0])[0] for row in rows(text, 1)] == [f"{{{{.{name}}}}}" for name in Value]


def fields(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        if each["type"] == "array":
            yield f"{prefix}{name}"
            yield from fields(each["items"], "…[].")
        else:
            yield f"{prefix}{name}"


def test_every_field_of_the_resource_and_no_other() -> None:
    crd = yaml.safe_load((SOURCE / "packaging/kubernetes/crd.yaml").read_text(encoding="utf-8"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    documented = {
        name for row in rows(section("VRFRouteConfiguration")) for name in code(row[0])
    } - {"metadata.name"}  # fmt: skip
    assert documented == set(fields(schema, "spec."))


def test_every_variable_that_an_operator_may_set() -> None:
    """What systemd and the libraries set is none of the operator's."""
    of_systemd = {
        "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "WATCHDOG_USEC", "WATCHDOG_PID",
        "JOURNAL_STREAM", "NOTIFY_SOCKET", "BCC_KERNEL_SOURCE", "LISTEN_FDS", "LISTEN_PID",
        "LISTEN_FDNAMES",
    }  # fmt: skip
    read: set[str] = set()
    for path in (SOURCE / "services").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        read |= set(re.findall(r"(?:os\.environ|environment)(?:\.get\(|\[)\s*\"([A-Z_]+)\"", text))
        read |= set(re.findall(r"\"([A-Z_]+)\" (?:not )?in os\.environ", text))
    documented = {code(row[0])[0] for row in rows(section("Environment and options"))}
    assert read - of_systemd == documented


def test_the_manual_has_the_same_keys() -> None:
    manual = (SOURCE / "packaging/man/netop-config.5").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\.It Li (\S+)$", manual, re.MULTILINE)) == sorted(
        settings._Reading._KNOWN
    )
