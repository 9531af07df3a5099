# SPDX-License-Identifier: Apache-2.0
"""Runs a row's program in the node that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Finding
from tests.bench.ifupdown2 import Ifupdown2
from tests.bench.row import Place, Row
from tests.lab import deb
from tests.lab.apiserver import Binaries
from tests.lab.container import Bind
from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.lab.process import LabError
from tests.lab.source import archive_of

SOURCE = Path(__file__).parents[2]
BINARIES_AT = "/opt/apiserver"


def measure(lab: Lab, row: Row, knobs: dict[str, str]) -> Finding:
    """What the row's program found; raises LabError, with what it said, when it failed.

    `knobs` are environment variables for it.
    """
    with node_for(lab, row.place) as node:
        settings = " ".join(f"{name}={value}" for name, value in knobs.items())
        done = node.run(
            f"cd /src && PYTHONPATH=services:. {settings} python3 -m tests.bench.rows.{row.key}",
            timeout=row.limit,
        )
    lab.progress.say(done.stderr.rstrip())
    try:
        return Finding.parse(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise LabError(f"{row.key} told nothing that can be read: {done.stdout[-500:]}") from error


@contextmanager
def node_for(lab: Lab, place: Place) -> Iterator[Node]:
    if place is Place.MACHINE:
        with lab.machine() as machine:
            machine.unpack(archive_of(SOURCE), "/src")
            ifupdown2 = lab.cache.obtain(Ifupdown2(lab.node_root.path / "root"))
            encoded = (ifupdown2.path / "ifupdown2.b64").read_bytes()
            # Its own service would take the links of the node over.
            machine.run(
                "systemctl mask networking.service; base64 -d >/tmp/i.deb && dpkg -i /tmp/i.deb",
                input=encoded, timeout=300,
            )  # fmt: skip
            yield machine
        return
    binds = [Bind(SOURCE, "/src")]
    if place is Place.CLUSTER:
        binaries = Binaries.find(lab.progress)
        binds.append(Bind(binaries.apiserver.parent, BINARIES_AT))
    package = None if place is Place.CONTAINER else deb.build(lab, SOURCE)
    with lab.container(binds) as node:
        if package is not None:
            node.install(package)
        yield node
