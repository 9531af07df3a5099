# SPDX-License-Identifier: Apache-2.0
"""Requests and dumps over a real socket, in a network namespace of their own; needs root."""

from __future__ import annotations

import errno
import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from netop.common.netlink import IFF_UP, NLM_F_CREATE, NLM_F_EXCL, RTM_DELLINK, RTM_NEWLINK
from netop.common.settings import NodeSettings
from netop.netlink_reconciler import uapi
from netop.netlink_reconciler.exchange import Exchange, Refused
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from netop.netlink_reconciler.link import DOOMED, GROUP, Difference, Kind, Link
from netop.netlink_reconciler.linkdump import dump_links
from netop.netlink_reconciler.linklocal import is_link_local, link_local_of
from netop.netlink_reconciler.step import Address, Change, Delete, Failure, Switch
from netop.netlink_reconciler.wire import attribute, nested, number, request, text
from tests.packet.namespace import fresh_network, run, sysctl


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with fresh_network():
        yield


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange() as opened:
        yield opened


@pytest.fixture
def kernel() -> Iterator[RtnetlinkKernel]:
    opened = RtnetlinkKernel()
    yield opened
    opened.close()


def bridge(index: int) -> bytes:
    info = nested(uapi.IFLA_LINKINFO, text(uapi.IFLA_INFO_KIND, "bridge"))
    body = uapi.IFINFOMSG.pack(0, 0, index, 0, 0)
    name = text(uapi.IFLA_IFNAME, f"b{index}")
    return request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, name, info)


def up(index: int) -> bytes:
    return request(RTM_NEWLINK, 0, uapi.IFINFOMSG.pack(0, 0, index, IFF_UP, IFF_UP))


def deletion(index: int) -> bytes:
    return request(RTM_DELLINK, 0, uapi.IFINFOMSG.pack(0, 0, index, 0, 0))


def names() -> set[str]:
    shown = subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout
    return {link["ifname"] for link in json.loads(shown)}


def test_a_later_request_counts_on_an_earlier_one(exchange: Exchange) -> None:
    assert exchange.batch([bridge(7), up(7), bridge(8)]) == {}
    assert names() == {"lo", "b7", "b8"}
    assert {link.name: link.up for link in dump_links(exchange)} == {
        "lo": False,
        "b7": True,
        "b8": False,
    }


def test_each_refusal_is_told_by_its_position_and_stops_nobody(exchange: Exchange) -> None:
    refused = exchange.batch([deletion(99), bridge(7), bridge(7), up(98)])
    assert refused == {
        0: Refused(errno.ENODEV, "No such device"),
        2: Refused(errno.EEXIST, "File exists"),
        3: Refused(errno.ENODEV, "No such device"),
    }
    assert names() == {"lo", "b7"}
    assert exchange.batch([up(7)]) == {}


def test_the_kernel_s_own_words_are_the_reason(exchange: Exchange) -> None:
    run("link add low type bridge\nlink add v1 type vxlan id 5 local 10.0.0.1 dstport 4789")
    data = nested(
        uapi.IFLA_INFO_DATA,
        number(uapi.IFLA_VXLAN_ID, 5),
        attribute(uapi.IFLA_VXLAN_PORT, (4789).to_bytes(2, "big")),
    )
    info = nested(uapi.IFLA_LINKINFO, text(uapi.IFLA_INFO_KIND, "vxlan"), data)
    body = uapi.IFINFOMSG.pack(0, 0, 0, 0, 0)
    refused = exchange.batch([request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, info)])
    words = "A VXLAN device with the specified VNI already exists"
    assert refused == {0: Refused(errno.EEXIST, words)}


def test_what_is_gone_already_needs_no_deleting(kernel: RtnetlinkKernel) -> None:
    assert kernel.apply([Delete("red", "x", 99, "removed")]) == ()
    [failure] = kernel.apply([Switch("red", "x", 99, up=True)])
    assert isinstance(failure, Failure)


def test_hundreds_of_refusals_all_arrive(exchange: Exchange, kernel: RtnetlinkKernel) -> None:
    assert len(exchange.batch([up(index) for index in range(500, 700)])) == 200
    steps = [Switch("red", f"x{index}", index, up=True) for index in range(500, 1500)]
    assert [failure.step for failure in kernel.apply(steps)] == steps


def test_a_dump_is_read_beyond_one_buffer(exchange: Exchange) -> None:
    for first in range(100, 500, 100):
        assert exchange.batch([bridge(index) for index in range(first, first + 100)]) == {}
    assert {link.name for link in dump_links(exchange)} == names()
    assert len(names()) == 401


def test_free_tables_are_those_that_no_vrf_rule_or_route_is_about(kernel: RtnetlinkKernel) -> None:
    run(
        """
        link add low type bridge
        link set low up
        route add 10.0.0.0/8 dev low table 50
        route add fd00::/16 dev low table 52
        route add unreachable default table 53 metric 4278198272 protocol 110
        rule add to 10.9.0.0/16 table 54
        """
    )
    node = NodeSettings(table_first=50, table_last=60)
    assert kernel.observe(node, lambda _: 3).free_tables == (51, 53, 55)
    assert kernel.observe(node, lambda _: 0).free_tables == ()
    assert kernel.observe(node, lambda _: 100).free_tables == ((51, 53, *range(55, 61)))


