# SPDX-License-Identifier: Apache-2.0
"""Metrics of a node that serves something, scraped by curl and by a real Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.container.netop_node import DAEMONS, NetopNode
from tests.container.test_netopctl import MANIFEST, TEMPLATE
from tests.container.test_package import SCRAPE
from tests.lab.container import Bind
from tests.lab.lab import Lab

SOURCE = Path(__file__).parents[2]
PROGRAMS = "/opt/workshop"
SHARE = "/usr/share/netop"
SERVICE = "netop-exporter.service"
REJECTED = MANIFEST.replace("management", "unknown").replace("vrf: mgmt_vrf", "vrf: nowhere")


def prometheus_configuration() -> str:
    """What the documentation says, and hurried."""
    page = (SOURCE / "docs" / "metrics.md").read_text(encoding="utf-8")
    written = re.search(r"```yaml\n(scrape_configs:.*?)```", page, re.DOTALL)
    assert written is not None
    return "global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + written[1]


@pytest.fixture(scope="module")
def serving(lab: Lab, deb: Path) -> Iterator[NetopNode]:
    """A VRF of provisioning, the program on lo, and a resource that is rejected."""
    binds = [Bind(SOURCE, "/src"), Bind(lab.workshop.programs, PROGRAMS)]
    with lab.container(binds) as node:
        node.install(deb)
        netop = NetopNode(node)
        node.write("/etc/netop/manifests/management.yaml", MANIFEST)
        node.write("/etc/netop/manifests/unknown.yaml", REJECTED)
        node.run("cat > /etc/frr/frr.conf && systemctl reload frr", input=TEMPLATE)
        node.run("ip link add br.cluster type bridge; ip address add 10.60.0.1/24 dev br.cluster")
        netop.provision("skipVRFConfig: [mgmt_vrf]\nbpfInterfaces: [lo]\n")
        node.wait_until(
            f"{SCRAPE} | grep -F 'netop_vrf_served{{vrf=\"mgmt_vrf\"}} 1.0'"
            f" && {SCRAPE} | grep -F 'netop_bpf_interface_attached{{interface=\"lo\"}} 1.0'",
            why="the VRF to be served",
            timeout=120,
        )
        yield netop


def scraped(netop: NetopNode) -> dict[tuple[str, ...], float]:
    """All samples: name and values of the labels → value."""
    text = netop.node.run(SCRAPE).stdout
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def document(netop: NetopNode, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(netop.node.read(f"/run/netop/{name}"))
    return read


def test_the_alert_rules_do_what_they_say(lab: Lab) -> None:
    said = lab.workshop.run(
        "promtool check rules --lint=all --lint-fatal packaging/prometheus/alerts.yml 2>&1"
        " && promtool test rules tests/prometheus/alerts_test.yml 2>&1",
        source=SOURCE,
    )
    assert said.stdout.count("SUCCESS") == 2


def test_a_scrape_starts_it(serving: NetopNode) -> None:
    serving.node.run(f"systemctl stop {SERVICE}")
    assert serving.state("netop-exporter.socket") == "active"
    assert scraped(serving)["netop_daemon_up", "frr-templater"] == 1
    serving.node.wait_until(f"systemctl is-active {SERVICE}", why="systemd to have heard of it")
    assert serving.property(SERVICE, "StatusText") == "answers on 127.0.0.1:14789"


def test_it_tells_what_the_documents_say(serving: NetopNode) -> None:
    told, (desired, served, attached, reloads, attachments) = consistent(serving)
    assert told["netop_generation", "crd-watcher"] == desired["generation"]
    assert told["netop_generation", "frr-templater"] == served["generation"]
    assert told["netop_resources", "accepted"] == 1
    assert told["netop_resources", "rejected"] == len(desired["rejected"]) == 1
    assert told["netop_frr_last_reload_duration_seconds",] == served["reload"]["seconds"]
    assert told["netop_frr_last_reload_passes",] == served["reload"]["passes"]
    assert told["netop_frr_last_reload_residuals",] == reloads["frr_residuals"][""]
    assert reloads["frr_reloads"].keys() == {"verified", "rolled-back", "failed", "died"}
    for result, number in reloads["frr_reloads"].items():
        assert told["netop_frr_reloads_total", result] == number
    assert told["netop_frr_reloads_total", "verified"] >= 1
    assert told["netop_bpf_program_info", attached["tag"]] == 1
    for cause, number in attachments["bpf_attachments"].items():
        assert told["netop_bpf_attachments_total", cause] == number
    assert told["netop_bpf_attachments_total", "new"] >= 1
    assert told["netop_frr_up",] == 1
    assert ("netop_api_watch_connected",) not in told, "it has no kubeconfig"


def consistent(netop: NetopNode) -> tuple[dict[tuple[str, ...], float], list[dict[str, Any]]]:
    """A scrape, and what the documents said before it as well as after it."""
    for _ in range(20):
        before = documents(netop)
        netop.node.wait_until(
            f"! {SCRAPE} | grep -E '^netop_[a-z_]+_readable.* 0.0'", why="all to be readable"
        )
        told = scraped(netop)
        if documents(netop) == before:
            return told, before
    raise AssertionError("the documents never rest")


def documents(netop: NetopNode) -> list[dict[str, Any]]:
    return [
        document(netop, "crd-watcher/desired.json"),
        document(netop, "frr-templater/served.json"),
        document(netop, "bpf-guardian/attached.json"),
        document(netop, "frr-templater/metrics.json")["numbers"],
        document(netop, "bpf-guardian/metrics.json")["numbers"],
    ]


def test_the_counters_are_the_programs_own(serving: NetopNode) -> None:
    before = scraped(serving)
    serving.node.run("ping -c 3 -i 0.01 127.0.0.1")
    after = scraped(serving)
    now = json.loads(serving.node.output("netopctl counters --json"))["decisions"]
    counted = [series for series in after if series[0] == "netop_bpf_packets_total"]
    assert {decision for _, decision in counted} == set(now)
    assert sum(before[each] for each in counted) + 3 <= sum(after[each] for each in counted)
    assert all(after[each] <= now[each[1]]["packets"] for each in counted)


def test_promtool_finds_no_fault_with_the_text(serving: NetopNode) -> None:
    said = serving.node.run(f"{SCRAPE} | {PROGRAMS}/promtool check metrics")
    assert said.stdout + said.stderr == ""


def test_a_damaged_document_and_a_killed_exporter_cost_no_scrape(serving: NetopNode) -> None:
    path = "/run/netop/netlink-reconciler/links.json"
    # The reconciler would write it anew at once.
    serving.node.run(f"systemctl stop netop-netlink-reconciler; cp -p {path} /tmp; echo > {path}")
    told = scraped(serving)
    assert told["netop_document_readable", "netlink-reconciler/links.json"] == 0
    assert told["netop_document_present", "netlink-reconciler/links.json"] == 1
    assert told["netop_daemon_up", "netlink-reconciler"] == 0
    assert told["netop_vrf_served", "mgmt_vrf"] == 1
    serving.node.run(f"cp -p /tmp/links.json {path}; systemctl start netop-netlink-reconciler")
    serving.node.run(f"systemctl kill --signal=KILL {SERVICE}")
    assert scraped(serving)["netop_document_readable", "netlink-reconciler/links.json"] == 1


def test_prometheus_takes_it_with_every_rule_and_every_panel(serving: NetopNode) -> None:
    serving.node.write("/tmp/prometheus.yml", prometheus_configuration())
    serving.node.run(
        f"systemd-run --unit=prometheus {PROGRAMS}/prometheus --config.file=/tmp/prometheus.yml"
        " --storage.tsdb.path=/tmp/prometheus --web.listen-address=127.0.0.1:9090"
    )
    try:
        query = "curl -sS http://127.0.0.1:9090/api/v1/"
        serving.node.wait_until(
            f"{query}query -G --data-urlencode 'query=count_over_time(netop_build_info[1m]) > 3'"
            " | grep -F '\"metric\"'",
            why="Prometheus to have scraped",
        )
        asked = "python3 /src/tests/container/inside/dashboard.py"
        panels = json.loads(serving.node.output(f"{asked} {SHARE}/grafana/netop.json"))
        # No kubeconfig, no VRF with links, nothing went wrong; and not every kernel keeps account.
        without = {title for title, series in panels.items() if 0 in series}
        assert without - {"Memory", "Processor time"} == EMPTY
        serving.node.run("systemctl stop netop-crd-watcher")
        serving.node.wait_until(
            f"{query}alerts | grep -F NetopDaemonDown", why="an alert to be pending"
        )
        rules = json.loads(serving.node.output(f"{query}rules"))["data"]["groups"][0]["rules"]
        assert {rule["health"] for rule in rules} == {"ok"}
        told = {rule["name"] for rule in rules if rule["state"] != "inactive"}
        assert told >= {"NetopDaemonDown", "NetopResourceRejected"}
    finally:
        serving.node.run("systemctl start netop-crd-watcher; systemctl stop prometheus")


#: Panels that have nothing to show on this node.
EMPTY = {
    "VRFs not served",
    "Route lookups by result",
    "Links put right",
    "Failures of list and watch",
    "Age of the last watch",
}


def test_it_outlives_netop_and_what_was_counted_outlives_the_daemons(serving: NetopNode) -> None:
    reloads = ("netop_frr_reloads_total", "verified")
    before = scraped(serving)
    serving.node.run("systemctl stop netop.target")
    told = scraped(serving)
    assert told["netop_target_active",] == 0
    assert {told["netop_daemon_up", daemon] for daemon in DAEMONS} == {0}
    assert told[reloads] >= before[reloads] >= 1
    serving.node.run("systemctl start netop.target")
    serving.await_active()
    assert scraped(serving)[reloads] >= before[reloads]
