# SPDX-License-Identifier: Apache-2.0
"""The guardian on a real kernel: attached, undone by others, put back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netop.bpf_guardian.compiler import BccCompiler
from netop.bpf_guardian.events import KernelEvents
from netop.bpf_guardian.fdstore import FdStore
from netop.bpf_guardian.filters import PRIORITY
from netop.bpf_guardian.guardian import Guardian
from netop.bpf_guardian.kernel import RtnetlinkKernel
from netop.bpf_guardian.libbpf import Libbpf
from netop.bpf_guardian.wishes import WishReader
from netop.bpf_guardian.workshop import Workshop
from netop.common.backoff import Backoff
from netop.common.daemon import Daemon
from netop.common.documents import Attached
from netop.common.journal import Journal, Priority
from netop.common.store import Store
from tests.packet.conftest import ROOT
from tests.packet.namespace import fresh_network, run

PATIENCE = 60.0  # a busy machine; the usual is some milliseconds, which `make bench` measures
PARENT = "ffff:fff2"
KEEP_ALL = "1,6 0 0 4294967295"  # the bytecode of a classic filter


class Keeper:
    """The descriptor store of systemd."""

    def __init__(self) -> None:
        self.stored: dict[str, int] = {}

    def keep(self, name: str, descriptor: int) -> None:
        self.stored[name] = os.dup(descriptor)

    def forget(self, name: str) -> None:
        os.close(self.stored.pop(name))


@dataclass
class Node:
    """A running guardian."""

    root: Path
    guardian: Guardian
    told: list[str] = field(default_factory=list)
    status: str = ""

    def attached(self) -> dict[str, int]:
        """Return the program of each interface as attached.json tells."""
        document = Store(self.root).read(Attached)
        return {item.interface: item.program for item in document.interfaces} if document else {}

    async def until(self, true: Callable[[], bool]) -> float:
        """Wait until it is true and return after how many seconds."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() - began < PATIENCE, (self.status, self.told)
            await asyncio.sleep(0.001)
        return time.monotonic() - began

    @property
    def program(self) -> int:
        assert self.guardian.router is not None
        return self.guardian.router.info.id


