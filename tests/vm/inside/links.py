# SPDX-License-Identifier: Apache-2.0
"""Links on a real kernel: every attribute of every link, missing or wrong, is put right.

Runs on the node itself, in network namespaces of its own (`pytest tests/vm/inside/links.py`
as root); tests/vm/test_links.py brings it there.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netop.common.daemon import Daemon
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
from netop.netlink_reconciler.events import Events, Interest
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from netop.netlink_reconciler.plan import make_plan
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
        serving = tuple(ServedVrf(name, vni) for name, vni in sorted(vrfs.items()))
        reload = Reload(ReloadResult.NONE, "", 0.0, 0, "", ())
        self.store.publish(Served(self.generation, serving, reload, ()))

    def reconcile(self) -> str:
        # Breaking things this often looks like a fight within one minute.
        self.now += 100
        return asyncio.run(self.reconciler.reconcile()).status

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


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    os.unshare(os.CLONE_NEWNET)
    ip("link set lo up")
    kernel = RtnetlinkKernel()
    try:
        yield Node(tmp_path, kernel)
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node with two VRFs up, which many tests break and see mended."""
    os.unshare(os.CLONE_NEWNET)
    ip("link set lo up")
    kernel = RtnetlinkKernel()
    made = Node(tmp_path_factory.mktemp("shared"), kernel)
    made.bring_up({"red": 5001, "blue": 5002})
    made.good = pictures()
    made.blue = links()["vx.blue"]["ifindex"]
    try:
        yield made
    finally:
        kernel.close()


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


def test_the_links_are_as_the_facts_say(node: Node) -> None:
    node.desire({"red": 5001})
    status = node.reconcile()
    assert status == "0 VRFs in sync, 1 VRF waiting for FRR to serve red, generation 1"
    seen = links()
    assert {name for name in seen if name.endswith(".red")} == {f"{p}.red" for p in PREFIXES}
    assert not any("UP" in link["flags"] for name, link in seen.items() if name != "dum.underlay")
    vr, br, vx, vd, dv = (seen[f"{prefix}.red"] for prefix in PREFIXES)
    assert vr["linkinfo"]["info_data"]["table"] == 50
    assert (br["mtu"], br["master"], br["address"]) == (9000, "vr.red", MAC)
    tunnel = vx["linkinfo"]["info_data"]
    assert (tunnel["id"], tunnel["local"], tunnel["link"]) == (5001, "10.0.0.7", "dum.underlay")
    assert (tunnel["port"], tunnel["learning"]) == (4789, False)
    assert (vx["mtu"], vx["master"], vx["address"]) == (9000, "br.red", MAC)
    port = vx["linkinfo"]["info_slave_data"]
    assert (port["hairpin"], port["learning"]) == (True, False)
    assert vx["inet6_addr_gen_mode"] == "none"
    assert (vd["mtu"], vd["master"], vd["link"]) == (9000, "vr.red", "dv.red")
    assert (dv["mtu"], dv.get("master"), dv["link"]) == (9000, None, "vd.red")
    assert backstops() == [("-4", "50"), ("-6", "50")]
    assert {link["ifalias"] for link in (vr, br, vx, vd, dv)} == {"netop vrf red"}
    node.serve({"red": 5001})
    assert node.reconcile() == "1 VRF in sync, generation 1"
    assert all("UP" in links()[f"{prefix}.red"]["flags"] for prefix in PREFIXES)
    told = len(node.told)
    node.reconcile()
    assert len(node.told) == told, "the second pass finds nothing to do"


