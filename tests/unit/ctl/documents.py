# SPDX-License-Identifier: Apache-2.0
"""Documents of a node on which all is well, for tests to spoil."""

from __future__ import annotations

import ipaddress

from netop.common.documents import (
    Attached,
    Attachment,
    Desired,
    DesiredVrf,
    Link,
    LinkedVrf,
    Links,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
    Source,
    VrfState,
)
from netop.common.names import LinkNames
from netop.common.policy import ResourcePolicy
from netop.common.settings import NodeSettings
from netop.ctl.vrfs import Documents

GENERATION = 17
NONE_YET = Reload(ReloadResult.NONE, "", 0, 0, "", ())


def desired(*vrfs: DesiredVrf) -> Desired:
    return Desired(GENERATION, Source.MANIFESTS, "", NodeSettings(), vrfs, ())


def wanted(name: str, vni: int | None, resources: int = 1) -> DesiredVrf:
    policies = tuple(
        ResourcePolicy(f"{name}-{index}", index, (), ()) for index in range(1, resources + 1)
    )
    return DesiredVrf(name, vni, policies)


def linked(name: str, vni: int, state: VrfState = VrfState.UP, error: str = "") -> LinkedVrf:
    links = tuple(Link(link, 7, "") for link in LinkNames.of(name).all())
    return LinkedVrf(name, vni, 50, state, error, links)


def attachments(*vrfs: str) -> tuple[Attachment, ...]:
    names = [LinkNames.of(vrf) for vrf in vrfs]
    return tuple(
        Attachment(place, 7, 5, "")
        for name in names
        for place in (name.vxlan, name.bridge, name.veth_vrf)
    )


def well_documents() -> Documents:
    """Two tenants, red and blue, and mgmt_vrf, which has route-maps only."""
    return Documents(
        desired=desired(wanted("blue", 5002), wanted("mgmt_vrf", None), wanted("red", 5001, 2)),
        links=Links(
            GENERATION,
            ipaddress.IPv4Address("10.50.0.1"),
            ipaddress.IPv4Address("10.60.0.1"),
            (linked("blue", 5002), linked("red", 5001)),
            (),
        ),
        served=Served(
            GENERATION,
            (ServedVrf("blue", 5002), ServedVrf("mgmt_vrf", None), ServedVrf("red", 5001)),
            NONE_YET,
            (),
        ),
        attached=Attached(GENERATION, 5, "abc", "def", attachments("blue", "red"), (), ()),
    )
