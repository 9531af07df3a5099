# SPDX-License-Identifier: Apache-2.0
"""`netopctl history` tells the story of each generation."""

from __future__ import annotations

import json
from datetime import UTC

from netop.ctl.history import concerning, latest, of_these_numbers, parse, told

START = 1_795_401_228_000_000  # 2026-11-23 02:33:48 UTC


def entry(second: int, daemon: str, sentence: object, **fields: object) -> str:
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": str(START + second * 1_000_000),
            "SYSLOG_IDENTIFIER": f"netop-{daemon}",
            "MESSAGE": sentence,
            **{f"NETOP_{key.upper()}": value for key, value in fields.items()},
        }
    )


JOURNAL = "\n".join(
    [
        entry(0, "crd-watcher", "generation 1 from manifests: added red (+red-a)", generation="1"),
        entry(1, "netlink-reconciler", "red: made vr.red", generation="1", vrf="red"),
        entry(2, "frr-templater", "frr.conf: 1 lines more", generation="1",
              diff="--- frr.conf\n+++ frr.conf\n@@ -1 +1 @@\n !\n+vrf vr.red"),
        entry(30, "crd-watcher", "generation 2 from manifests: added blue (+b)", generation="2"),
        entry(31, "bpf-guardian", "attached to vx.blue", interface="vx.blue"),
        entry(32, "crd-watcher", [1, 2, 3], generation="2"),
        "no JSON",
    ]
)  # fmt: skip


def test_it_tells_each_generation_in_its_order() -> None:
    events = latest(parse(JOURNAL), 10)
    assert list(told(events, UTC, diff=False)) == [
        "generation 1, 2026-11-23",
        "  02:33:48  crd-watcher         generation 1 from manifests: added red (+red-a)",
        "  02:33:49  netlink-reconciler  red: made vr.red",
        "  02:33:50  frr-templater       frr.conf: 1 lines more",
        "generation 2, 2026-11-23",
        "  02:34:18  crd-watcher         generation 2 from manifests: added blue (+b)",
    ]


def test_an_entry_may_name_several_vrfs_and_shows_no_password() -> None:
    text = entry(0, "frr-templater", "reloaded", generation="1", vrf=["blue", "red"],
                 diff="+ neighbor 192.0.2.1 password sesame")  # fmt: skip
    [event] = parse(text)
    assert event.vrfs == ("blue", "red")
    assert concerning([event], "red") == [event]
    assert event.diff == "+ neighbor 192.0.2.1 password <hidden>"


def test_the_diff_is_shown_without_its_heading() -> None:
    lines = list(told(latest(parse(JOURNAL), 10), UTC, diff=True))
    assert [line for line in lines if line.startswith("      ")] == ["      +vrf vr.red"]


def test_only_the_latest_are_told() -> None:
    assert {event.generation for event in latest(parse(JOURNAL), 1)} == {2}
    assert latest(parse(JOURNAL), 0) == []


def test_after_a_new_installation_only_its_own_story_is_told() -> None:
    again = [
        entry(86_400, "crd-watcher", "generation 1 from manifests: added red", generation="1"),
        entry(86_401, "netlink-reconciler", "red: made vr.red", generation="1", vrf="red"),
    ]
    events = latest(of_these_numbers(parse("\n".join([JOURNAL, *again]))), 10)
    assert [event.sentence for event in events] == [
        "generation 1 from manifests: added red",
        "red: made vr.red",
    ]
    assert of_these_numbers(parse(JOURNAL)) == list(parse(JOURNAL))


def test_a_vrf_is_found_in_fields_sentences_and_diffs() -> None:
    events = list(parse(JOURNAL))
    assert [event.time.second for event in concerning(events, "red")] == [48, 49, 50]
    assert [event.sentence for event in concerning(events, "blue")] == [
        "generation 2 from manifests: added blue (+b)",
        "attached to vx.blue",
    ]
    assert concerning(events, "green") == []


def test_an_empty_journal_is_no_history() -> None:
    assert latest(parse(""), 10) == []
