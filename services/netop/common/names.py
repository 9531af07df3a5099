# SPDX-License-Identifier: Apache-2.0
"""Names of VRFs and interfaces, and the numbers that go with them.

These checks stand between a resource and two places that trust what they get:
netlink, which takes nearly any byte as an interface name, and frr.conf, where a
line break in a name would be a second command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from netop.common.edge import Field

# Link names put a three-character prefix before the VRF's name and the kernel
# allows 15 characters (IFNAMSIZ less its NUL).
VRF_NAME_LONGEST = 12
INTERFACE_NAME_LONGEST = 15
# RFC 7348, section 5: the VNI has 24 bits. 0 is the kernel's "no VNI".
VNI_HIGHEST = (1 << 24) - 1
# RFC 6793.
ASN_HIGHEST = (1 << 32) - 1

# Kubernetes: names of objects are DNS subdomains (RFC 1123) of up to 253 characters.
OBJECT_NAME_LONGEST = 253

_VRF_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_INTERFACE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def vrf_name(field: Field) -> str:
    """Return a VRF name of up to 12 characters; raises FieldError."""
    name = field.text()
    if len(name) > VRF_NAME_LONGEST:
        raise field.fail(f"{name[:40]!r} is longer than {VRF_NAME_LONGEST} characters")
    if not _VRF_NAME.fullmatch(name):
        raise field.fail(
            f"{name!r} is no VRF name: letters, digits, '_', '-' and '.' only, "
            "beginning with a letter, a digit or '_'"
        )
    return name


def interface_name(field: Field) -> str:
    """Return the name of a network interface; raises FieldError."""
    name = field.text()
    if len(name) > INTERFACE_NAME_LONGEST:
        raise field.fail(f"{name[:40]!r} is longer than {INTERFACE_NAME_LONGEST} characters")
    if not _INTERFACE_NAME.fullmatch(name):
        raise field.fail(f"{name!r} is no interface name")
    return name


def object_name(field: Field) -> str:
    """Return the name of an object of the Kubernetes API; raises FieldError."""
    name = field.text()
    if len(name) > OBJECT_NAME_LONGEST or not _OBJECT_NAME.fullmatch(name):
        raise field.fail(
            f"{name[:60]!r} is no name of an object: lower-case letters, digits, '-' and '.' "
            "only, beginning and ending with a letter or a digit"
        )
    return name


def vni(field: Field) -> int:
    """Return a VXLAN network identifier, 1 to 16777215; raises FieldError."""
    return field.integer(1, VNI_HIGHEST)


@dataclass(frozen=True)
class LinkNames:
    """The five links of one VRF. `veth_vrf` is in the VRF, `veth_default` outside it."""

    vrf: str
    bridge: str
    vxlan: str
    veth_vrf: str
    veth_default: str

    @classmethod
    def of(cls, name: str) -> LinkNames:
        """Return the link names of the VRF `name`."""
        return cls(f"vr.{name}", f"br.{name}", f"vx.{name}", f"vd.{name}", f"dv.{name}")

    def all(self) -> tuple[str, ...]:
        """Return the names in the order of creation."""
        return (self.vrf, self.bridge, self.veth_vrf, self.veth_default, self.vxlan)


def few(names: Iterable[str]) -> str:
    """Return the names as a sentence tells them: all, or three and how many more there are."""
    named = list(names)
    more = len(named) - 3
    return ", ".join(named[:3]) + (f" and {more} more" if more > 0 else "")