BREAKS = [
    *[f"link delete {prefix}.red" for prefix in PREFIXES],
    *[f"link set {prefix}.red down" for prefix in PREFIXES],
    *[f"link set {prefix}.red alias mine" for prefix in PREFIXES],
    *[f"link set {prefix}.red group 7" for prefix in PREFIXES],
    *[f"link set {prefix}.red mtu 1400" for prefix in PREFIXES if prefix != "vr"],
    *[f"link set {prefix}.red arp off" for prefix in PREFIXES if prefix != "vr"],
    *[f"link set {prefix}.red nomaster" for prefix in ("br", "vx", "vd")],
    "link set br.red address 02:00:00:00:00:01",
    "link set vx.red address 02:00:00:00:00:01",
    "link set br.red master vr.blue",
    "link set vx.red master br.blue",
    "link set vd.red master vr.blue",
    "link set dv.red master vr.blue",
    "link set dv.red master br.red",
    "link set vx.red type vxlan local 10.9.9.9",
    "link set vx.red type vxlan dev lo",
    "link set vx.red type vxlan learning",
    "link set vx.red type bridge_slave hairpin off",
    "link set vx.red type bridge_slave learning on",
    "link set vx.red addrgenmode eui64",
    "link set vd.red addrgenmode none",
    "link set dv.red addrgenmode none",
    # What cannot be changed in place was made wrong by somebody who copied our mark.
    "link delete vx.red; link add vx.red type vxlan id 77 dev dum.underlay local 10.0.0.7"
    " dstport 4789; MARK vx.red",
    "link delete vx.red; link add vx.red type vxlan id 5001 dev dum.underlay local 10.0.0.7"
    " dstport 8472; MARK vx.red",
    "link delete vx.red; link add vx.red type dummy; MARK vx.red",
    "link delete br.red; link add br.red type dummy; MARK br.red",
    "link delete vr.red; link add vr.red type vrf table 1000; MARK vr.red",
    "link delete vr.red; link add vr.red type vrf table 50; MARK vr.red",  # the table of blue
    "link delete vd.red; link add vd.red type dummy; MARK vd.red",
    "link delete vd.red; link add vd.red type veth peer name other; MARK vd.red",
    # Renamed, all of it, and half of it.
    "link set vx.red name vxlan9",
    "link set vd.red name veth9",
    "link delete vr.red; link delete br.red; link delete vx.red; link delete vd.red",
]


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_mended(shared: Node, broken: str) -> None:
    for command in broken.split("; "):
        if command.startswith("MARK"):
            mark(command.split()[1], "red")
        else:
            ip(command)
    assert pictures() != shared.good, "the test breaks nothing"
    shared.story()
    status = shared.reconcile()
    seen = links()
    assert {name: picture(link) for name, link in seen.items()} == shared.good
    assert status == f"2 VRFs in sync, generation {shared.generation}"
    assert seen["vx.blue"]["ifindex"] == shared.blue
    assert shared.story(), "it is told"
    shared.reconcile()
    assert shared.story() == [], "and done once"


def test_a_missing_route_of_last_resort_is_put_back(node: Node) -> None:
    node.bring_up({"red": 5001})
    for family in ("-4", "-6"):
        ip(f"{family} route delete unreachable default metric 4278198272 table 50")
    assert backstops() == []
    node.reconcile()
    assert backstops() == [("-4", "50"), ("-6", "50")]


def test_a_peer_in_another_namespace_is_replaced(node: Node) -> None:
    node.bring_up({"red": 5001})
    before = pictures()
    ip("netns add elsewhere")
    try:
        ip("link set dv.red netns elsewhere")
        node.reconcile()
        assert pictures() == before
    finally:
        ip("netns delete elsewhere")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_foreign_link_of_our_name_is_refused(node: Node, prefix: str) -> None:
    ip(f"link add {prefix}.red type dummy")
    before = links()[f"{prefix}.red"]
    node.bring_up({"red": 5001, "blue": 5002})
    assert node.state("red") == VrfState.FAILED
    assert node.state("blue") == VrfState.UP
    assert links()[f"{prefix}.red"] == before
    assert sum(name.endswith(".red") for name in links()) == 1
    ip(f"link delete {prefix}.red")
    node.reconcile()
    assert node.state("red") == VrfState.UP


def test_tables_in_use_are_passed_over(node: Node) -> None:
    ip("link add mgmt type vrf table 50")
    ip("route add unreachable 192.0.2.0/24 table 51")
    ip("-6 route add unreachable 2001:db8::/32 table 52")
    ip("rule add from 192.0.2.1 lookup 53")
    ip("-6 rule add from 2001:db8::1 lookup 54")
    node.bring_up({"red": 5001})
    assert links()["vr.red"]["linkinfo"]["info_data"]["table"] == 55


