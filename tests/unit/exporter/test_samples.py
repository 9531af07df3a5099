# SPDX-License-Identifier: Apache-2.0
"""What stands in the documents is what Prometheus gets, and what is damaged hides nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from netop.common.documents import (
    Attached,
    Desired,
    Document,
    LinkedVrf,
    Links,
    Reload,
    ReloadResult,
    Served,
    VrfState,
)
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.tally import FILE
from netop.common.units import DAEMONS
from netop.exporter.catalogue import ALL
from netop.exporter.frr import KINDS
from netop.exporter.node import observe
from netop.exporter.samples import samples
from tests.unit.exporter.documents import (
    LINKS,
    SERVED,
    filled,
    look,
    no_systemd,
    nobody,
    values,
)


def test_a_busy_node_has_a_value_for_every_metric_there_is(tmp_path: Path) -> None:
    found = list(samples(look(filled(tmp_path))))
    assert {sample.metric for sample in found} == set(ALL)
    series = [(sample.metric, sample.labels) for sample in found]
    assert len(set(series)) == len(series)


def test_vrfs_and_resources_by_what_became_of_them(tmp_path: Path) -> None:
    told = values(look(filled(tmp_path)))
    assert told['netop_resources{state="accepted"}'] == 4
    assert told['netop_resources{state="rejected"}'] == 1
    assert told['netop_problems{document="crd-watcher/desired.json"}'] == 1
    assert told['netop_vrfs{state="prepared"}'] == 1
    assert told['netop_vrfs{state="up"}'] == 1
    assert told['netop_vrfs{state="failed"}'] == 0
    assert told['netop_vrfs{state="policy-only"}'] == 1
    assert told["netop_routing_tables"] == 30
    assert told["netop_routing_tables_used"] == 2


def test_a_vrf_is_served_only_where_frr_and_links_agree(tmp_path: Path) -> None:
    store = filled(tmp_path)
    told = values(look(store))
    assert told['netop_vrf_served{vrf="red"}'] == 1
    assert told['netop_vrf_served{vrf="mgmt_vrf"}'] == 1, "it has no links of ours"
    assert told['netop_vrf_served{vrf="blue"}'] == 0
    other_vni = dataclasses.replace(
        LINKS, vrfs=(LinkedVrf("red", 4000, 51, VrfState.UP, "", ()), LINKS.vrfs[0])
    )
    store.publish(other_vni)
    assert values(look(store))['netop_vrf_served{vrf="red"}'] == 0


def test_the_generation_shows_who_is_behind(tmp_path: Path) -> None:
    told = values(look(filled(tmp_path)))
    assert told['netop_generation{daemon="crd-watcher"}'] == 18
    assert told['netop_generation_lag{daemon="frr-templater"}'] == 1
    assert told['netop_generation_lag{daemon="netlink-reconciler"}'] == 0


def test_the_last_reload(tmp_path: Path) -> None:
    store = filled(tmp_path)
    told = values(look(store))
    assert told['netop_frr_last_reload_result{result="rolled-back"}'] == 1
    assert told['netop_frr_last_reload_result{result="verified"}'] == 0
    assert told["netop_frr_last_reload_duration_seconds"] == 2.5
    assert told["netop_frr_last_reload_passes"] == 2
    assert told["netop_frr_last_reload_timestamp_seconds"] == 1795395723
    store.publish(dataclasses.replace(SERVED, reload=Reload(ReloadResult.NONE, "", 0, 0, "", ())))
    told = values(look(store))
    assert told['netop_frr_last_reload_result{result="none"}'] == 1
    assert "netop_frr_last_reload_duration_seconds" not in told


def test_problems_with_frr_are_told_while_they_stand_and_no_longer(tmp_path: Path) -> None:
    store = filled(tmp_path)
    messages = (Message.CANDIDATE_REFUSED, Message.CANDIDATE_REFUSED, Message.CHANGE_REFUSED,
                Message.FRR_NOT_REPAIRED, Message.HAND_EDIT_RUNNING, None)  # fmt: skip
    problems = tuple(Problem("frr.conf", "is wrong", message=message) for message in messages)
    store.publish(dataclasses.replace(SERVED, problems=problems))
    told = values(look(store))
    assert told['netop_frr_problems{kind="candidate_refused"}'] == 2
    assert told['netop_frr_problems{kind="change_refused"}'] == 1
    assert told['netop_frr_problems{kind="not_repaired"}'] == 1
    store.publish(dataclasses.replace(SERVED, problems=()))
    told = values(look(store))
    found = {name: value for name, value in told.items() if name.startswith("netop_frr_problems{")}
    assert set(found.values()) == {0}
    assert len(found) == len(KINDS)


def test_a_dead_frr_is_told_and_so_is_one_that_hangs(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert values(look(store))["netop_frr_alive"] == 1
    down = Problem("FRR", "bgpd of FRR does not run", message=Message.FRR_DOWN)
    store.publish(dataclasses.replace(SERVED, alive=False, problems=(down,)))
    told = values(look(store))
    # systemd sees watchfrr, which lives.
    assert told["netop_frr_up"] == 1
    assert told["netop_frr_alive"] == 0
    assert told['netop_frr_problems{kind="down"}'] == 1


def test_the_router_and_its_interfaces(tmp_path: Path) -> None:
    told = values(look(filled(tmp_path)))
    assert told['netop_bpf_interfaces{state="attached"}'] == 1
    assert told['netop_bpf_interfaces{state="refused"}'] == 1
    assert told['netop_bpf_interfaces{state="waiting"}'] == 1
    assert told['netop_bpf_interface_attached{interface="vx.red"}'] == 0
    assert told['netop_bpf_packets_total{decision="forwarded"}'] == 5
    assert told['netop_bpf_bytes_total{decision="forwarded"}'] == 500
    assert told['netop_bpf_fib_packets_total{result="success"}'] == 4
    assert told['netop_bpf_program_info{tag="abcdef"}'] == 1


def test_the_daemons_in_the_eyes_of_systemd(tmp_path: Path) -> None:
    told = values(look(filled(tmp_path)))
    for daemon in DAEMONS:
        assert told[f'netop_daemon_up{{daemon="{daemon}"}}'] == 1
        assert told[f'netop_daemon_restarts_total{{daemon="{daemon}"}}'] == 2
        assert told[f'netop_daemon_memory_bytes{{daemon="{daemon}"}}'] == 1 << 20
        assert told[f'netop_daemon_cpu_seconds_total{{daemon="{daemon}"}}'] == 1.5
    assert told["netop_target_active"] == told["netop_frr_up"] == 1


@pytest.mark.parametrize("kind", [Desired, Links, Served, Attached])
@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 99}', "\udcff"])
def test_a_damaged_document_says_so_and_hides_nothing_else(
    tmp_path: Path, kind: type[Document], damage: str
) -> None:
    store = filled(tmp_path)
    whole = values(look(store))
    store.path(kind).write_bytes(damage.encode("utf-8", "surrogateescape"))
    told = values(look(store))
    name = f"{kind.WRITER}/{kind.FILE}"
    assert told[f'netop_document_readable{{document="{name}"}}'] == 0
    assert told[f'netop_document_present{{document="{name}"}}'] == 1
    others = [one for one in (Desired, Links, Served, Attached) if one is not kind]
    for other in others:
        assert f'netop_generation{{daemon="{other.WRITER}"}}' in told
    counted = {name for name in whole if name.startswith(("netop_bpf_packets", "netop_daemon"))}
    assert counted <= told.keys()


def test_a_node_that_is_not_provisioned_is_no_error(tmp_path: Path) -> None:
    told = values(observe(filled(tmp_path / "other"), no_systemd, nobody))
    assert told["netop_systemd_readable"] == 0
    assert told["netop_bpf_counters_readable"] == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    told = values(
        observe(dataclasses.replace(filled(tmp_path / "a"), root=empty), no_systemd, nobody)
    )
    assert set(told.values()) == {0, 1}
    assert told['netop_document_present{document="crd-watcher/desired.json"}'] == 0
    assert not any(name.startswith(("netop_vrf", "netop_generation")) for name in told)


@pytest.mark.parametrize(
    "damage", ["", "{", '{"version": 1, "numbers": {"frr_reloads": {"verified": "many"}}}']
)
def test_damaged_numbers_say_so(tmp_path: Path, damage: str) -> None:
    store = filled(tmp_path)
    (tmp_path / "frr-templater" / FILE).write_text(damage, encoding="utf-8")
    told = values(look(store))
    assert told['netop_document_readable{document="frr-templater/metrics.json"}'] == 0
    assert 'netop_frr_reloads_total{result="rolled-back"}' not in told
    assert told['netop_link_repairs_total{vrf="red"}'] == 1


def test_labels_that_a_metric_does_not_have_are_not_told(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "frr-templater" / FILE).write_text(
        '{"version": 1, "numbers": {"frr_reload_seconds": {"": 3, "odd": 4}, "other": {"": 1}}}',
        encoding="utf-8",
    )
    told = values(look(store))
    assert told["netop_frr_reload_seconds_total"] == 3
    assert not any("odd" in name or "other" in name for name in told)
