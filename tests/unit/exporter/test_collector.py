# SPDX-License-Identifier: Apache-2.0
"""Whatever the daemons write, Prometheus gets text that it takes."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from netop.common.counters import Counted, Row
from netop.common.tally import Count
from netop.exporter.collector import registry_of
from netop.exporter.node import Node, Numbers, Reading
from tests.unit.exporter.documents import ATTACHED, filled, look

EXPORTER = Path(__file__).parents[3] / "services" / "netop" / "exporter"
NOTHING: Reading[Any] = Reading(None, None)


def scraped(node: Node) -> dict[tuple[str, ...], float]:
    text = generate_latest(registry_of(lambda: node)).decode("utf-8")
    found = [
        ((sample.name, *sample.labels.values()), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found), "no series is told twice"
    return dict(found)


def test_of_two_values_of_one_series_one_is_told(tmp_path: Path) -> None:
    node = look(filled(tmp_path))
    twice = dataclasses.replace(ATTACHED, interfaces=ATTACHED.interfaces * 2)
    told = scraped(dataclasses.replace(node, attached=Reading(twice, 1.0)))
    assert told["netop_bpf_interface_attached", "br.red"] == 1


@given(st.text(st.characters(exclude_categories=()), min_size=1), st.integers(0, (1 << 64) - 1))
def test_any_name_and_any_number_arrive(name: str, value: int) -> None:
    counted = Counted(1, (Row(name, value, 0, ""),), ())
    numbers = {"netlink-reconciler": Numbers({Count.LINK_REPAIRS: {name: 1.0}}, 1.0)}
    node = Node(NOTHING, NOTHING, NOTHING, NOTHING, numbers, counted, None)
    told = scraped(node)
    label = name.encode("utf-8", "replace").decode("utf-8")
    assert told["netop_bpf_packets_total", label] == float(value)
    assert told["netop_link_repairs_total", label] == 1


def test_it_imports_no_daemon() -> None:
    for path in EXPORTER.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        own = {module for module in found if module and module.startswith("netop.")}
        assert {module.split(".")[1] for module in own} <= {"common", "exporter"}, path