def test_a_vni_that_a_foreign_vxlan_holds_is_refused_to_that_vrf_alone(node: Node) -> None:
    ip("link add vx.other type vxlan id 5001 local 10.1.1.1 dstport 4789")
    ip("link add v6 type vxlan id 5002 local fd00::1 dstport 4789")
    ip("link add port type vxlan id 5003 local 10.1.1.1 dstport 8472")
    node.bring_up({"red": 5001, "blue": 5002, "green": 5003})
    assert [node.state(vrf) for vrf in ("red", "blue", "green")] == [
        VrfState.FAILED,
        VrfState.UP,
        VrfState.UP,
    ]
    ip("link delete vx.other")
    node.reconcile()
    assert node.state("red") == VrfState.UP


def test_two_vrfs_swap_their_vnis(node: Node) -> None:
    node.bring_up({"red": 5001, "blue": 5002})
    node.desire({"red": 5002, "blue": 5001})
    node.reconcile()
    assert node.state("red") == node.state("blue") == VrfState.PREPARED
    assert links()["vx.red"]["linkinfo"]["info_data"]["id"] == 5002
    node.serve({"red": 5002, "blue": 5001})
    assert node.reconcile() == "2 VRFs in sync, generation 2"


def test_removal_waits_for_frr_and_leaves_nothing(node: Node) -> None:
    ip("link add vr.mgmt type vrf table 10")
    node.bring_up({"red": 5001, "blue": 5002})
    node.desire({"blue": 5002})
    node.reconcile()
    assert "UP" in links()["vx.red"]["flags"]
    node.serve({"blue": 5002})
    node.reconcile()
    assert not any(name.endswith(".red") for name in links())
    node.desire({})
    node.serve({})
    assert node.reconcile() == "no VRF is desired, generation 3"
    assert set(links()) == {"dum.underlay", "vr.mgmt"}
    assert backstops() == []


def test_the_underlay_moves_vanishes_and_comes_back(node: Node) -> None:
    node.bring_up({"red": 5001})
    index = links()["vx.red"]["ifindex"]
    ip("address add 10.0.0.8/32 dev dum.underlay")
    assert "has 2 IPv4 addresses" in node.reconcile()
    assert links()["vx.red"]["linkinfo"]["info_data"]["local"] == "10.0.0.7"
    ip("address delete 10.0.0.7/32 dev dum.underlay")
    node.reconcile()
    seen = links()["vx.red"]
    assert seen["linkinfo"]["info_data"]["local"] == "10.0.0.8"
    assert seen["address"] == "02:54:0a:00:00:08"
    assert seen["ifindex"] == index, "in place, so that nothing attached to it is lost"
    ip("link delete dum.underlay")
    assert "dum.underlay does not exist" in node.reconcile()
    assert "br.red" in links()
    assert node.state("red") == VrfState.FAILED
    node.make_underlay()
    assert node.reconcile() == "1 VRF in sync, generation 1"
    assert links()["vx.red"]["linkinfo"]["info_data"]["local"] == "10.0.0.7"


def test_a_narrow_underlay_says_what_would_do(node: Node) -> None:
    ip("link set dum.underlay mtu 1500")
    node.desire({"red": 5001})
    assert "raise that to 9050" in node.reconcile()
    ip("link set dum.underlay mtu 9050")
    node.reconcile()
    assert node.state("red") == VrfState.PREPARED


def test_without_a_free_table_the_rest_goes_on(node: Node) -> None:
    node.desire({"a": 1, "b": 2, "c": 3}, NodeSettings(table_first=60, table_last=61))
    assert "all 2 routing tables 60-61 are in use" in node.reconcile()
    assert node.state("b") == VrfState.PREPARED


def test_a_crash_after_any_message_is_mended(node: Node) -> None:
    node.desire({"red": 5001})
    wanted = node.store.read(Desired)
    assert wanted is not None
    for cut in (1, 2, 3, 5, 8, 13):
        actual = node.kernel.observe(wanted.node, tables=True)
        steps = make_plan(wanted, None, actual).steps
        assert len(steps) > 13
        assert node.kernel.apply(steps[:cut]) == ()
        node.reconciler = node.reconciling(NoEvents())
        node.reconcile()
        assert node.state("red") == VrfState.PREPARED, f"after {cut} of {len(steps)}"
        node.desire({})
        node.reconcile()
        assert set(links()) == {"dum.underlay"}
        assert backstops() == []
        node.desire({"red": 5001})


