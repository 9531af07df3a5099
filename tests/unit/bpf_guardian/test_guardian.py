# SPDX-License-Identifier: Apache-2.0
"""Whole passes of the guardian, in a world of fakes."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.fights import PATIENCE, QUIET_AFTER, Fights
from netop.bpf_guardian.filters import Place
from netop.bpf_guardian.grace import GRACE
from netop.bpf_guardian.guardian import Guardian
from netop.bpf_guardian.libbpf import MapLayout
from netop.bpf_guardian.links import KernelLink
from netop.bpf_guardian.program import (
    DECISIONS,
    FIB_RESULTS,
    Count,
    RoutedBy,
    Router,
    read_counts,
    read_ports,
)
from netop.bpf_guardian.proof import Port
from netop.bpf_guardian.wishes import WishReader
from netop.bpf_guardian.workshop import Workshop
from netop.common.backoff import Backoff
from netop.common.daemon import Report
from netop.common.documents import Attached, LinkedVrf, Links, VrfState
from netop.common.journal import Journal, Priority
from netop.common.messages import Message
from netop.common.store import Store
from netop.common.tally import FILE, Tally, read_numbers
from tests.unit.bpf_guardian.fakes import (
    FakeClock,
    FakeCompiler,
    FakeEvents,
    FakeKeeper,
    FakeKernel,
    FakeLibbpf,
    FakeSink,
    dropping_arp,
    forwarding_with_the_same_ttl,
    marker,
)

LINKS = {
    1: KernelLink(1, "vr.red", "vrf", table=50),
    2: KernelLink(2, "br.red", "bridge", master=1, mac=bytes.fromhex("020000000002")),
    3: KernelLink(3, "vx.red", "vxlan", master=2, mac=bytes.fromhex("02540a320001")),
    4: KernelLink(4, "vd.red", "veth", master=1),
    5: KernelLink(5, "mgmt0", "veth"),
    6: KernelLink(6, "eth0"),
}
MANAGEMENT = {
    20: KernelLink(20, "mgmt_vrf", "vrf", table=90),
    21: KernelLink(21, "br.mgmt_vrf", "bridge", master=20),
    22: KernelLink(22, "vx.200", "vxlan", master=21),
}
BRIDGE, VETH = RoutedBy(2, LINKS[2].mac), RoutedBy(4, LINKS[4].mac)
RED = Links(7, None, None, (LinkedVrf("red", 5001, 50, VrfState.UP, "", ()),), ())
RED_GONE = Links(8, None, None, (), ())


@dataclass
class World:
    """A node; `start` is a start of the daemon, with whatever the earlier one left behind."""

    root: Path
    libbpf: FakeLibbpf
    kernel: FakeKernel
    compiler: FakeCompiler
    keeper: FakeKeeper
    sink: FakeSink
    clock: FakeClock
    events: FakeEvents
    guardian: Guardian

    @classmethod
    def at(cls, root: Path) -> World:
        libbpf = FakeLibbpf()
        (root / "netlink-reconciler").mkdir(parents=True)
        (root / "bpf-guardian").mkdir()
        (root / "router.c").write_text("version 1\n")
        kernel = FakeKernel(table=dict(LINKS), libbpf=libbpf)
        keeper, sink, clock = FakeKeeper(), FakeSink(), FakeClock()
        compiler = FakeCompiler(libbpf)
        events = FakeEvents()
        first = cls._guardian(root, libbpf, kernel, compiler, keeper, sink, clock, events)
        return cls(root, libbpf, kernel, compiler, keeper, sink, clock, events, first)

    @staticmethod
    def _guardian(
        root: Path,
        libbpf: FakeLibbpf,
        kernel: FakeKernel,
        compiler: FakeCompiler,
        keeper: FakeKeeper,
        sink: FakeSink,
        clock: FakeClock,
        events: FakeEvents,
    ) -> Guardian:
        store = Store(root)
        chance = random.Random(1)
        workshop = Workshop(libbpf, compiler, root / "router.c", Backoff(5, 300, chance), clock)
        guardian = Guardian(
            store=store,
            wishes=WishReader(store, root / "config.yaml"),
            kernel=kernel,
            libbpf=libbpf,
            workshop=workshop,
            fdstore=FdStore(libbpf, keeper, keeper.handed_over()),
            take_changes=events.take,
            journal=Journal(sink),
            clock=clock,
            fights=Fights(chance),
        )
        guardian.recover()
        return guardian

    def restart(self, *, keep_descriptors: bool = True) -> None:
        """End the daemon, as kill -9 does, and start it anew."""
        if not keep_descriptors:
            self.keeper = FakeKeeper()
        self.events = FakeEvents()
        self.sink.entries.clear()
        self.kernel.log.clear()
        self.guardian = self._guardian(
            self.root,
            self.libbpf,
            self.kernel,
            self.compiler,
            self.keeper,
            self.sink,
            self.clock,
            self.events,
        )

    def configure(self, *interfaces: str) -> None:
        (self.root / "config.yaml").write_text(f"bpfInterfaces: [{', '.join(interfaces)}]\n")

    def publish_links(self, links: Links = RED) -> None:
        Store(self.root).publish(links)

    async def pass_(self) -> Report:
        """Run a pass, and let a compilation that it began end."""
        report = await self.guardian.reconcile()
        if (task := self.guardian.workshop._task) is not None:
            await asyncio.wait([task])
        return report

    @property
    def router(self) -> Router:
        assert self.guardian.router is not None
        return self.guardian.router

    def programs(self) -> dict[str, int]:
        """Return which program stands at our place, by interface name."""
        links, filters = self.kernel.table, self.kernel.filters
        return {links[index].name: place.program for index, place in filters.items()}

    def attached(self) -> Attached:
        document = Store(self.root).read(Attached)
        assert document is not None
        return document


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.at(tmp_path)


async def test_first_pass_compiles_proves_attaches_and_tells(world: World) -> None:
    world.publish_links()
    report = await world.pass_()

    assert world.programs() == dict.fromkeys(("vx.red", "br.red", "vd.red"), world.router.info.id)
    assert read_ports(world.libbpf, world.router) == {2: BRIDGE, 3: BRIDGE, 4: VETH}
    assert report == Report(f"program {world.router.info.id} on 3 of 3 interfaces, generation 7")
    document = world.attached()
    assert (document.generation, document.program) == (7, world.router.info.id)
    assert [item.interface for item in document.interfaces] == ["vx.red", "br.red", "vd.red"]
    assert {item.program for item in document.interfaces} == {world.router.info.id}
    assert document.problems == ()


async def test_proof_counts_nothing(world: World) -> None:
    world.configure("mgmt0")
    await world.pass_()

    for name in (DECISIONS, FIB_RESULTS):
        assert set(read_counts(world.libbpf, world.router, name)) == {Count(0, 0)}


async def test_second_pass_does_nothing(world: World) -> None:
    world.publish_links()
    await world.pass_()
    world.kernel.log.clear()
    world.sink.entries.clear()
    await world.pass_()

    assert world.kernel.log == ["links"]
    assert world.sink.entries == []


async def test_control_plane_node_needs_no_document_but_the_configuration(world: World) -> None:
    world.configure("mgmt0", "vx.200")
    report = await world.pass_()

    assert set(world.programs()) == {"mgmt0"}
    assert (
        report.status == f"program {world.router.info.id} on 1 of 2 interfaces; waiting for vx.200"
    )
    assert report.retry is None  # netlink will tell when it appears


async def test_node_that_is_not_provisioned_waits_without_compiling(world: World) -> None:
    report = await world.pass_()

    assert report.status == "waiting for config.yaml or links.json, which name interfaces"
    assert world.compiler.compiled == []


async def test_removed_filter_is_put_back_by_an_event(world: World) -> None:
    world.publish_links()
    await world.pass_()
    del world.kernel.filters[4]
    world.kernel.log.clear()
    world.events.tell(4)
    await world.pass_()

    assert world.kernel.log == ["refreshed [4]", f"attach 4 {world.router.info.id}"]
    priority, sentence, fields = world.sink.entries[-1]
    assert (priority, sentence) == (
        Priority.NOTICE, "attached to vd.red, because the filter was gone"
    )  # fmt: skip
    assert fields == {
        "MESSAGE_ID": Message.PROGRAM_REATTACHED.value,
        "NETOP_GENERATION": "7",
        "NETOP_INTERFACE": "vd.red",
        "NETOP_VRF": "red",
    }


async def test_attachments_are_counted_by_cause(world: World, tmp_path: Path) -> None:
    path = tmp_path / FILE
    world.guardian.tally = Tally(path)
    world.publish_links()
    await world.pass_()
    assert read_numbers(path) == {"bpf_attachments": {"new": 3}, "bpf_programs": {"": 1}}
    del world.kernel.filters[4]
    world.events.tell(4)
    await world.pass_()
    await world.pass_()
    assert read_numbers(path) == {"bpf_attachments": {"new": 3, "gone": 1}, "bpf_programs": {"": 1}}


async def test_recreated_link_gets_the_program_and_its_port(world: World) -> None:
    world.publish_links()
    await world.pass_()
    del world.kernel.table[4], world.kernel.filters[4]
    world.kernel.table[9] = KernelLink(9, "vd.red", "veth", master=1)
    world.events.tell(4, 9)
    await world.pass_()

    assert 9 in world.kernel.filters
    by_itself = RoutedBy(9, VETH.mac)
    assert read_ports(world.libbpf, world.router) == {2: BRIDGE, 3: BRIDGE, 9: by_itself}


async def test_lost_events_mean_a_look_at_everything(world: World) -> None:
    world.publish_links()
    await world.pass_()
    del world.kernel.filters[3]
    world.kernel.lost = 1
    world.events.tell(4)
    lost = await world.pass_()
    assert lost.retry is not None
    assert "answers were lost" in lost.status
    await world.pass_()

    assert 3 in world.kernel.filters


async def test_new_wish_beside_an_event_is_not_overlooked(world: World) -> None:
    world.publish_links()
    await world.pass_()
    world.configure("mgmt0")
    world.events.tell(6)
    await world.pass_()

    assert "mgmt0" in world.programs()


async def test_interface_taken_out_of_the_configuration_is_let_go(world: World) -> None:
    world.configure("mgmt0", "eth0")
    await world.pass_()
    world.configure("eth0")
    world.events.tell(6)
    report = await world.pass_()
    assert set(world.programs()) == {"mgmt0", "eth0"}
    assert report.retry == GRACE

    world.clock.now += GRACE
    await world.pass_()
    assert set(world.programs()) == {"eth0"}
    assert "detached from mgmt0, which is no longer wanted" in world.sink.sentences()


async def test_configuration_that_is_written_in_place_costs_nothing(world: World) -> None:
    """Empty for a moment, then whole again."""
    world.configure("mgmt0")
    await world.pass_()
    (world.root / "config.yaml").write_text("")
    await world.pass_()
    world.configure("mgmt0")
    report = await world.pass_()

    assert set(world.programs()) == {"mgmt0"}
    assert report.retry is None
    assert not any(line.startswith("detach") for line in world.kernel.log)


async def test_foreign_filter_elsewhere_is_left_alone(world: World) -> None:
    world.kernel.filters[6] = Place(5, "somebody")
    world.configure("mgmt0")
    await world.pass_()

    assert world.kernel.filters[6] == Place(5, "somebody")


async def test_filter_of_another_kind_that_has_to_go_is_told_and_fought_over(
    world: World,
) -> None:
    world.kernel.unseen.add(5)
    world.configure("mgmt0", "eth0")
    await world.pass_()
    told = [(priority, sentence) for priority, sentence, _ in world.sink.entries[-2:]]
    assert told == [
        (Priority.INFO, "attached to eth0, because the interface is new to it"),
        (Priority.NOTICE, "attached to mgmt0, because another filter stood in its place"),
    ]

    for _ in range(PATIENCE - 1):
        del world.kernel.filters[5]
        world.kernel.unseen.add(5)
        world.events.tell(5)
        report = await world.pass_()
    assert "something removes the filter again and again" in report.status


async def test_refused_interface_is_named_and_tried_again_while_the_others_go_on(
    world: World,
) -> None:
    world.kernel.refused[5] = "the kernel refused the filter: Operation not supported"
    world.configure("mgmt0", "eth0")
    report = await world.pass_()

    assert set(world.programs()) == {"eth0"}
    assert "mgmt0: the kernel refused the filter: Operation not supported" in report.status
    assert report.retry is not None
    world.kernel.refused.clear()
    world.events.tell(6)
    assert (await world.pass_()).retry is None
    assert set(world.programs()) == {"mgmt0", "eth0"}


async def test_fight_is_told_slowed_down_and_never_given_up(world: World) -> None:
    world.configure("mgmt0")
    await world.pass_()
    for _ in range(PATIENCE):
        world.kernel.filters.clear()
        world.events.tell(5)
        report = await world.pass_()
    assert "something removes the filter again and again" in report.status

    world.kernel.filters.clear()
    world.events.tell(5)
    report = await world.pass_()
    assert world.programs() == {}
    assert world.attached().interfaces[0].program == 0
    assert report.retry is not None
    assert 0 < report.retry <= 1.0

    world.clock.now += report.retry
    await world.pass_()
    assert set(world.programs()) == {"mgmt0"}

    world.clock.now += 3 * QUIET_AFTER
    report = await world.pass_()
    assert "again and again" not in report.status
    assert report.retry is None


async def test_restart_goes_on_with_program_and_counters(world: World) -> None:
    world.configure()
    world.publish_links()
    await world.pass_()
    before = world.router.info
    world.libbpf.count(before, DECISIONS, 0)
    world.restart()
    await world.pass_()

    assert world.router.info == before
    assert world.compiler.compiled == ["version 1\n"]
    assert read_counts(world.libbpf, world.router, DECISIONS)[0].packets == 1
    assert world.kernel.log == ["links", "links"]  # nothing was attached anew
    assert len(world.keeper.stored) == 5


async def test_restart_without_stored_descriptors_replaces_the_program_in_place(
    world: World,
) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router.info.id
    world.restart(keep_descriptors=False)
    await world.pass_()

    assert world.router.info.id != before
    assert set(world.programs().values()) == {world.router.info.id}
    assert not any("again and again" in sentence for sentence in world.sink.sentences())


async def test_program_that_nobody_kept_leaves_what_is_no_longer_wanted(world: World) -> None:
    world.configure("mgmt0")
    world.kernel.filters[6] = Place(5, "somebody")
    await world.pass_()
    world.configure()
    world.restart(keep_descriptors=False)
    await world.pass_()

    assert world.programs() == {"eth0": 5}
    assert world.sink.sentences() == ["detached from mgmt0, which is no longer wanted"]
    assert len(world.compiler.compiled) == 1, "and no program is made for that"


async def test_program_that_nobody_kept_goes_on_while_there_is_no_other(world: World) -> None:
    world.configure("mgmt0", "eth0")
    world.publish_links()
    await world.pass_()
    before = world.router.info.id
    world.configure("mgmt0")
    world.compiler.complaint = "/usr/include/linux/pkt_cls.h is missing; apt install linux-libc-dev"
    world.restart(keep_descriptors=False)
    report = await world.pass_()
    everywhere = dict.fromkeys(("vx.red", "br.red", "vd.red", "mgmt0"), before)
    assert world.programs() == everywhere
    assert {item.interface: item.program for item in world.attached().interfaces} == everywhere
    assert report.status.startswith("an earlier program goes on on 4 of 4 interfaces")
    assert "apt install linux-libc-dev" in report.status

    del world.kernel.filters[5]
    world.events.tell(5)
    report = await world.pass_()
    assert "goes on on 3 of 4 interfaces" in report.status

    world.compiler.complaint = ""
    world.clock.now += report.retry or 0.0
    await world.pass_()
    await world.pass_()
    assert world.programs() == dict.fromkeys(everywhere, world.router.info.id)
    assert not any("filter was gone" in sentence for sentence in world.sink.sentences())


async def test_changed_source_replaces_the_program_and_keeps_the_counters(world: World) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router.info
    world.libbpf.count(before, DECISIONS, 0)
    (world.root / "router.c").write_text("version 2\n")
    first = await world.pass_()
    assert "compiling a changed program" in first.status
    assert set(world.programs().values()) == {before.id}
    await world.pass_()

    assert world.router.info.id != before.id
    assert set(world.programs().values()) == {world.router.info.id}
    assert set(world.router.info.map_ids) == set(before.map_ids)
    assert read_counts(world.libbpf, world.router, DECISIONS)[0].packets == 1
    assert len(world.keeper.stored) == 5


async def test_upgrade_by_restart_goes_on_with_the_old_program_until_the_new_is_there(
    world: World,
) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router.info.id
    (world.root / "router.c").write_text("version 2\n")
    world.restart()
    await world.pass_()
    assert world.router.info.id == before
    await world.pass_()

    assert set(world.programs().values()) == {world.router.info.id} != {before}


async def test_source_that_differs_in_comments_survives_a_restart(world: World) -> None:
    world.configure()
    world.publish_links()
    await world.pass_()
    before = world.router.info
    world.libbpf.count(before, DECISIONS, 0)
    (world.root / "router.c").write_text("// a comment\nversion 1\n")
    await world.pass_()
    await world.pass_()
    exchanged = world.router.info
    world.restart()
    await world.pass_()

    assert world.router.info == exchanged
    assert exchanged.tag == before.tag
    assert set(world.programs().values()) == {exchanged.id}
    assert read_counts(world.libbpf, world.router, DECISIONS)[0].packets == 1
    assert len(world.compiler.compiled) == 2
    assert world.kernel.log == ["links", "links"]


async def test_counters_of_another_layout_start_anew(world: World) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router
    ports = read_ports(world.libbpf, before)
    world.compiler.layouts[DECISIONS] = MapLayout(6, 4, 16, 64)
    (world.root / "router.c").write_text("version 2\n")
    await world.pass_()
    await world.pass_()

    assert world.router.maps[DECISIONS].id != before.maps[DECISIONS].id
    assert world.router.maps[FIB_RESULTS].id == before.maps[FIB_RESULTS].id
    assert read_ports(world.libbpf, world.router) == ports
    kept = "fib_results, lookup_port, near_port go on"
    assert any(kept in line for line in world.sink.sentences())
    assert len(world.keeper.stored) == 5


async def test_program_that_does_wrong_is_refused_and_the_old_one_goes_on(
    world: World,
) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router.info.id
    world.libbpf.behaviours[marker("wrong\n")] = dropping_arp
    (world.root / "router.c").write_text("wrong\n")
    await world.pass_()
    report = await world.pass_()

    assert set(world.programs().values()) == {before}
    assert "ARP: counted dropped_blackhole instead of passed_not_ip" in report.status
    assert f"program {before} goes on meanwhile" in report.status
    compiled = len(world.compiler.compiled)
    await world.pass_()
    assert len(world.compiler.compiled) == compiled  # not tried again until it changes

    (world.root / "router.c").write_text("version 1\n")
    assert "refused" not in (await world.pass_()).status


async def test_refusal_is_told_again_when_the_source_comes_back(world: World) -> None:
    world.configure("mgmt0")
    await world.pass_()
    world.libbpf.behaviours[marker("wrong\n")] = dropping_arp
    (world.root / "router.c").write_text("wrong\n")
    await world.pass_()
    (world.root / "router.c").write_text("version 1\n")
    await world.pass_()
    (world.root / "router.c").write_text("wrong\n")

    assert "was refused: ARP" in (await world.pass_()).status
    assert [problem.subject for problem in world.attached().problems] == ["router.c"]


async def test_refusal_is_told_again_when_something_is_wanted_again(world: World) -> None:
    world.libbpf.behaviours[marker("version 1\n")] = dropping_arp
    world.configure("mgmt0")
    await world.pass_()
    world.configure()
    await world.pass_()
    world.clock.now += GRACE
    assert "refused" not in (await world.pass_()).status
    world.configure("mgmt0")

    assert "was refused: ARP" in (await world.pass_()).status
    assert len(world.compiler.compiled) == 1


async def test_first_program_that_does_wrong_is_never_attached(world: World) -> None:
    world.publish_links()
    world.libbpf.behaviours[marker("version 1\n")] = dropping_arp
    report = await world.pass_()

    assert world.programs() == {}
    assert report.status.startswith("without a program yet, the stack routes alone")


async def test_compile_failure_says_what_to_install_and_is_tried_again(world: World) -> None:
    world.publish_links()
    await world.pass_()
    before = world.router.info.id
    world.compiler.complaint = "/usr/include/linux/pkt_cls.h is missing; apt install linux-libc-dev"
    (world.root / "router.c").write_text("version 2\n")
    await world.pass_()
    report = await world.pass_()
    assert "apt install linux-libc-dev" in report.status
    assert set(world.programs().values()) == {before}
    assert report.retry is not None

    world.compiler.complaint = ""
    world.clock.now += report.retry
    await world.pass_()
    report = await world.pass_()
    assert set(world.programs().values()) == {world.router.info.id} != {before}
    assert report.retry is None


async def failed_once(world: World) -> float:
    """Have the second version of the program fail to compile; when the next attempt is due."""
    world.publish_links()
    await world.pass_()
    world.compiler.complaint = "/usr/include/linux/pkt_cls.h is missing; apt install linux-libc-dev"
    (world.root / "router.c").write_text("version 2\n")
    await world.pass_()
    report = await world.pass_()
    assert report.retry is not None
    return report.retry


async def test_compiling_again_lets_the_passes_meanwhile_wait(world: World) -> None:
    world.clock.now += await failed_once(world)
    report = await world.pass_()

    assert "compiling a changed program" in report.status
    assert report.retry is None


async def test_attempt_that_nobody_needs_any_more_is_not_due_for_ever(world: World) -> None:
    """The time of the next attempt has come, and there is nothing to attempt."""
    world.clock.now += await failed_once(world) + 1
    (world.root / "router.c").write_text("version 1\n")
    assert (await world.pass_()).retry is None

    world.clock.now += await failed_once(world) + 1
    (world.root / "router.c").unlink()
    assert (await world.pass_()).retry is None

    world.clock.now += await failed_once(world) + 1
    world.publish_links(RED_GONE)
    world.clock.now += GRACE + 1
    await world.pass_()
    world.clock.now += GRACE + 1
    assert (await world.pass_()).retry is None


async def test_attempt_that_a_silent_kernel_prevents_is_not_due_for_ever(world: World) -> None:
    """The time of the next attempt has come, and nobody gets as far as to begin it."""
    world.clock.now += await failed_once(world) + 1
    world.kernel.lost = 3
    delays = [(await world.pass_()).retry for _ in range(3)]

    assert all(delay is not None and delay > 0 for delay in delays)
    assert "compiling" in (await world.pass_()).status


async def test_refused_program_is_not_due_for_ever_after_one_that_did_not_compile(
    world: World,
) -> None:
    world.publish_links()
    await world.pass_()
    world.libbpf.behaviours[marker("wrong\n")] = dropping_arp
    (world.root / "router.c").write_text("wrong\n")
    await world.pass_()
    await world.pass_()
    world.clock.now += await failed_once(world) + 1
    (world.root / "router.c").write_text("wrong\n")

    assert (await world.pass_()).retry is None


async def test_verifier_refusal_is_told(world: World) -> None:
    world.libbpf.refuses = "cannot load program netop_router: Permission denied"
    world.configure("mgmt0")

    assert "cannot load program netop_router" in (await world.pass_()).status


async def test_missing_source_leaves_the_program_in_place(world: World) -> None:
    world.configure("mgmt0")
    await world.pass_()
    (world.root / "router.c").unlink()
    report = await world.pass_()

    assert "router.c cannot be read: No such file or directory" in report.status
    assert set(world.programs()) == {"mgmt0"}


async def test_damaged_document_changes_nothing(world: World) -> None:
    world.publish_links()
    await world.pass_()
    Store(world.root).path(Links).write_text("{")
    world.kernel.log.clear()
    report = await world.pass_()

    assert world.kernel.log == ["links"]
    assert set(world.programs()) == {"vx.red", "br.red", "vd.red"}
    assert "links.json" in report.status


async def test_vanished_document_changes_nothing(world: World) -> None:
    world.publish_links()
    await world.pass_()
    Store(world.root).path(Links).unlink()
    await world.pass_()

    assert set(world.programs()) == {"vx.red", "br.red", "vd.red"}


async def test_configuration_that_is_removed_takes_the_program_from_nobody(world: World) -> None:
    world.configure("mgmt0")
    await world.pass_()
    before = world.programs()
    (world.root / "config.yaml").unlink()
    for _ in range(2):
        world.clock.now += GRACE + 1
        report = await world.pass_()
        assert world.programs() == before
    assert "config.yaml is gone; its bpfInterfaces of before stay in force" in report.status
    world.restart()
    await world.pass_()
    assert world.programs() == before


async def test_restart_beside_damaged_sources_takes_the_program_from_nobody(world: World) -> None:
    """What was wanted before the restart cannot be read, and goes on being served."""
    world.configure("mgmt0")
    world.publish_links()
    await world.pass_()
    before = world.programs()
    ports = read_ports(world.libbpf, world.router)
    (world.root / "config.yaml").write_text("bpfInterfaces: [\n")
    Store(world.root).path(Links).write_text("{")
    world.restart()
    report = await world.pass_()

    assert world.programs() == before
    assert read_ports(world.libbpf, world.router) == ports
    assert "on 4 of 4 interfaces" in report.status
    assert "links.json" in report.status
    assert not any("detached" in sentence for sentence in world.sink.sentences())

    world.events.tell(3)
    del world.kernel.filters[3]
    await world.pass_()
    assert world.programs() == before, "and it is repaired meanwhile"

    world.publish_links()
    (world.root / "config.yaml").write_text("bpfInterfaces: []\n")
    await world.pass_()
    world.clock.now += GRACE
    await world.pass_()
    assert set(world.programs()) == {"vx.red", "br.red", "vd.red"}


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("bpfInterfaces: [", "is not YAML"),
        ("", "is empty"),
        (None, "config.yaml: is not there; what had the program keeps it; put it back"),
    ],
)
async def test_restart_beside_a_damaged_configuration_keeps_what_only_it_may_have_named(
    world: World, left: str | None, told: str
) -> None:
    """Links of provisioning's own VRFs have names like those of links.json, and some of a
    VRF's links are not in it.
    """
    world.kernel.table |= MANAGEMENT
    world.kernel.table[30] = KernelLink(30, "dv.red", "veth")
    world.configure("br.mgmt_vrf", "vx.200", "mgmt0", "dv.red")
    world.publish_links()
    await world.pass_()
    before = world.programs()
    assert len(before) == 7
    config = world.root / "config.yaml"
    config.unlink() if left is None else config.write_text(left)
    world.restart()
    report = await world.pass_()

    assert world.programs() == before
    assert told in report.status

    world.publish_links(RED_GONE)
    await world.pass_()
    world.clock.now += GRACE
    report = await world.pass_()
    assert set(world.programs()) == {"br.mgmt_vrf", "vx.200", "mgmt0", "dv.red"}
    assert "on 4 of 4 interfaces" in report.status, "links.json is believed all the same"


async def test_node_without_config_yaml_is_not_blamed_for_it(world: World) -> None:
    world.publish_links()
    await world.pass_()
    world.restart()

    assert "config.yaml" not in (await world.pass_()).status


async def test_restart_without_links_json_leaves_the_links_of_vrfs_as_they_are(
    world: World,
) -> None:
    world.configure("mgmt0")
    world.publish_links()
    await world.pass_()
    before = world.programs()
    Store(world.root).path(Links).unlink()
    world.configure()
    world.restart()
    await world.pass_()

    assert set(world.programs()) == before.keys() - {"mgmt0"}


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("bpfinterfaces: [mgmt0]", "bpfInterfaces: is left out, and 'bpfinterfaces' is no setting"),
        ("bpfInterfaces:", "bpfInterfaces: is empty; write [] to mean that"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
async def test_slip_that_leaves_no_interface_takes_the_program_from_nobody(
    world: World, left: str, told: str, *, restarted: bool
) -> None:
    world.configure("mgmt0")
    await world.pass_()
    config = world.root / "config.yaml"
    config.write_text(f"{left}\n")
    if restarted:
        world.restart()
    await world.pass_()
    world.clock.now += GRACE
    report = await world.pass_()
    assert set(world.programs()) == {"mgmt0"}
    assert told in report.status

    config.write_text("{}\n")
    await world.pass_()
    world.clock.now += GRACE
    await world.pass_()
    assert world.programs() == {}, "which is meant"


async def test_wrong_section_for_others_is_not_the_guardians_concern(world: World) -> None:
    (world.root / "config.yaml").write_text("{vnimap: {red: 5001}, bpfInterfaces: [mgmt0]}\n")
    await world.pass_()
    (world.root / "config.yaml").write_text("{vnimap: , bpfInterfaces: [mgmt0, eth0]}\n")
    report = await world.pass_()

    assert set(world.programs()) == {"mgmt0", "eth0"}
    assert "vnimap" not in report.status


async def test_wrong_entry_of_the_configuration_is_told_and_the_others_serve(
    world: World,
) -> None:
    world.configure("mgmt0", "'no such name'")
    report = await world.pass_()

    assert set(world.programs()) == {"mgmt0"}
    assert "bpfInterfaces[1]" in report.status


async def test_unwritable_state_directory_stops_no_packet(world: World) -> None:
    world.configure("mgmt0")
    (world.root / "bpf-guardian").rmdir()
    report = await world.pass_()

    assert set(world.programs()) == {"mgmt0"}
    assert "attached.json: cannot be written: No such file or directory" in report.status
    assert report.retry is not None


async def test_wrong_ttl_is_found_on_live_routes(world: World) -> None:
    world.kernel.ports = (Port("vd.red", 4, VETH, ("10.1.0.1",)),)
    world.libbpf.behaviours[marker("version 1\n")] = forwarding_with_the_same_ttl
    world.configure("mgmt0")
    report = await world.pass_()

    assert "refused: vd.red to 10.1.0.1: left the frame as" in report.status
