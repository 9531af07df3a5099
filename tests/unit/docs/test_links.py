# SPDX-License-Identifier: Apache-2.0
"""Every link inside the tree leads somewhere."""

from __future__ import annotations

import pytest

from tests.unit.docs.pages import SOURCE, Page, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_resolve(page: Page) -> None:
    broken = []
    for link in page.links():
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        if not target.is_relative_to(SOURCE) or not target.exists():
            broken.append(f"{link}: there is no such file")
        elif anchor and anchor not in Page(target).anchors():
            broken.append(f"{link}: there is no such heading")
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached = set()
    pending = [SOURCE / "README.md"]
    while pending:
        here = Page(pending.pop())
        if here.path in reached:
            continue
        reached.add(here.path)
        for link in here.links():
            path = link.partition("#")[0]
            target = (here.path.parent / path).resolve()
            if path.endswith(".md") and target.exists():
                pending.append(target)
    assert [page.name for page in pages() if page.path not in reached] == []


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.path.parent / link).resolve() for page in pages() for link in page.links()}
    assert [path.name for path in (SOURCE / "docs").glob("*.svg") if path not in shown] == []