def three_bridges(kernel: RtnetlinkKernel) -> list[Delete]:
    run("\n".join(f"link add br.v{number} type bridge" for number in range(3)))
    names = kernel.observe(NodeSettings(), lambda _: 0).by_name
    return [Delete("v", f"br.v{n}", names[f"br.v{n}"].index, "removed") for n in range(3)]


def test_links_of_a_kind_go_in_one_request(kernel: RtnetlinkKernel) -> None:
    run("link add other type bridge")
    steps = three_bridges(kernel)
    assert kernel.apply(steps) == ()
    assert names() == {"lo", "other"}


def test_a_link_of_others_in_the_group_of_the_doomed_stays(kernel: RtnetlinkKernel) -> None:
    run(f"link add other type bridge\nlink set other group {DOOMED}")
    assert kernel.apply(three_bridges(kernel)) == ()
    assert names() == {"lo", "other"}


def test_one_that_is_gone_already_keeps_no_other(kernel: RtnetlinkKernel) -> None:
    steps = three_bridges(kernel)
    run("link del br.v1")
    assert kernel.apply(steps) == ()
    assert names() == {"lo"}


class Pair:
    """A veth with the names and marks of a VRF's, as the reconciler's kernel sees it."""

    def __init__(self, kernel: RtnetlinkKernel) -> None:
        self.kernel = kernel
        run("link add vd.red type veth peer name dv.red")
        run(f"link set vd.red group {GROUP}\nlink set dv.red group {GROUP}")

    def look(self) -> tuple[Link, bool]:
        """The far end, and whether it has a link-local address."""
        actual = self.kernel.observe(NodeSettings(), lambda _: 0)
        there = actual.identities_of("dv.red")
        return actual.by_name["dv.red"], any(map(is_link_local, there))

    def restore(self) -> tuple[Failure, ...]:
        link, _ = self.look()
        return self.kernel.apply([Address("red", link_local_of(link), link.index, present=True)])


def addresses() -> list[tuple[str, int]]:
    asked = ["ip", "-6", "-json", "address", "show", "dev", "dv.red"]
    shown = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
    return [(one["local"], one["prefixlen"]) for link in shown for one in link["addr_info"]]


def test_a_link_that_runs_has_its_link_local_address(kernel: RtnetlinkKernel) -> None:
    """Or netop would put it there before the kernel does."""
    pair = Pair(kernel)
    looks = []
    for _ in range(20):
        run("link set vd.red down\nlink set dv.red down")
        run("link set dv.red up")
        looks.append(pair.look())
        run("link set vd.red up")
        looks += [pair.look() for _ in range(5)]
        run("link set dv.red down\nlink set dv.red up")
        looks += [pair.look() for _ in range(5)]
    assert [link for link, has in looks if link.running and not has] == []
    assert [link for link, has in looks if link.running]


def test_a_link_local_address_is_given_back_as_the_kernel_made_it(kernel: RtnetlinkKernel) -> None:
    pair = Pair(kernel)
    run("link set vd.red up\nlink set dv.red up")
    for _ in range(500):
        if pair.look()[0].running:
            break
        time.sleep(0.01)
    before = addresses()
    assert pair.look()[1]
    run("address flush dev dv.red")
    link, has = pair.look()
    assert (link.running, has) == (True, False)
    assert pair.restore() == ()
    assert addresses() == before
    assert pair.restore() == (), "nor is it in anybody's way"
    assert addresses() == before


def test_where_ipv6_is_disabled_the_kernel_says_so(kernel: RtnetlinkKernel) -> None:
    pair = Pair(kernel)
    run("link set vd.red up\nlink set dv.red up")
    sysctl("net/ipv6/conf/dv.red/disable_ipv6", "1")
    assert not pair.look()[1]
    [failure] = pair.restore()
    assert "IPv6 is disabled on this device" in failure.reason


def test_of_changes_that_go_together_only_the_refused_one_fails(kernel: RtnetlinkKernel) -> None:
    run("link add br.red type bridge\nlink add vx.red type bridge\nlink set vx.red up")
    index = kernel.observe(NodeSettings(), lambda _: 0).by_name["br.red"].index
    steps = [
        Change("red", "br.red", index, Kind.BRIDGE, Difference(name, old, new), told=False)
        for name, old, new in (
            ("alias", "", "netop vrf red"),
            ("hairpin", False, True),  # of a port, which it is not
            ("link_local", True, False),
        )
    ]
    failures = kernel.apply(steps)
    assert [failure.step for failure in failures] == [steps[1]]
    attributes = kernel.observe(NodeSettings(), lambda _: 0).by_name["br.red"].attributes
    assert (attributes.alias, attributes.link_local) == ("netop vrf red", False)