def test_one_refused_message_fails_one_vrf(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    from netop.netlink_reconciler import wanted as module

    real = module.router_mac
    # A multicast address is refused by every driver.
    monkeypatch.setattr(module, "router_mac", lambda _address: "01:00:00:00:00:01")
    node.desire({"red": 5001})
    status = node.reconcile()
    assert "red: making br.red (bridge): " in status, status
    monkeypatch.setattr(module, "router_mac", real)
    node.reconcile()
    assert node.state("red") == VrfState.PREPARED


def test_events_wake_the_daemon_once_and_its_own_changes_never(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    passes: list[float] = []

    class Counting:
        async def reconcile(self) -> Any:
            node.now += 100
            report = await reconciler.reconcile()
            passes.append(time.monotonic())
            return report

    async def story() -> None:
        loop = asyncio.get_running_loop()
        run = loop.create_task(daemon.run())
        await asyncio.sleep(3)
        # The carriers settle a moment after the links went up, and that is worth a look.
        assert len(passes) <= 3, "its own changes keep it busy"
        passes.clear()
        for number in range(20):
            await asyncio.to_thread(ip, f"link add veth{number} type dummy")
        await asyncio.sleep(0.5)
        assert not passes, "other people's links wake nobody"
        await asyncio.to_thread(ip, "link delete vx.red")
        for _ in range(300):
            if passes:
                break
            await asyncio.sleep(0.1)
        assert passes, "a link that goes wakes it"
        assert len(passes) <= 3, passes
        assert "vx.red" in links()
        passes.clear()
        await asyncio.to_thread(ip, "address delete 10.0.0.7/32 dev dum.underlay")
        await asyncio.sleep(1)
        assert len(passes) == 1
        assert node.state("red") == VrfState.FAILED
        daemon.stop()
        await run

    events = Events(lambda: daemon.wake())
    reconciler = node.reconciling(events)
    daemon = Daemon(Counting(), lambda _state: None)
    try:
        asyncio.run(story())
    finally:
        events.close()


@pytest.mark.usefixtures("node")
def test_events_that_were_lost_wake_too() -> None:
    wakes: list[None] = []
    events = Events(lambda: wakes.append(None))
    import socket

    events._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    for number in range(60):
        ip(f"link add veth{number} type dummy")
    events.watch(Interest())
    events._readable()
    assert wakes, "ENOBUFS"
    wakes.clear()
    ip("link add vx.red type dummy")
    events._readable()
    assert wakes, "the socket still works"
    events.close()


def test_many_vrfs_at_once(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    count = int(os.environ.get("NETOP_TEST_VRFS", "30"))
    vrfs = {f"vrf{number:03}": number for number in range(1, count + 1)}
    settings = NodeSettings(table_first=1000, table_last=1999)
    times: list[tuple[str, float]] = []

    def timed(what: str) -> str:
        began = time.monotonic()
        status = node.reconcile()
        times.append((what, time.monotonic() - began))
        return status

    node.desire(vrfs, settings)
    timed("made")
    node.serve(vrfs)
    assert timed("up") == f"{count} VRFs in sync, generation 1"
    timed("nothing to do")
    ip("link delete vx.vrf015")
    timed("one VXLAN mended")
    node.desire({}, settings)
    node.serve({})
    assert timed("removed") == "no VRF is desired, generation 2"
    assert set(links()) == {"dum.underlay"}
    with capsys.disabled():
        print(
            "".join(f"\n{count} VRFs {what}: {seconds:.2f} s" for what, seconds in times), end=" "
        )


def test_a_tenant_reaches_no_further_than_its_table(node: Node) -> None:
    node.bring_up({"red": 5001})
    ip("link add out mtu 1500 type dummy")
    ip("address add 192.0.2.1/24 dev out")
    ip("link set out up")
    ip("route add default via 192.0.2.2")
    lookup = ["ip", "route", "get", "vrf", "vr.red", "198.51.100.1"]
    refused = subprocess.run(lookup, capture_output=True, text=True, check=False, timeout=30)
    assert "No route to host" in refused.stderr
    ip("route delete unreachable default metric 4278198272 table 50")
    leaked = subprocess.run(lookup, capture_output=True, text=True, check=True, timeout=30)
    assert "via 192.0.2.2 dev out" in leaked.stdout, "that is what the route is there for"
