# SPDX-License-Identifier: Apache-2.0
"""The addresses that a VRF answers from when it refuses a packet."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from netop.netlink_reconciler.dump import parse_identity
from netop.netlink_reconciler.identity import Identity, identities_of
from netop.netlink_reconciler.plan import make_plan
from netop.netlink_reconciler.step import Address
from tests.unit.netlink_reconciler.fake_kernel import ADDRESS, UNDERLAY
from tests.unit.netlink_reconciler.world import converge, desired, served, working

OTHER = IPv4Address("10.0.0.8")
WANTED = desired({"red": 5001})
SERVING = served({"red": 5001})


def test_ipv6_address_carries_that_of_the_underlay() -> None:
    four, six = identities_of("vr.red", IPv4Address("10.50.0.11"))

    assert four.address == IPv4Address("10.50.0.11")
    assert six.address == IPv6Address("64:ff9b:1::10.50.0.11")


def test_vrf_has_both_from_the_start() -> None:
    kernel = working({"red": 5001})

    assert kernel.identities == set(identities_of("vr.red", ADDRESS))


@pytest.mark.parametrize("version", [4, 6])
def test_missing_address_is_put_back_and_nothing_else_happens(version: int) -> None:
    kernel = working({"red": 5001})
    kernel.applied.clear()
    kernel.identities = {one for one in kernel.identities if one.address.version != version}
    converge(kernel, WANTED, SERVING)

    assert kernel.identities == set(identities_of("vr.red", ADDRESS))
    (step,) = kernel.applied
    assert isinstance(step, Address)
    assert str(step) == f"vr.red: address {step.identity.address} put in place"


def test_underlay_that_moves_takes_them_along() -> None:
    kernel = working({"red": 5001})
    kernel.addresses[UNDERLAY] = (OTHER,)
    converge(kernel, WANTED, SERVING)

    assert kernel.identities == set(identities_of("vr.red", OTHER))


def test_address_of_an_administrator_stays() -> None:
    kernel = working({"red": 5001})
    kernel.applied.clear()
    theirs = Identity("vr.red", IPv4Address("192.0.2.1"), marked=False)
    kernel.identities.add(theirs)
    converge(kernel, WANTED, SERVING)

    assert theirs in kernel.identities
    assert kernel.applied == []


def test_the_same_address_without_our_mark_is_as_good() -> None:
    """Or it would be put there again in every pass."""
    kernel = working({"red": 5001})
    kernel.applied.clear()
    kernel.identities = {Identity(one.link, one.address, False) for one in kernel.identities}
    converge(kernel, WANTED, SERVING)

    assert kernel.applied == []


@pytest.mark.parametrize("name", ["vd.red", "dv.red"])
def test_link_local_address_that_is_gone_is_put_back_and_nothing_else_happens(name: str) -> None:
    """FRR peers over it, and the kernel gives one only to a link that begins to run."""
    kernel = working({"red": 5001, "blue": 5002})
    index = kernel.names()[name].index
    assert index in kernel.link_locals
    kernel.alter(name, mac="02:00:00:00:00:07")
    kernel.link_locals.remove(index)
    converge(kernel, desired({"red": 5001, "blue": 5002}), served({"red": 5001, "blue": 5002}))

    assert index in kernel.link_locals
    (step,) = kernel.applied
    assert str(step) == f"{name}: address fe80::ff:fe00:7 put in place"


def test_mode_alone_gives_no_address_to_a_link_that_runs() -> None:
    kernel = working({"red": 5001})
    kernel.alter("dv.red", link_local=False)
    kernel.alter("dv.red", up=False)
    kernel.alter("dv.red", up=True)
    assert kernel.names()["dv.red"].index not in kernel.link_locals
    converge(kernel, WANTED, SERVING)

    assert [str(step) for step in kernel.applied] == [
        "dv.red: IPv6 link-local off → on",
        "dv.red: address fe80::800:ff:fe00:1 put in place",
    ]


def test_link_that_does_not_run_yet_lacks_no_address() -> None:
    """The kernel gives it one a moment after it went up, and netop shall not be in its way."""
    kernel = working({"red": 5001})
    slow = {kernel.names()[name].index for name in ("vd.red", "dv.red")}
    kernel.running -= slow
    kernel.link_locals -= slow
    actual = kernel.observe(WANTED.node)

    assert make_plan(WANTED, SERVING, actual).steps == ()


def test_prepared_vrf_lacks_no_address() -> None:
    kernel = working({"red": 5001})
    converge(kernel, WANTED, served({}))

    assert kernel.link_locals == set()
    assert not any(isinstance(step, Address) for step in kernel.applied)


def test_any_link_local_address_will_do() -> None:
    """As with addrgenmode random; a session may be there over it."""
    kernel = working({"red": 5001})
    kernel.alter("dv.red", mac="02:00:00:00:00:07")

    assert make_plan(WANTED, SERVING, kernel.observe(WANTED.node)).steps == ()


def message(family: int, index: int, length: int, address: str, mark: int | None) -> bytes:
    packed = ip_address(address).packed
    body = struct.pack("=BBBBI", family, length, 0, 0, index)
    body += struct.pack("=HH", 4 + len(packed), 1) + packed
    if mark is not None:
        body += struct.pack("=HHBxxx", 5, 11, mark)
    return struct.pack("=IHHII", 16 + len(body), 20, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("data", "found", "marked"),
    [
        (message(2, 7, 32, "10.0.0.7", 110), "10.0.0.7", True),
        (message(2, 7, 32, "10.0.0.7", None), "10.0.0.7", False),
        (message(10, 7, 128, "64:ff9b:1::a00:7", 110), "64:ff9b:1::a00:7", True),
        (message(10, 7, 128, "fd00::1", 2), "fd00::1", False),
        # Of IPv6, the kernel has an address once, and does not replace its length.
        (message(10, 7, 96, "64:ff9b:1::a00:7", None), "64:ff9b:1::a00:7", False),
        (message(10, 7, 96, "64:ff9b:1::a00:7", 110), "64:ff9b:1::a00:7", False),
        (message(10, 7, 64, "fe80::1", None), "fe80::1", False),
        (message(2, 7, 24, "10.0.0.7", 110), None, False),
        (message(2, 8, 32, "10.0.0.7", 110), None, False),
    ],
)
def test_only_addresses_of_our_vrfs_are_read_those_of_ipv4_where_they_are_a_hosts(
    data: bytes, found: str | None, marked: bool
) -> None:
    identity = parse_identity(data, {7: "vr.red"})

    if found is None:
        assert identity is None
    else:
        assert identity == Identity("vr.red", ip_address(found))
        assert identity.marked is marked
