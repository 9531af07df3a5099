# SPDX-License-Identifier: Apache-2.0
"""A namespace of its own on the node, with an underlay and one reconciler, seen by iproute2.

Run as root on a node: `pytest -o python_files='*.py' tests/vm/inside/links`;
tests/vm/test_links.py brings all this there.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from pathlib import Path
from typing import Any

from netop.common.documents import (
    Desired,
    DesiredVrf,
    Links,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
    Source,
    VrfState,
)
from netop.common.journal import Journal
from netop.common.settings import NodeSettings
from netop.common.store import Store
from netop.netlink_reconciler.events import Interest
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from netop.netlink_reconciler.reconciler import LinkReconciler

PREFIXES = ("vr", "br", "vx", "vd", "dv")
MAC = "02:54:0a:00:00:07"


def ip(command: str) -> str:
    done = subprocess.run(
        ["ip", *command.split()], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, f"ip {command}: {done.stderr}"
    return done.stdout


def mark(link: str, vrf: str) -> None:
    alias = f"netop vrf {vrf}"
    subprocess.run(["ip", "link", "set", link, "alias", alias], check=True, timeout=30)


class NoEvents:
    """Stands for the events where a test calls `reconcile` itself."""

    def quiet(self) -> Any:
        import contextlib

        return contextlib.nullcontext()

    def drain(self) -> None: ...

    def watch(self, interest: Interest) -> None: ...


class Node:
    """A fresh network namespace with an underlay, and one reconciler in it."""

    def __init__(self, root: Path, kernel: RtnetlinkKernel) -> None:
        self.store = Store(root)
        for kind in (Desired, Served, Links):
            self.store.path(kind).parent.mkdir(parents=True, exist_ok=True)
        self.kernel = kernel
        self.told: list[str] = []
        self.now = 0.0
        self.generation = 0
        self.good: dict[str, Any] = {}
        self.blue = 0
        self.serving: dict[str, int] = {}
        self.journal = Journal(lambda _level, sentence, _fields: self.told.append(sentence))
        self.reconciler = self.reconciling(NoEvents())
        self.make_underlay()

    def reconciling(self, events: Any) -> LinkReconciler:
        return LinkReconciler(
            self.store,
            self.kernel,
            events,
            self.journal,
            clock=lambda: self.now,
            chance=random.Random(1),
        )

    @staticmethod
    def make_underlay() -> None:
        ip("link add dum.underlay mtu 9100 type dummy")
        ip("address add 10.0.0.7/32 dev dum.underlay")
        ip("link set dum.underlay up")

    def desire(self, vrfs: dict[str, int], settings: NodeSettings | None = None) -> None:
        self.generation += 1
        wanted = tuple(DesiredVrf(name, vni, ()) for name, vni in sorted(vrfs.items()))
        node = settings or NodeSettings()
        document = Desired(self.generation, Source.MANIFESTS, "", node, wanted, ())
        self.store.publish(document)

    def serve(self, vrfs: dict[str, int]) -> None:
        self.serving = vrfs
        serving = tuple(ServedVrf(name, vni) for name, vni in sorted(vrfs.items()))
        reload = Reload(ReloadResult.NONE, "", 0.0, 0, "", ())
        self.store.publish(Served(self.generation, serving, reload, ()))

    def reconcile(self) -> str:
        # Breaking things this often looks like a fight within one minute.
        self.now += 100
        return asyncio.run(self.reconciler.reconcile()).status

    def mend(self) -> str:
        """Reconcile beside an FRR that lets go of what it is asked to, and takes it again."""
        status = self.reconcile()
        document, serving = self.store.read(Links), self.serving
        assert document is not None
        asking = {vrf.name for vrf in document.vrfs if vrf.state == VrfState.RENEWING}
        if asking:
            self.serve({name: vni for name, vni in serving.items() if name not in asking})
            self.reconcile()
            self.serve(serving)
            status = self.reconcile()
        return status

    def bring_up(self, vrfs: dict[str, int]) -> None:
        self.desire(vrfs)
        self.serve(vrfs)
        self.reconcile()

    def state(self, vrf: str) -> VrfState:
        links = self.store.read(Links)
        assert links is not None
        found = links.vrf(vrf)
        assert found is not None, f"{vrf} is not in links.json"
        return found.state

    def story(self) -> list[str]:
        told = list(self.told)
        self.told.clear()
        return told


def links() -> dict[str, dict[str, Any]]:
    """What iproute2 sees, which knows nothing of netop."""
    return {
        link["ifname"]: link
        for link in json.loads(ip("-d -j link show"))
        if link["ifname"][2:3] == "." or link["ifname"] == "dum.underlay"
    }


def picture(link: dict[str, Any]) -> dict[str, Any]:
    """Everything about a link but what differs from birth to birth."""
    data = {
        key: value
        for key, value in link.items()
        if key not in {"ifindex", "linkinfo", "operstate", "address", "link_index", "qdisc"}
    }
    # The others follow from these two, some of them a moment later.
    data["flags"] = {"UP", "NOARP"} & set(link["flags"])
    info = link.get("linkinfo", {})
    own = info.get("info_data", {})
    data["vrf"] = own.get("table") if info.get("info_kind") == "vrf" else None
    if info.get("info_kind") == "vxlan":
        data["vxlan"] = own
    if info.get("info_kind") in {"vxlan", "bridge"}:
        data["address"] = link["address"]
    data["kind"] = info.get("info_kind")
    port = info.get("info_slave_data", {})
    data["port"] = {key: port.get(key) for key in ("hairpin", "learning")}
    data["slave"] = info.get("info_slave_kind")
    return data


def pictures() -> dict[str, Any]:
    return {name: picture(link) for name, link in links().items()}


def backstops() -> list[tuple[str, str]]:
    """The unreachable default routes, as (family, table)."""
    found = []
    for family in ("-4", "-6"):
        routes = json.loads(ip(f"{family} -d -j route show table all type unreachable"))
        found += [
            (family, str(route["table"]))
            for route in routes
            if (route["dst"], route["metric"]) == ("default", 4278198272)
        ]
    return sorted(found)
