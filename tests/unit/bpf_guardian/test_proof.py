# SPDX-License-Identifier: Apache-2.0
"""What a new program is tried on."""

from __future__ import annotations

from pathlib import Path

from netop.bpf_guardian.program import RoutedBy, load
from netop.bpf_guardian.proof import Port, prove
from tests.unit.bpf_guardian.fakes import FakeCompiler, FakeLibbpf


async def test_ipv4_mapped_route_of_ipv6_is_tried_as_ipv6(tmp_path: Path) -> None:
    """Python 3.13 writes such addresses with dots."""
    libbpf = FakeLibbpf()
    source = tmp_path / "router.c"
    source.write_text("one")
    router = load(libbpf, await FakeCompiler(libbpf).compile(source), "one")
    port = Port("vd.red", 4, RoutedBy(4, bytes(6)), ("::ffff:255.255.255.254",))

    assert prove(libbpf, router, [port]) == prove(libbpf, router, []) + 1
