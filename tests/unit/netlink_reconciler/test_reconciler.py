# SPDX-License-Identifier: Apache-2.0
"""Whole passes: documents in, links changed, document and journal out."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest

from netop.common.documents import Desired, Links, Served, VrfState
from netop.common.journal import Journal, Priority
from netop.common.messages import Message
from netop.common.settings import NodeSettings
from netop.common.store import Store
from netop.common.tally import FILE, Tally, read_numbers
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.events import Interest
from netop.netlink_reconciler.kernel import AnswersLostError
from netop.netlink_reconciler.link import Attributes
from netop.netlink_reconciler.observe import Tables
from netop.netlink_reconciler.patience import FRR_PATIENCE
from netop.netlink_reconciler.reconciler import WAITING, LinkReconciler
from netop.netlink_reconciler.step import Address, Change, Create, Failure, Step
from tests.unit.netlink_reconciler.fake_kernel import FakeKernel
from tests.unit.netlink_reconciler.world import desired, served


class Watch:
    """Events that never come; counts the looks."""

    def __init__(self) -> None:
        self.drained = 0
        self.interest = Interest()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        yield

    def drain(self) -> None:
        self.drained += 1

    def watch(self, interest: Interest) -> None:
        self.interest = interest


class Node:
    """A node with one reconciler, and a clock that a test moves."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        for kind in (Desired, Served, Links):
            self.store.path(kind).parent.mkdir(exist_ok=True)
        self.kernel = FakeKernel()
        self.kernel.add_underlay()
        self.told: list[tuple[Priority, str]] = []
        self.fields: list[dict[str, str]] = []
        self.now = 0.0
        self.watch = Watch()
        self.start()

    def start(self) -> None:
        self.reconciler = LinkReconciler(
            self.store,
            self.kernel,
            self.watch,
            Journal(self.tell),
            clock=lambda: self.now,
            chance=random.Random(1),
        )

    def tell(self, priority: Priority, sentence: str, fields: Mapping[str, str]) -> None:
        self.told.append((priority, sentence))
        self.fields.append(dict(fields))

    def about(self, message: Message) -> list[tuple[str, str]]:
        """The VRF and the link of each entry of that id."""
        return [
            (fields["NETOP_VRF"], fields.get("NETOP_INTERFACE", ""))
            for fields in self.fields
            if fields.get("MESSAGE_ID") == message
        ]

    def desire(self, vrfs: dict[str, int | None], generation: int = 1) -> None:
        self.store.publish(desired(vrfs, generation=generation))

    def serve(self, vrfs: dict[str, int | None]) -> None:
        self.store.publish(served(vrfs))

    @property
    def links(self) -> Links:
        found = self.store.read(Links)
        assert found is not None
        return found

    def state(self, vrf: str) -> VrfState:
        found = self.links.vrf(vrf)
        assert found is not None
        return found.state

    def sentences(self) -> list[str]:
        told = [sentence for _, sentence in self.told]
        self.told.clear()
        return told


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_without_desired_nothing_is_touched(node: Node) -> None:
    report = await node.reconciler.reconcile()
    assert report.status == WAITING
    assert report.retry is None
    assert node.store.read(Links) is None
    assert node.kernel.observations == 0


async def test_the_story_of_a_vrf(node: Node) -> None:
    node.desire({"red": 5001}, generation=7)
    report = await node.reconciler.reconcile()
    assert report.status == "0 VRFs in sync, 1 VRF waiting for FRR to serve red, generation 7"
    assert node.links.generation == 7
    assert str(node.links.router_id) == "10.0.0.7"
    red = node.links.vrf("red")
    assert red is not None
    assert (red.state, red.vni, red.table) == (VrfState.PREPARED, 5001, 50)
    assert [link.name for link in red.links] == ["vr.red", "br.red", "vd.red", "dv.red", "vx.red"]
    assert node.sentences() == [
        "red: made vr.red, table 50; br.red; vx.red, id 5001; vd.red, with dv.red"
    ]
    node.serve({"red": 5001})
    report = await node.reconciler.reconcile()
    assert report.status == "1 VRF in sync, generation 7"
    assert node.sentences() == ["red: vr.red, br.red, vx.red, vd.red, dv.red set up"]
    node.desire({}, generation=8)
    report = await node.reconciler.reconcile()
    assert "1 VRF staying until FRR lets go of red" in report.status
    assert node.state("red") == VrfState.LEAVING
    node.serve({})
    report = await node.reconciler.reconcile()
    assert report.status == "no VRF with links is desired, generation 8"
    assert node.sentences() == ["red: removed vx.red, br.red, vd.red, vr.red"]
    assert node.links.vrfs == ()


