# SPDX-License-Identifier: Apache-2.0
"""The one place that imports pyroute2.

0.9 and later is an asyncio rewrite; keeping the import here keeps the move small.
"""

from __future__ import annotations

from netop.common.lean import import_lean

import_lean("pyroute2")

from pyroute2.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
)
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELTFILTER,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_GETRULE,
    RTM_GETTFILTER,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWQDISC,
    RTM_NEWROUTE,
    RTM_NEWTFILTER,
)
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import IFF_NOARP, IFF_UP, ifinfmsg
from pyroute2.netlink.rtnl.iprsocket import IPRSocket
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from pyroute2.netlink.rtnl.tcmsg import sched_bpf, tcmsg

# include/uapi/asm-generic/socket.h: beyond net.core.rmem_max, for CAP_NET_ADMIN.
SO_RCVBUFFORCE = 33

__all__ = [
    "IFF_NOARP",
    "IFF_UP",
    "NLM_F_ACK",
    "NLM_F_CREATE",
    "NLM_F_DUMP",
    "NLM_F_EXCL",
    "NLM_F_REPLACE",
    "NLM_F_REQUEST",
    "RTM_DELADDR",
    "RTM_DELLINK",
    "RTM_DELROUTE",
    "RTM_DELTFILTER",
    "RTM_GETADDR",
    "RTM_GETLINK",
    "RTM_GETROUTE",
    "RTM_GETRULE",
    "RTM_GETTFILTER",
    "RTM_NEWADDR",
    "RTM_NEWLINK",
    "RTM_NEWQDISC",
    "RTM_NEWROUTE",
    "RTM_NEWTFILTER",
    "SO_RCVBUFFORCE",
    "IPRSocket",
    "NetlinkDumpInterrupted",
    "NetlinkError",
    "bpftcmsg",
    "fibmsg",
    "ifaddrmsg",
    "ifinfmsg",
    "map_of_its_own",
    "rtmsg",
]


def map_of_its_own(message: type) -> type:
    """Have pyroute2 compile a message's attributes although those of its base are.

    It remembers in a class attribute that a class is compiled, which is inherited: what a
    derived class adds would be left out of its messages without a word.
    """
    message._nlmsg_base__compiled_nla = False  # type: ignore[attr-defined]  # noqa: SLF001
    return message


@map_of_its_own
class bpftcmsg(tcmsg):  # type: ignore[misc]  # noqa: N801 - named like its base
    """A traffic control message in which a BPF filter's id and tag are decoded."""

    class _BpfOptions(sched_bpf.options):  # type: ignore[misc]
        # linux/pkt_cls.h: 9 to 11, which pyroute2 0.7 leaves out.
        nla_map = (
            *sched_bpf.options.nla_map,
            ("TCA_BPF_FLAGS_GEN", "uint32"),
            ("TCA_BPF_TAG", "hex"),
            ("TCA_BPF_ID", "uint32"),
        )

    @staticmethod
    def get_options(self: tcmsg, *arguments: object, **fields: object) -> object:  # noqa: PLW0211
        """Called by pyroute2 to learn how to decode the options."""
        if self.get_attr("TCA_KIND") == "bpf":
            return bpftcmsg._BpfOptions
        return tcmsg.get_options(self, *arguments, **fields)
