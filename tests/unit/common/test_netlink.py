# SPDX-License-Identifier: Apache-2.0
"""What netop adds to pyroute2's messages is in them, whatever was used before."""

from __future__ import annotations

from typing import Any

import pytest

from netop.common.netlink import ifaddrmsg, ifinfmsg, inetlinkmsg, markedaddrmsg


def encoded(kind: Any, *attributes: tuple[str, Any]) -> bytes:
    message = kind()
    message["attrs"] = list(attributes)
    message.encode()
    return bytes(message.data)


def accept_local(value: int) -> tuple[str, Any]:
    settings = {"attrs": [("IPV4_DEVCONF_ACCEPT_LOCAL", value)]}
    return (
        "IFLA_AF_SPEC",
        {"attrs": [("AF_INET", {"attrs": [("IFLA_INET_CONF", settings)]})]},
    )


@pytest.mark.parametrize(
    ("base", "plain", "derived", "ours", "tail"),
    [
        # rtnetlink(7): a length and a type of 16 bits each, then the value.
        (
            ifinfmsg,
            ("IFLA_IFNAME", "a"),
            inetlinkmsg,
            accept_local(1),
            "14001a00 10000200 0c000100 08001700 01000000",
        ),
        (ifaddrmsg, ("IFA_LOCAL", "::1"), markedaddrmsg, ("IFA_PROTO", 7), "05000b00 07000000"),
    ],
    ids=["link", "address"],
)
def test_an_attribute_of_ours_is_sent_after_the_base_was_used(
    base: Any, plain: tuple[str, Any], derived: Any, ours: tuple[str, Any], tail: str
) -> None:
    encoded(base, plain)
    assert encoded(derived, ours).hex().endswith(tail.replace(" ", ""))
