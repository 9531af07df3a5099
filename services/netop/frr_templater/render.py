# SPDX-License-Identifier: Apache-2.0
"""Renders frr.conf: a pure function of the template and what shall be served."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from netop.common.documents import DesiredVrf
from netop.frr_templater import hints
from netop.frr_templater.configuration import is_comment
from netop.frr_templater.hints import Section, Value
from netop.frr_templater.model import vrf_model
from netop.frr_templater.template import BEGIN, END, HEADER, Place, Template

_FILES = {
    Section.VRFS: "vrfs.j2",
    Section.NEIGHBORS: "neighbors.j2",
    Section.NEIGHBORS_V4: "neighbors_af.j2",
    Section.NEIGHBORS_V6: "neighbors_af.j2",
    Section.BGP: "bgp.j2",
    Section.PREFIX_LISTS: "prefix_lists.j2",
    Section.ROUTE_MAPS: "route_maps.j2",
}

# All that names, prefixes and numbers are made of. A space or a line break in a value
# would be a second word or a second command to FRR.
_SAFE = re.compile(r"[A-Za-z0-9_.:/-]+")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")


class UnsafeValueError(ValueError):
    """A value that must not reach frr.conf got past every earlier check."""


@dataclass(frozen=True)
class Intent:
    """What shall be served: all that goes into frr.conf beside the template.

    `router_id` is that of VRF instances (the underlay's address), `host_router_id` the
    host's; None where nobody knows it.
    """

    vrfs: tuple[DesiredVrf, ...]
    hostname: str
    router_id: ipaddress.IPv4Address | None
    host_router_id: ipaddress.IPv4Address | None


def render(template: Template, intent: Intent) -> str:
    """Return the text of frr.conf: the same text for the same arguments, always.

    A value that the intent lacks must not be asked for; see `missing_values`.
    """
    sections = _render_sections(template, intent)
    values = _values(intent)
    lines = [HEADER]
    for piece in template.pieces:
        if isinstance(piece, Place):
            lines += ["exit"] * piece.exits
            lines.append(f"{piece.indent}{BEGIN}{piece.section}")
            lines += filter(None, [sections[piece.section]])
            lines.append(f"{piece.indent}{END}{piece.section}")
        elif is_comment(piece):
            lines.append(piece)
        else:
            lines.append(hints.HINT.sub(lambda match: values[Value(match[1])], piece))
    return "\n".join(lines) + "\n"


def missing_values(template: Template, intent: Intent) -> tuple[Value, ...]:
    """Return the values that rendering needs and the intent does not have."""
    needed = {value for value in Value if template.uses(value)}
    if any(vrf.vni is not None for vrf in intent.vrfs):
        needed.add(Value.UNDERLAY_ROUTER_ID)
    known = _values(intent)
    return tuple(value for value in Value if value in needed and value not in known)


def _values(intent: Intent) -> dict[Value, str]:
    found: dict[Value, str] = {}
    if _HOSTNAME.fullmatch(intent.hostname):
        found[Value.HOSTNAME] = intent.hostname
    if intent.router_id is not None:
        found[Value.UNDERLAY_ROUTER_ID] = str(intent.router_id)
    if intent.host_router_id is not None:
        found[Value.HOST_ROUTER_ID] = str(intent.host_router_id)
    return found


def _render_sections(template: Template, intent: Intent) -> dict[Section, str]:
    vrfs = [vrf_model(vrf, ipv6=template.ipv6) for vrf in intent.vrfs]
    common = {"vrfs": vrfs, "asn": template.asn, "router_id": intent.router_id}
    return {
        section: _environment()
        .get_template(file)
        .render(**common, **_family(template, section))
        .rstrip("\n")
        for section, file in _FILES.items()
        if template.has(section)
    }


def _family(template: Template, section: Section) -> dict[str, Any]:
    if section == Section.NEIGHBORS_V6:
        return {"family": "ipv6", "activate": True}
    return {"family": "ipv4", "activate": not template.ipv4_by_default}


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "sections"),
        autoescape=False,  # noqa: S701 - this is no HTML; `_checked` guards every value
        undefined=jinja2.StrictUndefined,
        finalize=_checked,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _checked(value: object) -> str:
    text = str(value)
    if not _SAFE.fullmatch(text):
        raise UnsafeValueError(f"{text[:60]!r} must not reach frr.conf")
    return text