def filters(interface: str) -> list[dict[str, object]]:
    """Return what tc shows at clsact ingress."""
    command = ["tc", "-json", "filter", "show", "dev", interface, "ingress"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [item for item in json.loads(shown or "[]") if "options" in item]


def programs(interface: str) -> dict[int, int]:
    """Return the ids of the BPF programs on an interface by priority."""
    found: dict[int, int] = {}
    for item in filters(interface):
        options = item["options"]
        assert isinstance(options, dict)
        if "prog" in options:
            found[int(str(item["pref"]))] = int(options["prog"]["id"])
    return found


def tc(arguments: str, *with_blanks: str) -> None:
    subprocess.run(["tc", *arguments.split(), *with_blanks], check=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.fail("the guardian attaches eBPF programs and must be tried as root")
    (tmp_path / "bpf-guardian").mkdir()
    shutil.copytree(ROOT / "bpf", tmp_path / "bpf")
    (tmp_path / "config.yaml").write_text("bpfInterfaces: [one, two]\n")
    with fresh_network():
        run("link add one type veth peer name two")
        yield tmp_path


@contextlib.asynccontextmanager
async def running(root: Path, keeper: Keeper) -> AsyncIterator[Node]:
    """Run the guardian as its __main__ does, for as long as the context lasts."""
    told: list[str] = []
    events, libbpf, store = KernelEvents(), Libbpf(), Store(root)

    def sink(_: Priority, sentence: str, __: object) -> None:
        told.append(sentence)

    compiler = BccCompiler("/usr/bin/python3")
    workshop = Workshop(libbpf, compiler, root / "bpf/router.c", Backoff(), time.monotonic)
    given = {name: os.dup(descriptor) for name, descriptor in keeper.stored.items()}
    guardian = Guardian(
        store=store,
        wishes=WishReader(store, root / "config.yaml"),
        kernel=RtnetlinkKernel(),
        libbpf=libbpf,
        workshop=workshop,
        fdstore=FdStore(libbpf, keeper, given),
        take_changes=events.take,
        journal=Journal(sink),
        clock=time.monotonic,
    )
    guardian.recover()
    node = Node(root, guardian, told)

    def notify(state: str) -> None:
        node.status = state

    daemon = Daemon(guardian, notify, settle=0.005)
    workshop.wake = daemon.wake
    loop = asyncio.get_running_loop()
    loop.add_reader(events.fileno(), events.read, daemon.wake)
    task = asyncio.create_task(daemon.run())
    try:
        await node.until(lambda: node.attached().get("one", 0) > 0 or task.done())
        yield node
    finally:
        daemon.stop()
        await task
        loop.remove_reader(events.fileno())
        events.close()


@pytest.fixture
async def node(home: Path) -> AsyncIterator[Node]:
    async with running(home, Keeper()) as started:
        yield started


async def test_interfaces_have_the_program(node: Node) -> None:
    assert programs("one") == programs("two") == {PRIORITY: node.program}


async def test_interface_that_appears_gets_it(node: Node, home: Path) -> None:
    (home / "config.yaml").write_text("bpfInterfaces: [one, two, later]\n")
    node.guardian.workshop.wake()
    await node.until(lambda: node.attached().get("later") == 0)
    run("link add later type veth peer name other")
    await node.until(lambda: programs("later") == {PRIORITY: node.program})


@pytest.mark.parametrize(
    "undo",
    [
        f"filter del dev one ingress pref {PRIORITY}",
        "filter del dev one ingress",
        "qdisc del dev one clsact",
    ],
)
async def test_what_is_removed_is_put_back(node: Node, undo: str) -> None:
    for _ in range(3):
        tc(undo)
        await node.until(lambda: programs("one") == {PRIORITY: node.program})

    assert "attached to one, because the filter was gone" in node.told


async def test_recreated_link_gets_the_program(node: Node) -> None:
    run("link del one")
    run("link add one type veth peer name two")
    await node.until(lambda: programs("one") == programs("two") == {PRIORITY: node.program})


async def test_another_kind_of_filter_in_our_place_is_replaced(node: Node) -> None:
    before = socket.if_nametoindex("one")
    tc(f"filter del dev one ingress pref {PRIORITY}")
    tc(f"filter add dev one ingress pref {PRIORITY} protocol ip u32 match u32 0 0 classid 1:1")
    await node.until(lambda: programs("one") == {PRIORITY: node.program})

    assert socket.if_nametoindex("one") == before
    assert "attached to one, because another filter stood in its place" in node.told


@pytest.mark.parametrize(
    "filter_", [("u32 match u32 0 0 classid 1:1",), ("handle 7 bpf bytecode", KEEP_ALL)]
)
async def test_another_kind_of_filter_that_was_there_first_is_told_of(
    home: Path, filter_: tuple[str, ...]
) -> None:
    tc("qdisc add dev one clsact")
    tc(f"filter add dev one ingress pref {PRIORITY} protocol ip {filter_[0]}", *filter_[1:])
    async with running(home, Keeper()) as node:
        assert programs("one") == programs("two") == {PRIORITY: node.program}
        assert "attached to one, because another filter stood in its place" in node.told
        assert "attached to two, because the interface is new to it" in node.told


async def test_bpf_filter_under_another_handle_is_left_alone(home: Path) -> None:
    tc("qdisc add dev one clsact")
    tc(f"filter add dev one ingress pref {PRIORITY} handle 7 bpf bytecode", KEEP_ALL)
    async with running(home, Keeper()) as node:
        assert programs("one") == {PRIORITY: node.program}
        assert len(filters("one")) == 2
        assert not any("stood in its place" in sentence for sentence in node.told)


async def test_another_program_in_our_place_is_replaced(node: Node) -> None:
    libbpf = node.guardian.libbpf
    other = libbpf.load_program("other", bytes.fromhex("b700000000000000 9500000000000000"))
    kernel = RtnetlinkKernel()
    kernel.attach([socket.if_nametoindex("one")], other)
    await node.until(lambda: programs("one") == {PRIORITY: node.program})

    assert "attached to one, because another filter stood in its place" in node.told


async def test_filters_at_other_priorities_are_left_alone(node: Node) -> None:
    tc("filter add dev one ingress pref 10 protocol ip u32 match u32 0 0 classid 1:1")
    tc("filter add dev one ingress pref 900 protocol ip u32 match u32 0 0 classid 1:1")
    tc(f"filter del dev one ingress pref {PRIORITY}")
    await node.until(lambda: programs("one") == {PRIORITY: node.program})

    assert {item["pref"] for item in filters("one")} == {10, PRIORITY, 900}


async def test_ingress_qdisc_of_others_is_used_as_it_is(home: Path) -> None:
    tc("qdisc add dev one ingress")
    async with running(home, Keeper()) as node:
        assert programs("one") == {PRIORITY: node.program}


async def test_interface_that_is_no_longer_wanted_is_let_go(node: Node, home: Path) -> None:
    (home / "config.yaml").write_text("bpfInterfaces: [one]\n")
    node.guardian.workshop.wake()
    await node.until(lambda: programs("two") == {})

    assert programs("one") == {PRIORITY: node.program}


async def test_restart_changes_nothing_in_the_kernel(home: Path) -> None:
    keeper = Keeper()
    async with running(home, keeper) as first:
        before = first.program
    tc("filter show dev one ingress")
    async with running(home, keeper) as second:
        assert second.program == before
        assert second.told == [
            f"goes on with program {before} (tag {second.guardian.router.info.tag}) "  # type: ignore[union-attr]
            "and its counters"
        ]
        assert programs("one") == programs("two") == {PRIORITY: before}


async def test_changed_program_is_exchanged_in_place(node: Node, home: Path) -> None:
    before = node.program
    source = home / "bpf/router.c"
    source.write_text(source.read_text().replace("PADDED_LONGEST 64", "PADDED_LONGEST 68"))
    node.guardian.workshop.wake()
    await node.until(lambda: programs("one") != {PRIORITY: before} and bool(programs("one")))
    await node.until(lambda: node.attached()["one"] == node.program)

    assert node.program != before
    assert programs("one") == programs("two") == {PRIORITY: node.program}
    assert any("decisions, fib_results, lookup_port, near_port go on" in line for line in node.told)


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("return TC_ACT_UNSPEC;", "return TC_ACT_SHOT;", "ARP: answered with 2"),
        ("return TC_ACT_UNSPEC;", "return TC_ACT_OK;", "ARP: answered with 0"),
        ("count_decision(skb, decision);", "", "the program has the maps"),
        ("counter->packets++;", "counter->packets += 2;", "ARP: counted the frame 2 times"),
        ("ip->ttl <= 1", "0", "IPv4 with TTL 1"),
        ("ip->ihl > 5", "0", "IPv4 options"),
        ("return PASSED_TAGGED;", "return PASSED_NOT_IP;", "a tagged frame"),
        ("int netop_router(", "int other(", "Unknown program"),
        (
            "return PASSED_NOT_IP;",
            "return skb->data;",
            "cannot load program netop_router: Permission",
        ),
    ],
)
async def test_changed_program_that_does_wrong_is_refused(
    node: Node, home: Path, was: str, becomes: str, reason: str
) -> None:
    before = node.program
    source = home / "bpf/router.c"
    assert was in source.read_text()
    source.write_text(source.read_text().replace(was, becomes))
    node.guardian.workshop.wake()
    await node.until(lambda: f"program {before} goes on meanwhile" in node.status)

    assert reason in node.status
    assert programs("one") == programs("two") == {PRIORITY: before}


async def test_compile_error_names_line_and_reason(node: Node, home: Path) -> None:
    source = home / "bpf/router.c"
    source.write_text("int x = ;\n" + source.read_text())
    node.guardian.workshop.wake()
    await node.until(lambda: "line 1: expected expression" in node.status)


async def test_lost_events_are_noticed(home: Path) -> None:
    """With a buffer for a handful of events and nobody reading."""
    events = KernelEvents()
    events.take()
    events._socket.setsockopt(socket.SOL_SOCKET, 33, 4096)
    for _ in range(50):
        run("link set one up\nlink set one down")
    woken: list[bool] = []
    events.read(lambda: woken.append(True))

    assert events.take().everything
    assert woken == [True]
    assert home.exists()
    events.close()
