# SPDX-License-Identifier: Apache-2.0
"""Answers a scrape: looks at the node, and hands what it found to the Prometheus library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from netop.exporter.catalogue import ALL
from netop.exporter.metric import Kind, Metric, Sample
from netop.exporter.node import Node
from netop.exporter.samples import samples


class NodeCollector(Collector):
    """Observes the node anew for each scrape; between scrapes it does nothing."""

    def __init__(self, observe: Callable[[], Node]) -> None:
        self._observe = observe

    def collect(self) -> Iterable[Family]:
        """Return all families that have a sample now, in the order of the catalogue."""
        return families(samples(self._observe()))

    def describe(self) -> Iterable[Family]:
        """Return all families, without looking at the node."""
        return [_family(metric) for metric in ALL]


def registry_of(observe: Callable[[], Node]) -> CollectorRegistry:
    """Return a registry of this node alone."""
    registry = CollectorRegistry()
    registry.register(NodeCollector(observe))
    return registry


def families(found: Iterable[Sample]) -> Iterator[Family]:
    """Yield the samples by metric; of two of one series, which Prometheus refuses, the last."""
    grouped: dict[Metric, dict[tuple[str, ...], float]] = {}
    for sample in found:
        grouped.setdefault(sample.metric, {})[sample.labels] = sample.value
    for metric in ALL:
        if metric in grouped:
            family = _family(metric)
            for labels, value in grouped[metric].items():
                family.add_metric([_encodable(label) for label in labels], value)
            yield family


def _encodable(label: str) -> str:
    # JSON can carry half of a surrogate pair, which is no text to Prometheus.
    return label.encode("utf-8", "replace").decode("utf-8")


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)
