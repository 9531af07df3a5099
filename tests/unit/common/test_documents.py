# SPDX-License-Identifier: Apache-2.0
"""Documents survive the way to disk and back, and are refused whole when they do not fit."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netop.common.documents import (
    Attached,
    Attachment,
    Counters,
    Desired,
    DesiredVrf,
    Document,
    Link,
    LinkedVrf,
    Links,
    Reload,
    ReloadResult,
    Served,
    ServedVrf,
    Source,
    VrfState,
)
from netop.common.policy import Action, PrefixRule, ResourcePolicy
from netop.common.problem import Problem
from netop.common.settings import NodeSettings
from netop.common.store import DocumentError, Store, document_text, parse_document

RULE = PrefixRule(ipaddress.ip_network("2001:db8::/32"), 3, Action.DENY, None, 64)
DESIRED = Desired(
    generation=17,
    source=Source.MANIFESTS,
    note="",
    node=NodeSettings(),
    vrfs=(DesiredVrf("red", 5001, (ResourcePolicy("red-a", 10, (RULE,), ()),)),),
    rejected=(Problem("VRFRouteConfiguration x", "is wrong", "spec.vrf", "y", "mend it"),),
)
LINKS = Links(
    generation=17,
    router_id=ipaddress.IPv4Address("10.50.0.1"),
    host_router_id=None,
    vrfs=(LinkedVrf("red", 5001, 50, VrfState.UP, "", (Link("vr.red", 7, "02:54:0a:32:00:01"),)),),
    problems=(),
)
SERVED = Served(
    generation=17,
    vrfs=(ServedVrf("red", 5001), ServedVrf("mgmt_vrf", None)),
    reload=Reload(ReloadResult.VERIFIED, "2026-01-01T00:00:00+00:00", 1.5, 1, "+ x", ()),
    problems=(),
)
ATTACHED = Attached(
    17, 5, "abc", "def", (Attachment("vx.red", 9, 5, ""),), (Counters("decisions", 4),), ()
)


@pytest.mark.parametrize("document", [DESIRED, LINKS, SERVED, ATTACHED], ids=lambda d: d.FILE)
def test_a_document_survives_the_disk(document: Document, tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / document.WRITER).mkdir()
    assert store.publish(document)
    assert store.read(type(document)) == document
    assert not store.publish(document), "the same text again wakes nobody"
    assert [path.name for path in (tmp_path / document.WRITER).iterdir()] == [document.FILE]


def test_a_document_not_yet_written_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path).read(Desired) is None


def test_a_document_is_read_anew_only_when_it_says_something_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.path(Links)
    path.parent.mkdir(parents=True)
    store.publish(LINKS)
    first = store.read(Links)
    path.touch()
    assert store.read(Links) is first
    other = dataclasses.replace(LINKS, generation=18)
    store.publish(other)
    assert store.read(Links) == other
    text = path.read_text()
    path.write_text(text[:-3])
    with pytest.raises(DocumentError):
        store.read(Links)
    path.unlink()
    assert store.read(Links) is None


def test_another_version_is_refused_with_the_way_out() -> None:
    text = document_text(DESIRED).replace('"version": 1', '"version": 9')
    with pytest.raises(DocumentError, match=r"x: version: is 9, .* restart netop-crd-watcher"):
        parse_document(Desired, text, "x")


def test_a_line_break_in_a_name_never_reaches_a_reader() -> None:
    text = document_text(DESIRED).replace('"name": "red"', '"name": "red\\nrouter bgp 1"')
    with pytest.raises(DocumentError, match=r"vrfs\[0\].name"):
        parse_document(Desired, text, "x")


@given(cut=st.integers(min_value=0, max_value=len(document_text(DESIRED)) - 3))
@settings(max_examples=60)
def test_a_document_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(DocumentError):
        parse_document(Desired, document_text(DESIRED)[:cut], "x")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda children: st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "vrfs", "node", "name"]), children),
        max_leaves=8,
    )
)
@settings(max_examples=100)
def test_rubbish_is_refused_and_never_crashes_a_reader(rubbish: object) -> None:
    kinds: tuple[type[Document], ...] = (Desired, Links, Served, Attached)
    for kind in kinds:
        with pytest.raises(DocumentError):
            parse_document(kind, json.dumps(rubbish), "x")
