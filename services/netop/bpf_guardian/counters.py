# SPDX-License-Identifier: Apache-2.0
"""Tells whoever asks what was counted: one connection, one JSON answer.

The maps are read when somebody asks, never on a timer. A socket, because reading maps by
their ids takes CAP_SYS_ADMIN, and a metrics exporter shall not have that.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from netop.bpf_guardian.decisions import DECISION_MEANINGS, FIB_MEANINGS, label
from netop.bpf_guardian.libbpf import Libbpf
from netop.bpf_guardian.program import DECISIONS, FIB_RESULTS, Count, Router, read_counts

N = TypeVar("N", bound=IntEnum)

VERSION = 1
SOCKET = "bpf-guardian/counters.sock"

# Who does not take the answer at once is let go; counters are nobody's to block on.
_PATIENCE = 2.0


def answer(libbpf: Libbpf, router: Router | None) -> str:
    """Return the counters as JSON; without a program there is none."""
    body: dict[str, object] = {"version": VERSION, "program": 0, "tag": ""}
    if router is not None:
        body |= {"program": router.info.id, "tag": router.info.tag}
        body["decisions"] = _named(DECISION_MEANINGS, read_counts(libbpf, router, DECISIONS))
        body["fib_results"] = _named(FIB_MEANINGS, read_counts(libbpf, router, FIB_RESULTS))
    return json.dumps(body) + "\n"


async def serve(path: Path, tell: Callable[[], str]) -> asyncio.Server:
    """Answer everybody who connects to `path`; raises OSError where it cannot be made."""

    async def one(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(tell().encode())
        try:
            async with asyncio.timeout(_PATIENCE):
                await writer.drain()
        except (TimeoutError, ConnectionError):
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_unix_server(one, path)
    # As world-readable as /proc/net/dev, whatever the unit's UMask; connecting takes "w".
    path.chmod(0o666)
    return server


def _named(meanings: Mapping[N, str], counts: Sequence[Count]) -> dict[str, dict[str, object]]:
    return {
        label(name): {
            "packets": counts[name].packets,
            "bytes": counts[name].bytes,
            "meaning": meaning,
        }
        for name, meaning in meanings.items()
    }
