# SPDX-License-Identifier: Apache-2.0
"""How the last reload of FRR ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from netop.common.documents import Reload, ReloadResult
from netop.exporter import catalogue
from netop.exporter.metric import Sample


def last_reload(reload: Reload) -> Iterator[Sample]:
    """Yield the last reload; before the first there is only its result, `none`."""
    for result in ReloadResult:
        yield catalogue.LAST_RELOAD_RESULT.at(reload.result is result, result)
    if reload.result is ReloadResult.NONE:
        return
    yield catalogue.LAST_RELOAD_SECONDS.at(reload.seconds)
    yield catalogue.LAST_RELOAD_PASSES.at(reload.passes)
    try:
        finished = datetime.fromisoformat(reload.finished)
    except ValueError:
        return
    yield catalogue.LAST_RELOAD.at(finished.timestamp())
