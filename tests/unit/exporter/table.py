# SPDX-License-Identifier: Apache-2.0
"""The table of metrics: `PYTHONPATH=services python3 -m tests.unit.exporter.table` writes it."""

from __future__ import annotations

from pathlib import Path

from netop.exporter.catalogue import ALL
from netop.exporter.metric import Metric

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
_MARK = "<!-- What stands below is made by tests/unit/exporter/table.py. -->\n\n"


def page() -> str:
    """The page as it is, with the table as it should be."""
    head = "| metric | type | labels | meaning |\n|---|---|---|---|\n"
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition(_MARK)
    return before + mark + head + "".join(_row(metric) for metric in ALL)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
