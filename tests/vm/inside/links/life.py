# SPDX-License-Identifier: Apache-2.0
"""The life of a VRF's links: made, up, changed, removed."""

from __future__ import annotations

import os
import subprocess
import time
from functools import partial

import pytest

from netop.common.documents import (
    Desired,
    VrfState,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.table import tables_lacking
from tests.vm.inside.links.namespace import (
    MAC,
    PREFIXES,
    Node,
    NoEvents,
    backstops,
    ip,
    links,
)


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


def test_two_vrfs_swap_their_vnis(node: Node) -> None:
    node.bring_up({"red": 5001, "blue": 5002})
    node.desire({"red": 5002, "blue": 5001})
    node.reconcile()
    assert node.state("red") == node.state("blue") == VrfState.PREPARED
    assert links()["vx.red"]["linkinfo"]["info_data"]["id"] == 5002
    node.serve({"red": 5002, "blue": 5001})
    assert node.reconcile() == "2 VRFs in sync, generation 2"


def test_frr_lets_go_before_a_veth_is_made_anew(node: Node) -> None:
    node.bring_up({"red": 5001, "blue": 5002})
    ip("link set vd.red name veth9")
    before = {name: link["ifindex"] for name, link in links().items()}
    assert "dv.red: peer veth9 → vd.red, needs re-creation" in node.reconcile()
    assert node.state("red") == VrfState.RENEWING
    assert {name: link["ifindex"] for name, link in links().items()} == before
    node.serve({"blue": 5002})
    node.reconcile()
    assert node.state("red") == VrfState.PREPARED
    node.serve({"red": 5001, "blue": 5002})
    assert node.reconcile() == "2 VRFs in sync, generation 1"
    after = {name: link["ifindex"] for name, link in links().items()}
    assert after["vx.blue"] == before["vx.blue"]
    assert "veth9" not in ip("-br link")


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
    assert node.reconcile() == "no VRF with links is desired, generation 3"
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


def test_a_crash_after_any_message_is_mended(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({})
    wanted = node.store.read(Desired)
    assert wanted is not None
    for cut in (1, 2, 3, 5, 8, 13):
        actual = node.kernel.observe(wanted.node, partial(tables_lacking, wanted))
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
    assert timed("removed") == "no VRF with links is desired, generation 2"
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