async def test_a_pass_that_finds_nothing_says_nothing(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    node.sentences()
    before = node.store.path(Links).stat()
    looks = node.kernel.observations
    report = await node.reconciler.reconcile()
    assert report.retry is None
    assert node.sentences() == []
    assert node.kernel.observations == looks + 1, "one dump is enough to know"
    after = node.store.path(Links).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_drift_is_told_and_put_right(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    node.sentences()
    node.kernel.alter("vx.red", vni=4)
    node.kernel.alter("br.red", mtu=1500)
    await node.reconciler.reconcile()
    assert node.sentences() == [
        "vx.red: id 4 → 5001, needs re-creation, interrupts red",
        "red: made vx.red, id 5001",
        "br.red: mtu 1500 → 9000",
        "red: vx.red set up",
    ]
    assert node.about(Message.LINKS_REPAIRED) == [
        ("red", "vx.red"), ("red", "vx.red"), ("red", "br.red"), ("red", "vx.red")
    ]  # fmt: skip


async def test_drift_is_counted_and_what_is_asked_for_is_not(node: Node) -> None:
    path = node.store.path(Links).with_name(FILE)
    node.reconciler._tally = Tally(path)
    node.desire({"red": 5001, "blue": 5002})
    node.serve({"red": 5001, "blue": 5002})
    await node.reconciler.reconcile()
    assert read_numbers(path) == {"link_repairs": {"blue": 0, "red": 0}}
    node.kernel.alter("vx.red", vni=4)
    node.kernel.alter("br.red", mtu=1500)
    await node.reconciler.reconcile()
    node.desire({"red": 5003, "blue": 5002}, generation=2)
    await node.reconciler.reconcile()
    assert read_numbers(path) == {"link_repairs": {"blue": 0, "red": 1}}


async def test_what_is_asked_for_is_no_repair(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    node.desire({"red": 5002}, generation=2)
    await node.reconciler.reconcile()
    assert "vx.red: id 5001 → 5002, needs re-creation, interrupts red" in node.sentences()
    assert node.about(Message.LINKS_REPAIRED) == []
    assert node.fields[-1]["NETOP_GENERATION"] == "2"


async def test_what_follows_from_settings_and_the_underlay_is_no_repair(node: Node) -> None:
    """Five of them within a minute would be taken for a fight."""
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    settings = [NodeSettings(mtu=mtu) for mtu in (1450, 1500, 1450, 1500, 1450, 1500)]
    for generation, changed in enumerate(settings, start=2):
        wanted = desired({"red": 5001}, generation=generation)
        node.store.publish(dataclasses.replace(wanted, node=changed))
        await node.reconciler.reconcile()
        assert node.kernel.names()["br.red"].attributes.mtu == changed.mtu
    node.kernel.addresses["dum.underlay"] = (IPv4Address("10.0.0.8"),)
    await node.reconciler.reconcile()
    assert node.kernel.names()["vx.red"].attributes.local == IPv4Address("10.0.0.8")
    assert node.state("red") == VrfState.UP
    assert node.about(Message.LINKS_REPAIRED) == []


async def test_a_status_tells_of_a_few_and_counts_the_rest(node: Node) -> None:
    for number in range(1, 31):
        node.kernel.add(f"vx.customer-{number:03}", Attributes(kind="dummy"))
    node.desire({f"customer-{number:03}": number for number in range(1, 31)})
    report = await node.reconciler.reconcile()
    assert "customer-001: vx.customer-001 exists and is not ours" in report.status
    assert report.status.endswith("and 25 more; the journal tells all")


async def test_a_refusal_that_lasts_is_told_once_with_its_link(node: Node) -> None:
    node.kernel.add("vx.red", Attributes(kind="dummy"))
    node.desire({"red": 5001})
    for _ in range(3):
        await node.reconciler.reconcile()
    assert node.about(Message.FOREIGN_LINK) == [("red", "vx.red")]
    assert len(node.told) == 1
    node.kernel.delete("vx.red")
    for _ in range(3):
        await node.reconciler.reconcile()
    assert node.about(Message.WELL_AGAIN) == [("red", "vx.red")]


async def test_one_refusal_stops_nobody_else_and_is_tried_again_later(node: Node) -> None:
    node.desire({"red": 5001, "blue": 5002})
    node.kernel.refuse = lambda step: (
        "Out of memory" if isinstance(step, Create) and step.name == "vx.red" else ""
    )
    report = await node.reconciler.reconcile()
    assert node.state("blue") == VrfState.PREPARED
    assert node.state("red") == VrfState.FAILED
    assert report.status.endswith("red: making vx.red (vxlan, id 5001): Out of memory")
    assert report.retry is not None
    assert 0 < report.retry <= 1
    tries = len([step for step in node.kernel.applied if step.vrf == "red"])
    await node.reconciler.reconcile()
    assert len([step for step in node.kernel.applied if step.vrf == "red"]) == tries, "too early"
    delays: list[float] = []
    for _ in range(9):
        node.now += delays[-1] if delays else report.retry
        delays.append((await node.reconciler.reconcile()).retry or 0.0)
    assert delays[-1] >= 60
    node.kernel.refuse = lambda _: ""
    node.now += delays[-1]
    report = await node.reconciler.reconcile()
    assert report.retry is None
    assert node.state("red") == VrfState.PREPARED
    warnings = [sentence for level, sentence in node.told if level == Priority.WARNING]
    assert warnings == ["VRF red: making vx.red (vxlan, id 5001): Out of memory"], "told once"
    assert (Priority.NOTICE, "VRF red: is well again") in node.told


async def test_what_a_vrf_can_do_without_keeps_it_from_nothing(node: Node) -> None:
    """On a kernel that has no such setting, say."""

    def refuse(step: Step) -> str:
        part = isinstance(step, Change) and step.difference.attribute == "accept_local"
        return "Operation not supported" if part and step.vrf == "red" else ""

    node.kernel.refuse = refuse
    node.desire({"red": 5001, "blue": 5002})
    node.serve({"red": 5001, "blue": 5002})
    report = await node.reconciler.reconcile()
    told = (
        "VRF red: goes without a part of dv.red: own source addresses off → on: "
        "Operation not supported; it is served all the same; this is tried again"
    )
    assert report.status == f"2 VRFs in sync, generation 1; {told}"
    assert report.retry is not None
    assert 0 < report.retry <= 1
    assert (node.state("red"), node.state("blue")) == (VrfState.UP, VrfState.UP)
    assert [str(problem) for problem in node.links.problems] == [told]
    for _ in range(20):
        node.now += report.retry or 0.0
        report = await node.reconciler.reconcile()
        assert node.state("red") == VrfState.UP, "trying again is no fight"
    assert (report.retry or 0.0) >= 60
    assert node.about(Message.LINKS_LACKING) == [("red", "dv.red")], "told once"
    assert node.about(Message.LINKS_REPAIRED) == []
    node.kernel.refuse = lambda _: ""
    node.now += report.retry or 0.0
    report = await node.reconciler.reconcile()
    assert (report.status, report.retry) == ("2 VRFs in sync, generation 1", None)
    assert node.links.problems == ()
    assert node.kernel.names()["dv.red"].attributes.accept_local is True
    assert (Priority.NOTICE, "VRF red: is well again") in node.told


async def test_frr_is_asked_before_a_veth_is_made_anew(node: Node) -> None:
    node.desire({"red": 5001, "blue": 5002})
    node.serve({"red": 5001, "blue": 5002})
    await node.reconciler.reconcile()
    node.kernel.alter("dv.red", peer="")
    report = await node.reconciler.reconcile()
    assert (node.state("red"), node.state("blue")) == (VrfState.RENEWING, VrfState.UP)
    assert report.status == (
        "1 VRF in sync, generation 1; red: dv.red: peer none → vd.red, needs re-creation, "
        "interrupts red; waiting until FRR has let go of it"
    )
    assert report.retry is None
    before = dict(node.kernel.links)
    node.now += 3600
    await node.reconciler.reconcile()
    assert node.kernel.links == before, "however long it takes"
    node.serve({"blue": 5002})
    report = await node.reconciler.reconcile()
    assert node.state("red") == VrfState.PREPARED
    assert node.kernel.names()["dv.red"].attributes.peer == "vd.red"
    node.serve({"red": 5001, "blue": 5002})
    report = await node.reconciler.reconcile()
    assert (report.status, report.retry) == ("2 VRFs in sync, generation 1", None)


async def test_an_frr_that_is_dead_is_asked_for_a_while_only(node: Node) -> None:
    """zebra ends where two VRFs have one table, and cannot start again before one moves."""
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    node.kernel.add("intruder", Attributes(kind="vrf", table=50, group=0, alias=""))
    dead = dataclasses.replace(served({"red": 5001}), alive=False)
    node.store.publish(dead)
    report = await node.reconciler.reconcile()
    assert (node.state("red"), report.retry) == (VrfState.RENEWING, FRR_PATIENCE)
    # It was on its way only.
    node.now += FRR_PATIENCE - 1
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    node.store.publish(dead)
    node.now += 2
    report = await node.reconciler.reconcile()
    assert (node.state("red"), report.retry) == (VrfState.RENEWING, FRR_PATIENCE)
    node.now += FRR_PATIENCE
    report = await node.reconciler.reconcile()
    assert (node.state("red"), report.retry) == (VrfState.UP, None)
    assert node.kernel.names()["vr.red"].attributes.table == 51


async def test_a_document_of_the_templater_that_is_gone_takes_nothing_down(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    before = dict(node.kernel.links)
    node.store.path(Served).unlink()
    await node.reconciler.reconcile()
    assert node.kernel.links == before
    assert node.state("red") == VrfState.UP


async def test_a_new_generation_is_tried_at_once(node: Node) -> None:
    node.desire({"red": 5001})
    node.kernel.refuse = lambda step: "no" if isinstance(step, Create) else ""
    for _ in range(5):
        await node.reconciler.reconcile()
        node.now += 30
    node.now -= 29.9
    node.kernel.refuse = lambda _: ""
    node.desire({"red": 5001, "blue": 5002}, generation=2)
    await node.reconciler.reconcile()
    assert node.state("red") == VrfState.PREPARED


async def test_without_its_link_local_address_a_vrf_is_not_in_sync(node: Node) -> None:
    """FRR has no session then: as where a sysctl disables IPv6."""

    def refuse(step: Step) -> str:
        return "ipv6: IPv6 is disabled on this device." if isinstance(step, Address) else ""

    node.kernel.refuse = refuse
    node.desire({"red": 5001, "blue": 5002})
    node.serve({"red": 5001, "blue": 5002})
    await node.reconciler.reconcile()
    assert node.state("red") == VrfState.UP, "the addresses to answer from it can do without"
    index = node.kernel.names()["dv.red"].index
    node.kernel.link_locals.remove(index)
    before = dict(node.kernel.links)
    report = await node.reconciler.reconcile()
    assert (node.state("red"), node.state("blue")) == (VrfState.FAILED, VrfState.UP)
    assert (
        "red: giving dv.red the address fe80::800:ff:fe00:1: "
        "ipv6: IPv6 is disabled on this device." in report.status
    )
    node.now += report.retry or 0.0
    await node.reconciler.reconcile()
    assert node.kernel.links == before, "tried again, and nothing goes down for it"
    node.kernel.refuse = lambda _: ""
    node.now += 120
    report = await node.reconciler.reconcile()
    assert (report.status, report.retry) == ("2 VRFs in sync, generation 1", None)
    assert index in node.kernel.link_locals


async def test_a_fight_is_told_and_slowed_down_but_not_given_up(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    for _ in range(8):
        node.kernel.alter("br.red", mtu=1500)
        node.now += 0.1
        report = await node.reconciler.reconcile()
    assert "something else keeps changing its links (br.red: mtu 1500 → 9000)" in report.status
    assert node.kernel.names()["br.red"].attributes.mtu == 1500
    assert report.retry is not None
    node.now += report.retry
    await node.reconciler.reconcile()
    assert node.kernel.names()["br.red"].attributes.mtu == 9000
    node.now += 100
    report = await node.reconciler.reconcile()
    assert report.status == "1 VRF in sync, generation 1"
    assert report.retry is None


async def test_links_that_never_settle_end_the_pass(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = node.kernel.observe

    def meddled(settings: NodeSettings, tables: Tables) -> Actual:
        if "br.red" in node.kernel.names():
            node.kernel.alter("br.red", mtu=1500)
        return look(settings, tables)

    monkeypatch.setattr(node.kernel, "observe", meddled)
    node.desire({"red": 5001})
    report = await node.reconciler.reconcile()
    assert "red: not settled yet, next is br.red: mtu 1500 → 9000" in report.status
    assert report.retry is not None
    assert node.state("red") == VrfState.FAILED


async def test_where_the_answers_are_lost_nobody_says_that_nothing_changed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(steps: Sequence[Step]) -> tuple[Failure, ...]:
        node.kernel.apply(steps)
        raise AnswersLostError("the kernel's answers were lost: No buffer space available")

    kernel = SimpleNamespace(observe=node.kernel.observe, apply=lost)
    monkeypatch.setattr(node.reconciler, "_kernel", kernel)
    node.desire({"red": 5001})
    report = await node.reconciler.reconcile()
    assert report.status == (
        "links may have changed, they are looked at again: "
        "the kernel's answers were lost: No buffer space available"
    )
    assert report.retry is not None
    assert "vx.red" in node.kernel.names()


async def test_a_vrf_without_links_is_no_vrf_of_ours(node: Node) -> None:
    node.desire({"mgmt": None})
    report = await node.reconciler.reconcile()
    assert report.status == "no VRF with links is desired, generation 1"


async def test_the_same_error_of_many_is_told_once_in_the_status(node: Node) -> None:
    node.kernel.delete("dum.underlay")
    node.desire({f"vrf{number}": number for number in range(1, 6)})
    report = await node.reconciler.reconcile()
    assert report.status == (
        "0 VRFs in sync, generation 1; vrf1, vrf2, vrf3 and 2 more: "
        "dum.underlay does not exist; provisioning has to make it"
    )
    assert node.links.router_id is None
    assert {vrf.state for vrf in node.links.vrfs} == {VrfState.FAILED}


async def test_damaged_documents_change_nothing(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    before = dict(node.kernel.links)
    published = node.store.path(Links).read_text()
    for kind in (Desired, Served):
        text = node.store.path(kind).read_text()
        node.store.path(kind).write_text(text[:50])
        report = await node.reconciler.reconcile()
        assert str(node.store.path(kind)) in report.status
        assert report.retry is not None
        node.store.path(kind).write_text(text)
    assert node.kernel.links == before
    assert node.store.path(Links).read_text() == published
    assert (await node.reconciler.reconcile()).status == "1 VRF in sync, generation 1"
    assert node.told[-1] == (Priority.NOTICE, "netop-netlink-reconciler: is well again")


async def test_a_full_disk_is_told_and_tried_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_document: object) -> bool:
        raise OSError(28, "No space left on device")

    node.desire({"red": 5001})
    with monkeypatch.context() as patched:
        patched.setattr(Store, "publish", lambda _self, document: full(document))
        report = await node.reconciler.reconcile()
    assert "cannot be written, so FRR is not told" in report.status
    assert report.retry is not None
    await node.reconciler.reconcile()
    assert node.state("red") == VrfState.PREPARED


async def test_a_restart_finds_everything_and_changes_nothing(node: Node) -> None:
    node.desire({"red": 5001})
    node.serve({"red": 5001})
    await node.reconciler.reconcile()
    before = dict(node.kernel.links)
    node.sentences()
    node.start()
    assert (await node.reconciler.reconcile()).status == "1 VRF in sync, generation 1"
    assert node.kernel.links == before
    assert node.sentences() == []


async def test_the_cluster_bridges_address_is_the_hosts_router_id(node: Node) -> None:
    from ipaddress import IPv4Address

    node.desire({})
    await node.reconciler.reconcile()
    assert node.links.host_router_id is None
    node.kernel.add("br.cluster", Attributes(kind="bridge", group=0, alias=""))
    node.kernel.addresses["br.cluster"] = (IPv4Address("10.1.0.1"), IPv4Address("10.1.0.2"))
    await node.reconciler.reconcile()
    assert str(node.links.host_router_id) == "10.1.0.1"
