# SPDX-License-Identifier: Apache-2.0
"""The link that carries the tunnels, or what is wrong with it."""

from __future__ import annotations

from ipaddress import IPv4Address

from netop.common.settings import NodeSettings
from netop.netlink_reconciler.actual import Actual
from netop.netlink_reconciler.wanted import Underlay


class UnderlayError(Exception):
    """There is no usable underlay; the message says what to do about it."""


def find_underlay(actual: Actual, node: NodeSettings) -> Underlay:
    """Return the underlay; raises UnderlayError without exactly one IPv4 address."""
    link = actual.by_name.get(node.underlay)
    if link is None:
        raise UnderlayError(f"{node.underlay} does not exist; provisioning has to make it")
    addresses = actual.addresses_of(node.underlay)
    if not addresses:
        raise UnderlayError(
            f"{node.underlay} has no IPv4 address; it needs exactly one, the tunnels' end"
        )
    if len(addresses) > 1:
        shown = ", ".join(str(address) for address in addresses[:4])
        raise UnderlayError(
            f"{node.underlay} has {len(addresses)} IPv4 addresses ({shown}), "
            "it must have exactly one"
        )
    return Underlay(node.underlay, addresses[0], link.attributes.mtu or 0)


def underlay_of(actual: Actual, node: NodeSettings) -> Underlay | None:
    """Return the underlay, or None where there is no usable one."""
    try:
        return find_underlay(actual, node)
    except UnderlayError:
        return None


def router_ids(actual: Actual, node: NodeSettings) -> tuple[IPv4Address | None, IPv4Address | None]:
    """Return the router id of the VRF instances and that of the host, as far as there are."""
    underlay = underlay_of(actual, node)
    cluster = actual.addresses_of(node.cluster_bridge)
    return underlay.address if underlay is not None else None, cluster[0] if cluster else None
