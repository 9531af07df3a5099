# SPDX-License-Identifier: Apache-2.0
"""Golden files: documents and a template in, frr.conf out.

`python3 -m tests.frr.golden` writes every expected.conf anew; read the difference before
you commit it. The container tests show each of them to a real FRR.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netop.common.documents import Desired, DesiredVrf, Links
from netop.common.store import parse_document
from netop.frr_templater.plan import choose
from netop.frr_templater.render import Intent, render
from netop.frr_templater.template import Template, parse_template

CASES = Path(__file__).parent / "cases"
HOSTNAME = "node1"


@dataclass(frozen=True)
class Case:
    """One directory of golden files."""

    directory: Path

    @property
    def name(self) -> str:
        return self.directory.name

    def text(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="utf-8")

    def template(self) -> Template:
        return parse_template(self.text("template"), f"{self.name}/template")

    def links(self) -> Links:
        return parse_document(Links, self.text("links.json"), f"{self.name}/links.json")

    def desired(self) -> Desired:
        return parse_document(Desired, self.text("desired.json"), f"{self.name}/desired.json")

    def vrfs(self) -> tuple[DesiredVrf, ...]:
        return choose(self.desired(), self.links(), None).vrfs

    def intent(self, vrfs: tuple[DesiredVrf, ...]) -> Intent:
        links = self.links()
        return Intent(vrfs, HOSTNAME, links.router_id, links.host_router_id)

    def render(self) -> str:
        return render(self.template(), self.intent(self.vrfs()))


def cases() -> list[Case]:
    """Return all cases, in the order of their names."""
    return [Case(path) for path in sorted(CASES.iterdir()) if path.is_dir()]


def main() -> None:
    """Write every expected.conf anew."""
    for case in cases():
        (case.directory / "expected.conf").write_text(case.render(), encoding="utf-8")


if __name__ == "__main__":
    main()
