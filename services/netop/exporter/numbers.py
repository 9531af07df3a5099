# SPDX-License-Identifier: Apache-2.0
"""What the daemons count, under the names that Prometheus knows."""

from __future__ import annotations

from collections.abc import Iterator

from netop.common.tally import Count, Level
from netop.exporter import catalogue
from netop.exporter.metric import Metric, Sample
from netop.exporter.node import Node

METRICS: dict[Count | Level, Metric] = {
    Count.FRR_RELOADS: catalogue.RELOADS,
    Count.FRR_RELOAD_SECONDS: catalogue.RELOAD_SECONDS,
    Count.FRR_RELOAD_PASSES: catalogue.RELOAD_PASSES,
    Count.LINK_REPAIRS: catalogue.REPAIRS,
    Count.BPF_ATTACHMENTS: catalogue.BPF_ATTACHMENTS,
    Count.BPF_PROGRAMS: catalogue.BPF_PROGRAMS,
    Count.API_LISTS: catalogue.API_LISTS,
    Count.API_WATCHES: catalogue.API_WATCHES,
    Count.API_FAILURES: catalogue.API_FAILURES,
    Level.FRR_RESIDUALS: catalogue.LAST_RELOAD_RESIDUALS,
    Level.API_CONNECTED: catalogue.API_CONNECTED,
    Level.API_LISTED_AT: catalogue.API_LISTED_AT,
    Level.API_WATCHED_AT: catalogue.API_WATCHED_AT,
}


def samples(node: Node) -> Iterator[Sample]:
    """Yield what was counted; a label that the metric does not have is none of ours."""
    for name, metric in METRICS.items():
        for label, value in node.labelled(name).items():
            if bool(label) == bool(metric.labels):
                yield metric.at(value, *([label] if label else []))
