# SPDX-License-Identifier: Apache-2.0
"""`netopctl topology`: a drawing of VRFs, VNIs, links and sessions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from html import escape

from netop.common.names import LinkNames
from netop.common.store import Store
from netop.ctl.health import Health
from netop.ctl.status import read_documents
from netop.ctl.vrfs import NOTHING, VrfView, vrf_views

_COLOURS = {Health.WELL: "#2e7d32", Health.WAITING: "#b26a00", Health.BROKEN: "#c62828"}
_ROW = 64  # pixels a VRF
_TOP = 56
_WIDTH = 860


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `topology` to the commands of netopctl."""
    parser = commands.add_parser(
        "topology", help="a drawing of VRFs, VNIs, links and sessions, as text or SVG"
    )
    parser.add_argument("--svg", action="store_true", help="for a browser, instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the drawing and return the exit status."""
    damaged: list[str] = []
    documents = read_documents(Store(), damaged)
    for sentence in damaged:
        print(f"netopctl: {sentence}", file=sys.stderr)
    drawing = svg if arguments.svg else text
    print("\n".join(drawing(vrf_views(documents))))
    return 1 if damaged else 0


def text(views: tuple[VrfView, ...]) -> Iterator[str]:
    """Yield the drawing as lines: the default VRF on the left, the fabric on the right."""
    yield "default VRF"
    for index, view in enumerate(views):
        last = index == len(views) - 1
        yield f" {'└' if last else '├'}─ {_chain(view)}"
        below = " " if last else "│"
        yield f" {below}    {_told(view)}"
    if not views:
        yield " └─ no VRF"


def _chain(view: VrfView) -> str:
    if view.links == NOTHING:
        return f"{view.name} (links of provisioning)"
    names = LinkNames.of(view.name)
    return (
        f"{names.veth_default} ═ {names.veth_vrf} [{names.vrf}] {names.bridge} ─ "
        f"{names.vxlan} ═ VNI {view.vni or '?'}"
    )


def _told(view: VrfView) -> str:
    stages = (f"{name} {finding.text}" for name, finding in view.stages if finding != NOTHING)
    told = ", ".join(stages)
    return f"{told}: {view.trouble}" if view.trouble else told


def svg(views: tuple[VrfView, ...]) -> Iterator[str]:
    """Yield the drawing as the lines of an SVG image."""
    height = _TOP + max(1, len(views)) * _ROW + 16
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13">'
    )
    yield f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
    yield _box(16, 40, 96, height - 56, "#455a64")
    yield _label(64, 30, "default VRF", "middle")
    yield _box(_WIDTH - 112, 40, 96, height - 56, "#455a64")
    yield _label(_WIDTH - 64, 30, "EVPN fabric", "middle")
    for index, view in enumerate(views):
        yield from _row(view, _TOP + index * _ROW)
    yield "</svg>"


def _row(view: VrfView, top: int) -> Iterator[str]:
    colour = _COLOURS[view.health]
    middle = top + 20
    yield f"<g><title>{escape(_told(view))}</title>"
    yield _box(250, top, 330, 40, colour)
    if view.links == NOTHING:
        yield _label(415, middle + 4, f"{view.name} (links of provisioning)", "middle")
    else:
        names = LinkNames.of(view.name)
        yield _label(415, middle + 4, f"{names.vrf}, {names.bridge}", "middle")
        yield _line(112, 250, middle, colour)
        yield _label(118, middle - 6, names.veth_default)
        yield _label(246, middle + 16, names.veth_vrf, "end")
        yield _line(580, _WIDTH - 112, middle, colour)
        yield _label(586, middle - 6, names.vxlan)
        yield _label(_WIDTH - 118, middle + 16, f"VNI {view.vni or '?'}", "end")
    yield "</g>"


def _box(left: int, top: int, width: int, height: int, colour: str) -> str:
    return (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="none" '
        f'stroke="{colour}" stroke-width="2"/>'
    )


def _line(left: int, right: int, height: int, colour: str) -> str:
    return (
        f'<line x1="{left}" y1="{height}" x2="{right}" y2="{height}" stroke="{colour}" '
        f'stroke-width="2"/>'
    )


def _label(left: int, base: int, words: str, anchor: str = "start") -> str:
    return f'<text x="{left}" y="{base}" text-anchor="{anchor}">{escape(words)}</text>'
