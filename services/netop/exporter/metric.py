# SPDX-License-Identifier: Apache-2.0
"""What a metric is, before it becomes one of Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The types of Prometheus that netop uses."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True)
class Metric:
    """One metric, named by Prometheus' conventions: base units, counters end in _total.

    `help` is what a person reads; it says what the labels stand for.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    def at(self, value: float, *labels: str) -> Sample:
        """Return a sample; `labels` are the values of the metric's labels, in order."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {labels}")
        return Sample(self, float(value), labels)


@dataclass(frozen=True)
class Sample:
    """One value of a metric."""

    metric: Metric
    value: float
    labels: tuple[str, ...]


def gauge(name: str, text: str, *labels: str) -> Metric:
    """Return what goes up and down."""
    return Metric(name, Kind.GAUGE, text, labels)


def counter(name: str, text: str, *labels: str) -> Metric:
    """Return what only grows, but for a start at zero."""
    return Metric(name, Kind.COUNTER, text, labels)
