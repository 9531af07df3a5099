# SPDX-License-Identifier: Apache-2.0
"""`netopctl status`: the whole node at a glance."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TypeVar

from netop.common.documents import Attached, Desired, Document, Links, Served
from netop.common.store import DocumentError, Store
from netop.common.units import Ask, ask_systemctl
from netop.ctl.health import Finding, Health
from netop.ctl.node import NodeView, node_view
from netop.ctl.sessions import read_sessions
from netop.ctl.table import Cell, Page, Table, print_page
from netop.ctl.units import DaemonView, daemon_views, read_units
from netop.ctl.vrfs import Documents
from netop.ctl.vtysh import Ask as AskFrr
from netop.ctl.vtysh import ask_vtysh

D = TypeVar("D", bound=Document)

_EPILOG = """\
exit status:
  0  all is well
  1  something is under way, or stopped
  2  something is wrong and needs somebody
  3  the node cannot be looked at
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `status` to the commands of netopctl."""
    parser = commands.add_parser(
        "status",
        help="each VRF from resource to FRR, with the first thing that is wrong",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the status and return the exit status."""
    try:
        view = observe(Store(), ask_systemctl)
    except OSError as error:
        print(f"netopctl: cannot ask systemd: {error}", file=sys.stderr)
        return 3
    if arguments.json:
        print(json.dumps(as_json(view), indent=1))
    else:
        print_page(page(view))
    return int(view.verdict.health)


def observe(store: Store, ask: Ask, frr: AskFrr = ask_vtysh) -> NodeView:
    """Return the node as it is; raises OSError where systemd cannot be asked."""
    damaged: list[str] = []
    documents = read_documents(store, damaged, frr)
    return node_view(documents, damaged, daemon_views(read_units(ask)))


def read_documents(store: Store, damaged: list[str], frr: AskFrr = ask_vtysh) -> Documents:
    """Return the documents; what is wrong with one that cannot be used goes to `damaged`."""
    return Documents(
        desired=_read(store, Desired, damaged),
        links=_read(store, Links, damaged),
        served=_read(store, Served, damaged),
        attached=_read(store, Attached, damaged),
        sessions=read_sessions(frr),
    )


def _read(store: Store, kind: type[D], damaged: list[str]) -> D | None:
    try:
        return store.read(kind)
    except DocumentError as error:
        damaged.append(str(error))
        return None


def page(view: NodeView) -> Page:
    """Return what a person reads."""
    return Page(view.verdict, tuple(_tables(view)))


def _tables(view: NodeView) -> Iterator[Table]:
    yield Table(("DAEMON", "STATE", "STATUS"), tuple(
        (daemon.name, daemon.finding, _told(daemon))
        for daemon in view.daemons
    ))  # fmt: skip
    if view.vrfs:
        columns = ("VRF", "VNI", "RESOURCES", "LINKS", "BPF", "FRR", "BGP", "TROUBLE")
        yield Table(columns, tuple(
            (vrf.name, "-" if vrf.vni is None else str(vrf.vni),
             *(finding for _, finding in vrf.stages), Finding(vrf.health, vrf.trouble))
            for vrf in view.vrfs
        ))  # fmt: skip
    if view.interfaces:
        yield Table(("INTERFACE", "BPF", "TROUBLE"), tuple(
            (name, finding, Finding(finding.health, finding.reason))
            for name, finding in view.interfaces
        ))  # fmt: skip
    if view.troubles:
        yield Table(("NODE", "TROUBLE"), tuple(
            (trouble, Finding(trouble.health, trouble.reason)) for trouble in view.troubles
        ))  # fmt: skip


def _told(daemon: DaemonView) -> Cell:
    finding = daemon.finding
    return Finding(finding.health, finding.reason) if finding.reason else daemon.status


def as_json(view: NodeView) -> dict[str, object]:
    """Return what a program reads; health is `well`, `waiting` or `broken`."""
    return {
        "verdict": _finding(view.verdict),
        "generation": view.generation,
        "source": view.source,
        "daemons": [
            {"name": daemon.name, **_finding(daemon.finding), "status": daemon.status}
            for daemon in view.daemons
        ],
        "vrfs": [
            {
                "name": vrf.name,
                "vni": vrf.vni,
                "health": _word(vrf.health),
                "trouble": vrf.trouble,
                "stages": {name: _finding(finding) for name, finding in vrf.stages},
            }
            for vrf in view.vrfs
        ],
        "interfaces": [{"name": name, **_finding(found)} for name, found in view.interfaces],
        "troubles": [_finding(trouble) for trouble in view.troubles],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "health": _word(finding.health), "text": finding.text, "reason": finding.reason
    }  # fmt: skip


def _word(health: Health) -> str:
    return health.name.lower()
