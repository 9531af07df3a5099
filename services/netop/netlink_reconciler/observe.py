# SPDX-License-Identifier: Apache-2.0
"""Reading the kernel: dumps over rtnetlink become an Actual."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import islice
from socket import AF_INET, AF_INET6
from typing import Any, TypeVar

from netop.common.netlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    RTM_GETADDR,
    RTM_GETRULE,
    IPRSocket,
    NetlinkDumpInterrupted,
    NetlinkError,
    fibmsg,
    ifaddrmsg,
)
from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.dump import dump_backstops, dump_identities, has_routes
from netop.netlink_reconciler.exchange import Exchange, InterruptedDumpError
from netop.netlink_reconciler.identity import Identity
from netop.netlink_reconciler.link import Kind
from netop.netlink_reconciler.linkdump import dump_links
from netop.netlink_reconciler.uapi import IFA_F_SECONDARY

T = TypeVar("T")

# How many free tables a look has to find, told from what it found before.
Tables = Callable[[Actual], int]

# A dump that links changed under is repeated so many times at most.
_DUMPS = 20


class KernelError(Exception):
    """The kernel did not answer a dump; the message says which and why."""


def no_tables(_: Actual) -> int:
    """Say that no table has to be found."""
    return 0


class Observer:
    """Looks at this network namespace."""

    def __init__(self) -> None:
        self._exchange = Exchange()
        # For what is rare and rich; the dumps of all links and routes are too long for it.
        self._ip = IPRSocket(ext_ack=True, strict_check=True)

    def close(self) -> None:
        """Close the sockets."""
        self._exchange.close()
        self._ip.close()

    def observe(self, node: NodeSettings, tables: Tables) -> Actual:
        """Return the links and addresses, and the tables asked for; raises KernelError."""
        found = Actual(_answered(lambda: dump_links(self._exchange), "the links"))
        addresses: list[tuple[str, IPv4Address]] = []
        for name in dict.fromkeys((node.underlay, node.cluster_bridge)):
            link = found.by_name.get(name)
            if link is not None:
                addresses += ((name, address) for address in self._addresses(link.index))
        backstops = _answered(lambda: dump_backstops(self._exchange), "the unreachable routes")
        return dataclasses.replace(
            found,
            addresses=tuple(addresses),
            backstops=backstops,
            identities=self._identities(found),
            free_tables=self._free_tables(found, node, tables(found)),
        )

    def group(self, group: int) -> frozenset[int]:
        """Return the ifindexes of the links in a group; raises KernelError."""
        links = _answered(lambda: dump_links(self._exchange), "the links")
        return frozenset(link.index for link in links if link.attributes.group == group)

    def _addresses(self, index: int) -> list[IPv4Address]:
        request = ifaddrmsg()
        request["family"] = AF_INET
        request["index"] = index
        answers = self._dump(request, RTM_GETADDR, "the addresses")
        replies = [reply for reply in answers if reply["index"] == index]
        replies.sort(key=lambda reply: bool(reply["flags"] & IFA_F_SECONDARY))
        return [IPv4Address(reply.get_attr("IFA_LOCAL")) for reply in replies]

    def _identities(self, found: Actual) -> frozenset[Identity]:
        kinds = {Kind.VRF, Kind.VETH}
        links = {link.index: link.name for link in found.own if link.attributes.kind in kinds}
        if not links:
            return frozenset()
        return _answered(lambda: dump_identities(self._exchange, links), "the addresses")

    def _free_tables(self, found: Actual, node: NodeSettings, count: int) -> tuple[int, ...]:
        """Return tables of the node's range that no VRF, rule or foreign route is about.

        Tables of VRFs are not looked into: the VRF device says enough, and a VRF may have
        many thousand routes.
        """
        if not count:
            return ()
        taken = {link.attributes.table for link in found.links}
        for family in (AF_INET, AF_INET6):
            request = fibmsg()
            request["family"] = family
            taken |= {_table_of(rule) for rule in self._dump(request, RTM_GETRULE, "the rules")}
        left = (one for one in range(node.table_first, node.table_last + 1) if one not in taken)
        return tuple(islice((table for table in left if not _in_use(table)), count))

    def _dump(self, request: Any, kind: int, what: str) -> tuple[Any, ...]:
        flags = NLM_F_REQUEST | NLM_F_DUMP
        return _answered(lambda: tuple(self._ip.nlm_request(request, kind, flags)), what)


def _answered(ask: Callable[[], T], what: str) -> T:
    for _ in range(_DUMPS):
        try:
            return ask()
        except (NetlinkDumpInterrupted, InterruptedDumpError):
            continue
        except (NetlinkError, OSError) as error:
            raise KernelError(f"the kernel did not tell {what}: {error}") from error
    raise KernelError(f"{what} changed {_DUMPS} times while the kernel told them")


def _in_use(table: int) -> bool:
    """Say whether a table has routes of others, of either family."""
    for family in (AF_INET, AF_INET6):
        try:
            with Exchange() as exchange:
                if has_routes(exchange, family, table):
                    return True
        except InterruptedDumpError:
            # Somebody changes routes right now; the last look of this pass finds out.
            continue
        except OSError as error:
            if error.errno != errno.ENOENT:  # there is no such table
                raise KernelError(f"the kernel did not tell routes: {error}") from error
    return False


def _table_of(rule: Any) -> int:
    table = rule.get_attr("FRA_TABLE")
    return int(rule["table"] if table is None else table)
