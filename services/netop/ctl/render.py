# SPDX-License-Identifier: Apache-2.0
"""`netopctl render`: the frr.conf that would result."""

from __future__ import annotations

import argparse
import ipaddress
import os
import pwd
import socket
import sys
from pathlib import Path

from netop.common.documents import Desired, Links
from netop.common.masking import masked
from netop.common.store import DocumentError, Store
from netop.ctl.intent import IntentError, add_arguments, wanted
from netop.frr_templater.files import Files
from netop.frr_templater.plan import file_diff
from netop.frr_templater.render import Intent, missing_values, render
from netop.frr_templater.template import (
    Template,
    TemplateError,
    make_template,
    parse_template,
)


class RenderError(Exception):
    """There is no frr.conf to show; the message says why, and the way out."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `render` to the commands of netopctl."""
    parser = commands.add_parser(
        "render",
        help="the frr.conf that would result, or how it differs",
        description="Prints the frr.conf that would result once all links are there. /etc/frr can "
        "be read by root and the user frr; elsewhere name a template.",
    )
    add_arguments(parser)
    parser.add_argument("--diff", action="store_true", help="how it differs from frr.conf")
    parser.add_argument("--template", type=Path, help="instead of /etc/frr/frr.conf.tpl")
    add_router_id(parser)
    parser.set_defaults(run=run)


def add_router_id(parser: argparse.ArgumentParser) -> None:
    """Add the argument that stands for what the node may not know."""
    parser.add_argument(
        "--router-id",
        type=ipaddress.IPv4Address,
        help="router id of the VRFs, where the node does not know it yet",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print frr.conf or its diff and return the exit status."""
    store, files = Store(), Files()
    try:
        desired = wanted(arguments.file, arguments.config, store)
        template = read_template(files, arguments.template)
        text = rendered(desired, links_of(store), template, arguments.router_id)
        shown = file_diff(files.read() or "", text).text if arguments.diff else for_reader(text)
    except (IntentError, RenderError, OSError) as error:
        print(f"netopctl: {error}", file=sys.stderr)
        return 1
    for problem in desired.rejected:
        print(f"netopctl: rejected: {problem}", file=sys.stderr)
    if shown:
        print(shown.rstrip("\n"))
    return 0


def for_reader(text: str) -> str:
    """Return the text without secrets, unless the reader may read /etc/frr anyway."""
    try:
        trusted = {0, pwd.getpwnam("frr").pw_uid}
    except KeyError:
        trusted = {0}
    return text if os.geteuid() in trusted else masked(text)


def links_of(store: Store) -> Links | None:
    """Return what the kernel has, None where that is not known."""
    try:
        return store.read(Links)
    except DocumentError:
        return None


def read_template(files: Files, chosen: Path | None) -> Template:
    """Return the template; raises RenderError and OSError.

    Where none was made yet, it is the one that would be made from frr.conf.
    """
    path = chosen or files.template
    try:
        if path.exists() or chosen:
            return parse_template(path.read_text(encoding="utf-8"), str(path))
        source = files.configuration.read_text(encoding="utf-8")
        return parse_template(make_template(source, str(files.configuration)), str(path))
    except (TemplateError, UnicodeDecodeError) as error:
        raise RenderError(str(error)) from error


def rendered(
    desired: Desired,
    links: Links | None,
    template: Template,
    router_id: ipaddress.IPv4Address | None = None,
) -> str:
    """Return the text of frr.conf with every VRF that is desired; raises RenderError."""
    intent = Intent(
        vrfs=tuple(sorted(desired.vrfs, key=lambda vrf: vrf.name)),
        hostname=socket.gethostname(),
        router_id=router_id or (links.router_id if links else None),
        host_router_id=(links.host_router_id if links else None) or router_id,
    )
    if lacking := missing_values(template, intent):
        names = ", ".join(lacking)
        raise RenderError(f"the node does not know its {names} yet; give it with --router-id")
    return render(template, intent)
