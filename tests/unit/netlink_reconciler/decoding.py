# SPDX-License-Identifier: Apache-2.0
"""Our messages as pyroute2 reads them, which knows nothing of how they were made."""

from __future__ import annotations

from typing import Any

from pyroute2.netlink import nla

from netop.common.netlink import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    ifaddrmsg,
    ifinfmsg,
    map_of_its_own,
    rtmsg,
)


@map_of_its_own
class linkmsg(ifinfmsg):  # type: ignore[misc]  # noqa: N801 - named like its base
    """A link message as it is sent: pyroute2 knows settings by family for reading only."""

    nla_map = tuple(
        ("IFLA_AF_SPEC", "settings_by_family") if name == "IFLA_AF_SPEC" else (name, kind)
        for name, kind in ifinfmsg.nla_map
    )

    class settings_by_family(nla):  # type: ignore[misc]  # noqa: N801
        nla_map = ((2, "AF_INET", "inet"), (10, "AF_INET6", "inet6"))

        class inet(nla):  # type: ignore[misc]  # noqa: N801
            nla_map = ((1, "IFLA_INET_CONF", "settings"),)  # linux/if_link.h

            class settings(nla):  # type: ignore[misc]  # noqa: N801
                nla_map = ((23, "IPV4_DEVCONF_ACCEPT_LOCAL", "uint32"),)  # linux/ip.h

        class inet6(nla):  # type: ignore[misc]  # noqa: N801
            nla_map = ((8, "IFLA_INET6_ADDR_GEN_MODE", "uint8"),)  # linux/if_link.h


@map_of_its_own
class addressmsg(ifaddrmsg):  # type: ignore[misc]  # noqa: N801 - named like its base
    """An address message with who made the address, which pyroute2 0.7 leaves out."""

    nla_map = (
        *ifaddrmsg.nla_map,
        ("IFA_RT_PRIORITY", "uint32"),
        ("IFA_TARGET_NETNSID", "int32"),
        ("IFA_PROTO", "uint8"),
    )


def decoded(request: bytes) -> Any:
    """Return the message of pyroute2's that these bytes are."""
    kind = int.from_bytes(request[4:6], "little")
    classes: dict[int, Any] = {
        RTM_NEWLINK: linkmsg,
        RTM_DELLINK: linkmsg,
        RTM_NEWADDR: addressmsg,
        RTM_DELADDR: addressmsg,
        RTM_NEWROUTE: rtmsg,
        RTM_DELROUTE: rtmsg,
    }
    found = classes[kind](request)
    found.decode()
    assert found["header"]["length"] == len(request)
    return found
