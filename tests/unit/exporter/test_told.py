# SPDX-License-Identifier: Apache-2.0
"""What documentation, alert rules and dashboard say of the metrics is true."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from netop.exporter.catalogue import ALL
from netop.exporter.metric import Kind
from tests.unit.exporter import table

SOURCE = Path(__file__).parents[3]
ALERTS = SOURCE / "packaging" / "prometheus" / "alerts.yml"
ALERTS_TESTS = SOURCE / "tests" / "prometheus" / "alerts_test.yml"
DASHBOARD = SOURCE / "packaging" / "grafana" / "netop.json"
NAMES = {metric.name for metric in ALL}


def test_the_table_of_the_documentation_is_the_catalogue() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_the_manual_has_the_same_configuration_as_the_documentation() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    written = re.search(r"```yaml\n(scrape_configs:.*?)```", page, re.DOTALL)
    assert written is not None
    manual = SOURCE / "packaging" / "man" / "netop-exporter.service.8"
    assert f"\n{written[1]}" in manual.read_text(encoding="utf-8")


def test_names_follow_the_conventions_of_prometheus() -> None:
    assert len(NAMES) == len(ALL)
    for metric in ALL:
        assert re.fullmatch(r"netop_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.help.endswith("."), metric.name


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_uses_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\bnetop_\w+", rule["expr"]))
    assert used <= NAMES
    assert used or rule["expr"].startswith("up{")
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description"}


def test_each_alert_is_tested() -> None:
    """promtool runs the tests, see tests/container/test_exporter.py."""
    loaded = yaml.safe_load(ALERTS_TESTS.read_text(encoding="utf-8"))
    cases = [case for test in loaded["tests"] for case in test["alert_rule_test"]]
    for fires in (True, False):
        tested = {case["alertname"] for case in cases if bool(case.get("exp_alerts")) == fires}
        assert tested == {rule["alert"] for rule in rules()}


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def test_each_panel_asks_for_metrics_that_exist() -> None:
    for panel in panels():
        for target in panel.get("targets", []):
            used = set(re.findall(r"\bnetop_\w+", target["expr"]))
            assert used, panel["title"]
            assert used <= NAMES, panel["title"]


def test_each_metric_of_the_fabric_has_its_panel() -> None:
    asked = " ".join(target["expr"] for panel in panels() for target in panel.get("targets", []))
    alerted = " ".join(rule["expr"] for rule in rules())
    unseen = {name for name in NAMES if not re.search(rf"\b{name}\b", f"{asked} {alerted}")}
    # They are for whoever asks why another one is missing, or how long ago something was.
    assert unseen == {
        "netop_api_last_list_timestamp_seconds",
        "netop_api_lists_total",
        "netop_api_watches_total",
        "netop_bpf_counters_readable",
        "netop_bpf_fib_bytes_total",
        "netop_bpf_interface_attached",
        "netop_bpf_program_info",
        "netop_bpf_programs_total",
        "netop_document_last_change_timestamp_seconds",
        "netop_frr_last_reload_result",
        "netop_frr_last_reload_timestamp_seconds",
        "netop_frr_reload_passes_total",
        "netop_frr_reload_seconds_total",
        "netop_systemd_readable",
    }


def test_panels_stand_side_by_side() -> None:
    places = [panel["gridPos"] for panel in panels()]
    for place in places:
        assert place["x"] + place["w"] <= 24
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)
