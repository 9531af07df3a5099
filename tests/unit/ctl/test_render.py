# SPDX-License-Identifier: Apache-2.0
"""`netopctl render` shows the very file that the templater would write."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path

import pytest

from netop.common.documents import Desired
from netop.common.store import Store
from netop.ctl.intent import IntentError, wanted
from netop.ctl.render import RenderError, read_template, rendered
from netop.frr_templater.files import Files
from tests.frr.golden import CASES, HOSTNAME, Case

SEED = Case(CASES / "seed")
RESOURCE = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata: {name: red-a}
spec: {vrf: red, seq: 10, import: [{cidr: 10.0.0.0/8, action: permit}]}
"""


@pytest.fixture(autouse=True)
def hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: HOSTNAME)


def test_it_is_what_the_templater_writes() -> None:
    text = rendered(SEED.desired(), SEED.links(), SEED.template())
    assert text == SEED.text("expected.conf")


def test_an_unknown_router_id_is_asked_for() -> None:
    links = dataclasses.replace(SEED.links(), router_id=None)
    with pytest.raises(RenderError, match="--router-id"):
        rendered(SEED.desired(), links, SEED.template())
    given = rendered(SEED.desired(), None, SEED.template(), ipaddress.IPv4Address("192.0.2.1"))
    assert "bgp router-id 192.0.2.1" in given


def test_a_template_that_is_not_made_yet_is_made_in_passing(tmp_path: Path) -> None:
    (tmp_path / "frr.conf").write_text(SEED.text("template"), encoding="utf-8")
    template = read_template(Files(tmp_path), None)
    assert rendered(SEED.desired(), SEED.links(), template) == SEED.text("expected.conf")
    assert [path.name for path in tmp_path.iterdir()] == ["frr.conf"]


def test_a_template_without_hints_is_told(tmp_path: Path) -> None:
    path = tmp_path / "template"
    path.write_text("hostname x\n", encoding="utf-8")
    with pytest.raises(RenderError, match="router bgp"):
        read_template(Files(tmp_path), path)


def test_files_stand_for_the_resources_of_the_node(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("vnimap: {red: 5001}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(
        f"{RESOURCE}---\n{RESOURCE.replace('red', 'blue')}", encoding="utf-8"
    )
    desired = wanted([tmp_path / "a.yaml"], config, Store(tmp_path))
    assert [(vrf.name, vrf.vni) for vrf in desired.vrfs] == [("red", 5001)]
    assert [problem.vrf for problem in desired.rejected] == ["blue"]
    with pytest.raises(IntentError, match=r"nothere\.yaml"):
        wanted([tmp_path / "nothere.yaml"], config, Store(tmp_path))


def test_what_is_wrong_with_the_configuration_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("{vnimap: {red: 5001, blue: many}, mtu: 9}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(RESOURCE, encoding="utf-8")
    desired = wanted([tmp_path / "a.yaml"], config, Store(tmp_path))
    assert [problem.field for problem in desired.rejected] == ["vnimap.blue", "mtu"]


def test_a_configuration_without_resources_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.path(type(SEED.desired())).parent.mkdir()
    store.publish(SEED.desired())
    with pytest.raises(IntentError, match=r"new\.yaml: .*name the resources' files too"):
        wanted([], Path("new.yaml"), store)


@pytest.mark.parametrize(
    "broken",
    [RESOURCE.replace("10.0.0.0/8", "10.0.0.0/88"), RESOURCE.replace("spec:", "spec"), "}"],
)
def test_a_resource_that_becomes_wrong_stays_as_it_is(tmp_path: Path, broken: str) -> None:
    config, file = tmp_path / "config.yml", tmp_path / "a.yaml"
    config.write_text("vnimap: {red: 5001, blue: 5002, green: 5003}", encoding="utf-8")
    file.write_text(f"{RESOURCE}---\n{RESOURCE.replace('red', 'blue')}", encoding="utf-8")
    store = Store(tmp_path)
    store.path(Desired).parent.mkdir()
    before = wanted([file], config, store)
    store.publish(before)
    # blue-a is named no more, so it goes; red-a is misspelled only.
    green = RESOURCE.replace("red", "green")
    file.write_text(f"# red-a\n{broken}\n---\n{green}", encoding="utf-8")
    after = wanted([file], config, store)
    assert after.vrf("red") == before.vrf("red")
    assert after.vrf("blue") is None
    (problem,) = after.rejected
    assert "stays in force" in str(problem)


def test_a_slip_changes_no_more_than_crd_watcher_would(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yml", tmp_path / "a.yaml"
    config.write_text("{vnimap: {red: 5001}, mtu: 1500}", encoding="utf-8")
    file.write_text(RESOURCE, encoding="utf-8")
    store = Store(tmp_path)
    store.path(Desired).parent.mkdir()
    before = wanted([file], config, store)
    store.publish(before)
    config.write_text("{vnimap: {red: many}, mtu: wide}", encoding="utf-8")
    after = wanted([file], config, store)
    assert (after.vrfs, after.node) == (before.vrfs, before.node)
    assert [problem.field for problem in after.rejected] == ["vnimap.red", "mtu"]


def test_a_resource_whose_new_seq_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yml", tmp_path / "a.yaml"
    config.write_text("vnimap: {red: 5001}", encoding="utf-8")
    other = RESOURCE.replace("red-a", "red-b").replace("seq: 10", "seq: 20")
    file.write_text(f"{RESOURCE}---\n{other}", encoding="utf-8")
    store = Store(tmp_path)
    store.path(Desired).parent.mkdir()
    before = wanted([file], config, store)
    store.publish(before)
    file.write_text(f"{RESOURCE}---\n{other.replace('seq: 20', 'seq: 10')}", encoding="utf-8")
    after = wanted([file], config, store)
    assert after.vrfs == before.vrfs
    assert "stays in force" in str(after.rejected[0])


def test_a_resource_that_was_never_right_has_no_effect(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yml", tmp_path / "a.yaml"
    config.write_text("vnimap: {red: 5001}", encoding="utf-8")
    file.write_text(RESOURCE.replace("seq: 10", "seq: many"), encoding="utf-8")
    after = wanted([file], config, Store(tmp_path))
    assert after.vrfs == ()
    assert "until then it has no effect" in str(after.rejected[0])


def test_without_files_it_is_what_the_crd_watcher_published(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(IntentError, match="netop-crd-watcher"):
        wanted([], None, store)
    store.path(type(SEED.desired())).parent.mkdir()
    store.publish(SEED.desired())
    assert wanted([], None, store) == SEED.desired()
