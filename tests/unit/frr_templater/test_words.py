# SPDX-License-Identifier: Apache-2.0
"""What FRR says during a reload, and what of it is a complaint."""

from __future__ import annotations

from netop.frr_templater.words import MOST, complaints

SAID = [
    "[183|bgpd] sending configuration",
    "The route-map 'rm_blue_import' does not exist.",
    "line 12: % Unknown command[4]: ip rouXe 198.51.100.0/24 Null0",
    "[183|bgpd] done",
    "Waiting for children to finish applying config...",
    "MGMTD: No changes found to be committed!",
    "% VNI is already configured as L3-VNI",
    "line 12: % Unknown command[4]: ip rouXe 198.51.100.0/24 Null0",
    "Failed to execute no router bgp 64512",
]


def test_complaints_are_told_once() -> None:
    assert complaints(SAID) == (
        "line 12: % Unknown command[4]: ip rouXe 198.51.100.0/24 Null0",
        "% VNI is already configured as L3-VNI",
        "Failed to execute no router bgp 64512",
    )


def test_they_are_short_and_few() -> None:
    found = complaints(f"% complaint {n} {'x' * 500}" for n in range(100))
    assert len(found) == MOST
    assert max(map(len, found)) <= 200
