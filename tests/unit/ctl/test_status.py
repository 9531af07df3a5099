# SPDX-License-Identifier: Apache-2.0
"""`netopctl status` finds the first thing that is wrong, and names it."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from netop.common.documents import Attachment, ServedVrf, Source, VrfState
from netop.common.problem import Problem
from netop.common.store import Store
from netop.common.units import DAEMONS, TARGET, parse_units
from netop.ctl.health import Health
from netop.ctl.node import NodeView, node_view
from netop.ctl.sessions import read_sessions
from netop.ctl.status import as_json, observe, page
from netop.ctl.table import plain, print_page
from netop.ctl.units import daemon_views, read_units
from netop.ctl.vrfs import Documents, VrfView
from netop.ctl.vtysh import VtyshError
from tests.unit.ctl.documents import attachments, linked, well_documents

RUNNING = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0"


def systemctl(**changed: str) -> str:
    """What systemctl shows where all daemons run, but for units whose text is given."""
    blocks = {
        **{f"netop-{daemon}.service": RUNNING for daemon in DAEMONS},
        **{f"netop-{daemon}.path": "LoadState=loaded\nActiveState=active" for daemon in DAEMONS},
        TARGET: "LoadState=loaded\nActiveState=active\nSubState=active",
        "frr.service": RUNNING,
    }
    blocks |= {name.replace("__", "."): text for name, text in changed.items()}
    return "\n\n".join(f"Id={name}\n{text}" for name, text in blocks.items())


def view_of(documents: Documents, units: str = "", damaged: Sequence[str] = ()) -> NodeView:
    shown = units or systemctl()
    return node_view(documents, damaged, daemon_views(read_units(lambda _: shown)))


def vrf_of(view: NodeView, name: str) -> VrfView:
    return next(vrf for vrf in view.vrfs if vrf.name == name)


def test_a_node_on_which_all_is_well() -> None:
    view = view_of(well_documents())
    assert view.verdict.health == Health.WELL
    assert view.verdict.text == "3 of 3 VRFs served"
    assert [vrf.trouble for vrf in view.vrfs] == ["", "", ""]
    assert vrf_of(view, "mgmt_vrf").links.text == "-"


def test_the_first_thing_that_is_wrong_is_named_in_the_order_of_work() -> None:
    documents = well_documents()
    assert documents.links is not None
    assert documents.served is not None
    failed = linked("red", 5001, VrfState.FAILED, "VNI 5001 is taken by vx.other")
    view = view_of(
        dataclasses.replace(
            documents,
            links=dataclasses.replace(documents.links, vrfs=(linked("blue", 5002), failed)),
            served=dataclasses.replace(documents.served, vrfs=(ServedVrf("blue", 5002),)),
        )
    )
    assert vrf_of(view, "red").trouble == "VNI 5001 is taken by vx.other"
    assert vrf_of(view, "blue").health == Health.WELL
    assert view.verdict.health == Health.BROKEN
    assert view.verdict.text == "1 of 3 VRFs served; VRF red: VNI 5001 is taken by vx.other"


def test_a_rejected_resource_is_told_with_its_vrf() -> None:
    documents = well_documents()
    assert documents.desired is not None
    problem = Problem("VRFRouteConfiguration green-a", "is in neither", "spec.vrf", vrf="green")
    view = view_of(
        dataclasses.replace(
            documents, desired=dataclasses.replace(documents.desired, rejected=(problem,))
        )
    )
    green = vrf_of(view, "green")
    assert green.resources.text == "0, 1 rejected"
    assert "VRFRouteConfiguration green-a" in green.trouble
    assert view.troubles == ()


def test_links_that_wait_for_frr_are_under_way_not_broken() -> None:
    documents = well_documents()
    assert documents.links is not None
    assert documents.served is not None
    prepared = (linked("blue", 5002), linked("red", 5001, VrfState.PREPARED))
    view = view_of(
        dataclasses.replace(
            documents,
            links=dataclasses.replace(documents.links, vrfs=prepared),
            served=dataclasses.replace(
                documents.served, generation=16, vrfs=documents.served.vrfs[:2]
            ),
        )
    )
    assert vrf_of(view, "red").health == Health.WAITING
    assert vrf_of(view, "red").trouble == "down until FRR serves VNI 5001"


def test_what_frr_refused_is_told() -> None:
    documents = well_documents()
    assert documents.served is not None
    problem = Problem("frr.conf", "line 12: unknown command", vrf="red")
    served = dataclasses.replace(
        documents.served, vrfs=documents.served.vrfs[:2], problems=(problem,)
    )
    view = view_of(dataclasses.replace(documents, served=served))
    assert vrf_of(view, "red").frr.text == "refused"
    assert vrf_of(view, "red").trouble == "frr.conf: line 12: unknown command"


def test_a_change_that_frr_has_not_taken_over_is_under_way() -> None:
    documents = well_documents()
    assert documents.served is not None
    served = dataclasses.replace(documents.served, generation=16)
    red = vrf_of(view_of(dataclasses.replace(documents, served=served)), "red")
    assert (red.health, red.frr.text) == (Health.WAITING, "behind")
    assert red.trouble == "netop-frr-templater has not come to generation 17 yet"


def test_a_vrf_that_frr_is_about_to_let_go_of_is_not_served() -> None:
    documents = well_documents()
    assert documents.served is not None
    served = dataclasses.replace(documents.served, leaving=("red",))
    red = vrf_of(view_of(dataclasses.replace(documents, served=served)), "red")
    assert (red.health, red.trouble) == (Health.WAITING, "FRR does not serve VNI 5001 yet")


def test_where_frr_is_dead_nothing_is_served() -> None:
    documents = well_documents()
    assert documents.served is not None
    problems = (Problem("FRR", "frr.service is failed"),)
    served = dataclasses.replace(documents.served, alive=False, problems=problems)
    red = vrf_of(view_of(dataclasses.replace(documents, served=served)), "red")
    assert (red.health, red.frr.text) == (Health.BROKEN, "down")
    assert red.trouble == "FRR: frr.service is failed"


def test_a_vrf_is_not_blamed_for_what_is_wrong_with_another() -> None:
    documents = well_documents()
    assert documents.served is not None
    problems = (Problem("VRF blue", "FRR cannot serve it", vrf="blue"),)
    served = dataclasses.replace(documents.served, vrfs=(), problems=problems)
    view = view_of(dataclasses.replace(documents, served=served))
    assert vrf_of(view, "blue").trouble == "VRF blue: FRR cannot serve it"
    assert vrf_of(view, "red").frr.reason == "FRR does not serve VNI 5001 yet"
    assert vrf_of(view, "mgmt_vrf").frr.reason == "FRR does not serve its route-maps yet"


def test_what_keeps_all_of_frr_back_is_told_of_each_vrf() -> None:
    documents = well_documents()
    assert documents.served is not None
    problems = (Problem("frr.service", "the reload failed"),)
    served = dataclasses.replace(documents.served, generation=16, problems=problems)
    red = vrf_of(view_of(dataclasses.replace(documents, served=served)), "red")
    assert (red.health, red.trouble) == (Health.BROKEN, "frr.service: the reload failed")


def test_an_interface_that_does_not_exist_may_come_yet() -> None:
    documents = well_documents()
    assert documents.attached is not None
    interfaces = (
        *attachments("blue"),
        Attachment("vx.red", 0, 0, "does not exist (yet)"),
        *attachments("red")[1:],
        Attachment("br.mgmt_vrf", 9, 0, "another program is there"),
    )
    attached = dataclasses.replace(documents.attached, interfaces=interfaces)
    view = view_of(dataclasses.replace(documents, attached=attached))
    assert vrf_of(view, "red").bpf.text == "2 of 3"
    assert vrf_of(view, "red").health == Health.WAITING
    assert [(name, str(finding)) for name, finding in view.interfaces] == [
        ("br.mgmt_vrf", "another program is there")
    ]


SUMMARY = {
    "ipv4Unicast": {
        "peers": {
            "dv.red": {"state": "Established", "pfxRcd": 3, "pfxSnt": 1},
            "dv.blue": {"state": "Active", "pfxRcd": 0},
            "192.0.2.1": {"state": "Established"},
        }
    },
    "ipv6Unicast": {"peers": {"dv.red": {"state": "Established", "pfxRcd": 2, "pfxSnt": 2}}},
    "l2VpnEvpn": {},
}


def test_the_sessions_of_a_vrf_are_told_where_frr_answers() -> None:
    sessions = read_sessions(lambda _: json.dumps(SUMMARY))
    view = view_of(dataclasses.replace(well_documents(), sessions=sessions))
    assert vrf_of(view, "red").bgp.text == "5 in, 3 out"
    assert vrf_of(view, "mgmt_vrf").bgp.text == "-"
    assert vrf_of(view, "blue").trouble == "the BGP session over dv.blue is Active"
    assert view.verdict.health == Health.WAITING


def test_a_session_that_frr_does_not_have_is_told() -> None:
    view = view_of(dataclasses.replace(well_documents(), sessions={}))
    assert "no session over dv.red" in vrf_of(view, "red").trouble


def silent(_: str) -> str:
    raise VtyshError("FRR does not run")


def test_where_frr_does_not_answer_nothing_is_said_of_sessions() -> None:
    assert read_sessions(silent) is None
    assert read_sessions(lambda _: "% no") is None
    assert read_sessions(lambda _: '{"ipv4Unicast": {"peers": {"a": {}}}}') is None


def test_nothing_published_yet_names_the_daemon_to_look_at() -> None:
    documents = dataclasses.replace(well_documents(), served=None)
    view = view_of(documents)
    assert vrf_of(view, "red").trouble == (
        "netop-frr-templater has published nothing yet; its status says why"
    )


def test_last_good_resources_and_problems_of_the_node_are_troubles() -> None:
    documents = well_documents()
    assert documents.desired is not None
    rejected = (Problem("config.yaml", "is no setting", "mtuu", remedy="known are mtu"),)
    desired = dataclasses.replace(documents.desired, source=Source.LAST_GOOD, rejected=rejected)
    view = view_of(dataclasses.replace(documents, desired=desired))
    assert [str(trouble) for trouble in view.troubles] == [
        "they are the last good ones, from before the start",
        "config.yaml: mtuu: is no setting; known are mtu",
    ]


@pytest.mark.parametrize(
    ("unit", "text", "health", "told"),
    [
        (
            "netop-crd-watcher.service",
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\n"
            "Result=exit-code\nNRestarts=2",
            Health.BROKEN,
            "ended with exit-code, restart 3 follows; see journalctl -u netop-crd-watcher",
        ),
        (
            "netop-crd-watcher.service",
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=watchdog",
            Health.BROKEN,
            "ended with watchdog; see journalctl -u netop-crd-watcher",
        ),
        (
            "netop-crd-watcher.service",
            "LoadState=loaded\nActiveState=activating\nSubState=start\nNRestarts=0",
            Health.WAITING,
            "not ready yet",
        ),
        ("frr.service", "LoadState=loaded\nActiveState=failed", Health.BROKEN,
         "see systemctl status frr"),
    ],
)  # fmt: skip
def test_a_daemon_that_does_not_run_is_told(
    unit: str, text: str, health: Health, told: str
) -> None:
    view = view_of(well_documents(), systemctl(**{unit: text}))
    assert view.verdict.health == health
    assert told in view.verdict.text


def test_a_daemon_says_what_it_waits_for_on_a_node_that_is_not_provisioned() -> None:
    dead = "LoadState=loaded\nActiveState=inactive\nSubState=dead"
    path = "LoadState=loaded\nActiveState=active\nPaths=/etc/a (PathExists)\nPaths=/b (PathExists)"
    units = systemctl(**{"netop-bpf-guardian.service": dead, "netop-bpf-guardian.path": path})
    view = view_of(Documents(None, None, None, None), units)
    assert view.verdict.health == Health.WAITING
    assert view.verdict.text == "no VRF; netop-bpf-guardian: waits for /etc/a or /b"


def test_the_guardian_alone_is_a_healthy_control_plane_node() -> None:
    dead = "LoadState=loaded\nActiveState=inactive\nSubState=dead"
    others = [daemon for daemon in DAEMONS if daemon != "bpf-guardian"]
    off = {f"netop-{name}.{kind}": dead for name in others for kind in ("service", "path")}
    view = view_of(Documents(None, None, None, None), systemctl(**off, **{TARGET: dead}))
    assert view.verdict.health == Health.WELL
    assert view.daemons[0].finding.text == "off"


def test_a_node_with_everything_stopped_says_how_to_start_it() -> None:
    dead = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nStatusText=well"
    off = {f"netop-{name}.{kind}": dead for name in DAEMONS for kind in ("service", "path")}
    view = view_of(well_documents(), systemctl(**off, **{TARGET: dead}))
    assert view.verdict.health == Health.WAITING
    assert "systemctl start netop.target" in view.verdict.text
    assert {daemon.status for daemon in view.daemons[:4]} == {""}


def test_damaged_documents_are_told_and_hide_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    documents = well_documents()
    for document in (documents.desired, documents.links, documents.served, documents.attached):
        assert document is not None
        store.path(type(document)).parent.mkdir()
        store.publish(document)
    (tmp_path / "netlink-reconciler" / "links.json").write_text("{", encoding="utf-8")
    view = observe(store, lambda _: systemctl(), silent)
    assert view.verdict.health == Health.BROKEN
    assert "links.json: is not JSON" in view.verdict.text
    assert vrf_of(view, "red").frr.text == "served"


def test_the_page_is_plain_text_in_a_pipe() -> None:
    stream = io.StringIO()
    print_page(page(view_of(well_documents())), stream)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "3 of 3 VRFs served"
    assert [line.split() for line in lines if line.startswith("red")] == [
        ["red", "5001", "2", "up", "3", "of", "3", "served", "-"]
    ]
    assert "\x1b" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_page_has_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    documents = dataclasses.replace(well_documents(), served=None)
    print_page(page(view_of(documents)), stream)
    assert "\x1b[" in stream.getvalue()
    assert "3 of 3" in stream.getvalue()


def test_a_status_line_with_brackets_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    units = systemctl(**{"netop-crd-watcher.service": f"{RUNNING}\nStatusText=a [bold]b[/bold]"})
    stream = Terminal()
    print_page(page(view_of(well_documents(), units)), stream)
    assert "[bold]b[/bold]" in stream.getvalue()
    assert any("[bold]b[/bold]" in line for line in plain(page(view_of(well_documents(), units))))


def test_json_tells_everything() -> None:
    told = json.loads(json.dumps(as_json(view_of(well_documents()))))
    assert told["verdict"]["health"] == "well"
    assert told["generation"] == 17
    assert told["vrfs"][2]["stages"]["frr"] == {"health": "well", "text": "served", "reason": ""}
    assert [daemon["name"] for daemon in told["daemons"]][:4] == [f"netop-{d}" for d in DAEMONS]


def test_a_block_without_a_unit_is_no_unit() -> None:
    assert parse_units("\n\nNRestarts=\n\nId=x.service\nNRestarts=[not set]\n")[0].restarts == 0
