# SPDX-License-Identifier: Apache-2.0
"""What a VRFRouteConfiguration asks for: prefixes in, prefixes out."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from enum import StrEnum

from netop.common.edge import Field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# FRR keeps 65535 for the deny that netop puts at the end of each route-map.
SEQ_HIGHEST = 65534
# FRR: ip prefix-list NAME seq (1-4294967295).
ITEM_SEQ_HIGHEST = (1 << 32) - 1


class Action(StrEnum):
    """What a prefix-list entry does with a route that matches."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True)
class PrefixRule:
    """One entry of a prefix-list; `ge` and `le` are prefix lengths in bits."""

    cidr: Network
    seq: int
    action: Action
    ge: int | None = None
    le: int | None = None

    @property
    def prefix(self) -> str:
        """The prefix as FRR writes it (inet_ntop(3)); ipaddress differs between Pythons."""
        family = socket.AF_INET if self.cidr.version == 4 else socket.AF_INET6
        address = socket.inet_ntop(family, self.cidr.network_address.packed)
        return f"{address}/{self.cidr.prefixlen}"

    @classmethod
    def parse(cls, field: Field, index: int) -> PrefixRule:
        """Return the entry at place `index` of its list; raises FieldError.

        The sequence number defaults to the place in the list, counted from 1.
        Host bits are cleared, as FRR does when it reads a prefix-list.
        FRR demands prefix length <= ge <= le <= address length (lib/plist.c).
        """
        prefix = _prefix(field["cidr"])
        seq = field["seq"].optional_integer(1, ITEM_SEQ_HIGHEST)
        ge = _length(field["ge"], "ge", prefix, prefix.prefixlen)
        le = _length(field["le"], "le", prefix, prefix.prefixlen if ge is None else ge)
        return cls(prefix, index + 1 if seq is None else seq, _action(field["action"]), ge, le)


@dataclass(frozen=True)
class ResourcePolicy:
    """One resource as one route-map entry, at `seq`, for each direction.

    Seen from the cluster: `imports` are taken from the VRF into the default VRF,
    `exports` are given to the VRF.
    """

    resource: str
    seq: int
    imports: tuple[PrefixRule, ...]
    exports: tuple[PrefixRule, ...]

    @classmethod
    def parse(cls, field: Field) -> ResourcePolicy:
        """Return one policy of a document; raises FieldError."""
        return cls(
            resource=field["resource"].text(),
            seq=field["seq"].integer(1, SEQ_HIGHEST),
            imports=rules(field["imports"]),
            exports=rules(field["exports"]),
        )


def rules(field: Field) -> tuple[PrefixRule, ...]:
    """Return a list of entries in the order of their numbers; raises FieldError.

    Two entries with one number are an error: in FRR the last would win, silently.
    """
    found: dict[int, PrefixRule] = {}
    for index, item in enumerate(field.items()):
        rule = PrefixRule.parse(item, index)
        if rule.seq in found:
            raise item["seq"].fail(f"{rule.seq} is already the number of another entry")
        found[rule.seq] = rule
    return tuple(found[seq] for seq in sorted(found))


def _prefix(field: Field) -> Network:
    text = field.text(longest=64)
    if "/" not in text or "%" in text:
        raise field.fail(f"{text!r} is not a prefix such as 10.0.0.0/8 or 2001:db8::/32")
    address, _, length = text.partition("/")
    # ipaddress would take a netmask (10.0.0.0/255.0.0.0) and non-ASCII digits too.
    if not (length.isascii() and length.isdecimal()):
        raise field.fail(f"{text!r} has no prefix length in bits behind the '/'")
    try:
        return ipaddress.ip_network(f"{address}/{int(length)}", strict=False)
    except ValueError as error:
        raise field.fail(f"{text!r} is not an IPv4 or IPv6 prefix") from error


def _length(field: Field, name: str, prefix: Network, low: int) -> int | None:
    if field.absent:
        return None
    length = field.integer(0, 128)
    if length < low:
        floor = "ge" if low > prefix.prefixlen else "the prefix length"
        raise field.fail(f"{name} {length} is below {floor} {low} of {prefix}")
    if length > prefix.max_prefixlen:
        raise field.fail(
            f"{name} {length} is beyond the {prefix.max_prefixlen} bits of an "
            f"IPv{prefix.version} address"
        )
    return length


def _action(field: Field) -> Action:
    text = field.text()
    try:
        return Action(text)
    except ValueError as error:
        raise field.fail(f"{text!r} is neither 'permit' nor 'deny'") from error
