# SPDX-License-Identifier: Apache-2.0
"""What is wrong with FRR now, and how its last reload ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from netop.common.documents import Reload, ReloadResult, Served
from netop.common.messages import Message
from netop.exporter import catalogue
from netop.exporter.metric import Sample

# What lasts until it is mended; how the last reload ended says nothing of that.
KINDS = {
    Message.CHANGE_REFUSED: "change_refused",
    Message.CANDIDATE_REFUSED: "candidate_refused",
    Message.FRR_DIED_OF_CHANGE: "died_of_change",
    Message.FRR_NOT_REPAIRED: "not_repaired",
    Message.FRR_DOWN: "down",
}


def state(served: Served) -> Iterator[Sample]:
    """Yield the problems with FRR by kind, those that are none too, so that alerts end."""
    yield catalogue.FRR_ALIVE.at(served.alive)
    found = Counter(problem.message for problem in served.problems)
    for message, kind in KINDS.items():
        yield catalogue.FRR_PROBLEMS.at(found[message], kind)


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
