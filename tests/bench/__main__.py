# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.bench`, run at the top of the tree: measure, and write docs/benchmarks.md.

    python3 -m tests.bench                       every row
    python3 -m tests.bench --only render,packet  these rows; the tables of others stay
    python3 -m tests.bench --churn 3600          an hour's churn for memory instead of minutes

A row that fails leaves its old table and the other rows alone; the exit code tells.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import conditions, page
from tests.bench.place import SOURCE, measure
from tests.bench.row import Row, chosen
from tests.lab.lab import Lab
from tests.lab.process import LabError

PAGE = SOURCE / "docs" / "benchmarks.md"


def main() -> int:
    arguments = parser().parse_args()
    try:
        rows = chosen(arguments.only)
        lab = Lab()
    except (ValueError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    knobs = {"CHURN_SECONDS": str(arguments.churn)}
    write("machine", conditions.machine(lab))
    failed = [row.key for row in rows if not run(lab, row, knobs)]
    if failed:
        print(f"bench: no figures for {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(
        "python3 -m tests.bench", description=__doc__, formatter_class=raw
    )
    made.add_argument("--only", default="", metavar="ROWS", help="names with commas between")
    made.add_argument("--churn", type=int, default=120, metavar="SECONDS")
    return made


def run(lab: Lab, row: Row, knobs: dict[str, str]) -> bool:
    before = conditions.conditions(row.place)
    try:
        with lab.progress.step(f"measuring {row.key}"):
            finding = measure(lab, row, knobs)
    except LabError as error:
        lab.progress.say(f"{row.key}: {error}")
        return False
    text = page.section(finding, before)
    print(f"\n{row.key}\n{text}\n", flush=True)
    write(row.key, text)
    return True


def write(key: str, text: str) -> None:
    """Put a table into its place on the page."""
    PAGE.write_text(page.replaced(PAGE.read_text(encoding="utf-8"), key, text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
