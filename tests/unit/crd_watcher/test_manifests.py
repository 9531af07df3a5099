# SPDX-License-Identifier: Apache-2.0
"""The directory: each file and each document speaks for itself, and hides no other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from netop.common.documents import Source
from netop.crd_watcher.manifests import read_manifests
from netop.crd_watcher.resource import Resource
from netop.crd_watcher.snapshot import Snapshot, keep_accepted

from .objects import body, resource, text


def resources(snapshot: Snapshot) -> list[str]:
    return [each.name for each in snapshot.resources]


def complaints(snapshot: Snapshot) -> list[str]:
    told = [*(each.problem for each in snapshot.unreadable), *snapshot.problems]
    return [str(each).replace(str(Path("/")), "/") for each in told]


def test_files_with_several_documents_lists_and_json(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("---\n" + text(body("b-2"), body("b-1")) + "...\n---\n")
    (tmp_path / "a.yml").write_text(text({"kind": "List", "items": [body("a-1"), body("a-2")]}))
    (tmp_path / "c.json").write_text("﻿" + text(body("c")), encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("[")
    (tmp_path / "a.yaml~").write_text("[")
    snapshot = read_manifests(tmp_path)
    assert snapshot.source is Source.MANIFESTS
    assert resources(snapshot) == ["a-1", "a-2", "b-1", "b-2", "c"]
    assert {each.origin for each in snapshot.resources if each.name == "c"} == {
        str(tmp_path / "c.json")
    }
    assert complaints(snapshot) == []


def test_an_empty_directory_is_a_state_like_any_other(tmp_path: Path) -> None:
    assert read_manifests(tmp_path) == Snapshot(Source.MANIFESTS)
    with pytest.raises(FileNotFoundError):
        read_manifests(tmp_path / "missing")


def test_a_broken_document_hides_no_other_and_is_told_with_its_line(tmp_path: Path) -> None:
    good = text(body("good-1"))
    (tmp_path / "a.yaml").write_text(f"{good}---\nspec: [\n---\n{text(body('good-2'))}---\n- x\n")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "c.yaml").write_text(text(body("good-3"), body("bad", seq="x"), body("good-4")))
    (tmp_path / "d.yaml").mkdir()
    (tmp_path / "e.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "f.yaml")
    snapshot = read_manifests(tmp_path)
    assert resources(snapshot) == ["good-1", "good-2", "good-3", "good-4"]
    told = complaints(snapshot)
    expected = [
        "a.yaml: the document at line 2 is not YAML: line 4, column 1",
        "a.yaml: the document at line 6 is no Kubernetes object: ['x'] is neither",
        "b.yaml: cannot be read: is not UTF-8 text",
        f"VRFRouteConfiguration bad ({tmp_path}/c.yaml): spec.seq: 'x' is not a whole number",
        "d.yaml: is no regular file",
        "e.yaml: is a symbolic link to a file that does not exist",
        "f.yaml: is no regular file",
    ]
    assert len(told) == len(expected)
    for sentence, words in zip(told, expected, strict=True):
        assert words in sentence


def test_what_is_no_resource_of_ours_is_told_and_has_no_effect(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        text(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}},
            body("a") | {"apiVersion": "network.schiff.telekom.de/v1beta1"},
            {"kind": "VRFRouteConfiguration"},
            {"kind": "AllowList", "apiVersion": "x/v1", "items": []},
            body("good"),
        )
    )
    snapshot = read_manifests(tmp_path)
    assert resources(snapshot) == ["good"]
    told = "\n".join(complaints(snapshot))
    assert "the object at line 1 is a 'ConfigMap' of 'v1', not a 'VRFRouteConfiguration'" in told
    assert "'VRFRouteConfiguration' of 'network.schiff.telekom.de/v1beta1'" in told
    assert "apiVersion: is missing" in told
    assert "'AllowList'" in told
    assert len(complaints(snapshot)) == 4


def test_of_two_of_one_name_the_first_counts_and_the_other_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(text(body("red-a", seq=2)))
    (tmp_path / "a.yaml").write_text(text(body("red-a", seq=1), body("red-a", seq=3)))
    snapshot = read_manifests(tmp_path)
    assert [each.seq for each in snapshot.resources] == [1]
    here, there = complaints(snapshot)
    assert "is the second of this name; the first, earlier in this file, counts" in here
    assert f"the first, in {tmp_path}/a.yaml, counts" in there
    assert f"VRFRouteConfiguration red-a ({tmp_path}/b.yaml)" in there


def test_a_slip_of_the_pen_leaves_the_last_accepted_version_in_force(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text(body("red-a"), body("red-b", seq=11)))
    (tmp_path / "b.yaml").write_text(text(body("blue", "blue")))
    accepted = read_manifests(tmp_path).resources

    path.write_text(text(body("red-a", seq=0), body("red-b", seq=12)))
    kept = keep_accepted(read_manifests(tmp_path), accepted)
    assert [(each.name, each.seq) for each in kept.resources] == [
        ("blue", 10),
        ("red-a", 10),
        ("red-b", 12),
    ]
    assert "its last accepted version stays in force" in complaints(kept)[0]

    path.write_text(text(body("red-b", seq=12)))
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == ["blue", "red-b"]

    path.write_text("metadata: {name: red-a\n---\n" + text(body("red-c")))
    kept = keep_accepted(read_manifests(tmp_path), accepted)
    assert resources(kept) == ["blue", "red-a", "red-c"], "the text still speaks of red-a"
    assert "what it held before: red-a" in complaints(kept)[0]

    path.write_bytes(b"\xff")
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == [
        "blue",
        "red-a",
        "red-b",
    ]

    path.write_text(text(body("red-a") | {"kind": "VRFRouteConfig"}))
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == ["blue", "red-a"]

    path.unlink()
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == ["blue"]


def kept(directory: Path, accepted: tuple[Resource, ...]) -> list[str]:
    return resources(keep_accepted(read_manifests(directory), accepted))


def test_a_name_that_is_known_is_the_resource_wherever_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(body("red-a")))
    accepted = (*read_manifests(tmp_path).resources, resource("from-api", seq=11))
    (tmp_path / "a.yaml").unlink()
    assert kept(tmp_path, accepted) == []
    (tmp_path / "b.yaml").write_text(text(body("red-a", seq=0), body("from-api", seq=0)))
    assert kept(tmp_path, accepted) == ["from-api", "red-a"]


@pytest.mark.parametrize("nothing", [b"", b" \n\n", b"# soon\n", b"---\n...\n", b"\xef\xbb\xbf"])
def test_a_file_that_is_empty_is_half_written_rather_than_meant(
    tmp_path: Path, nothing: bytes
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text(body("red-a"), body("red-b", seq=11)))
    (tmp_path / "b.yaml").write_text(text(body("blue", "blue")))
    accepted = read_manifests(tmp_path).resources
    path.write_bytes(nothing)
    found = keep_accepted(read_manifests(tmp_path), accepted)
    assert resources(found) == ["blue", "red-a", "red-b"]
    assert complaints(found) == [
        f"{path}: is empty; remove it to mean that; "
        "until then there stays in force what it held before: red-a, red-b"
    ]
    path.write_text(text({"kind": "List", "items": []}))
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == ["blue"]
    path.unlink()
    assert resources(keep_accepted(read_manifests(tmp_path), accepted)) == ["blue"]


SPELLED_OUT = """\
apiVersion: network.schiff.telekom.de/v1alpha1
kind: VRFRouteConfiguration
metadata:
  name: {name}
spec:
  vrf: red
  seq: {seq}
  import:
  - cidr: 10.0.0.0/8
    action: permit
"""


def test_a_file_that_is_cut_off_anywhere_withdraws_nothing_that_it_can_be_seen_to(
    tmp_path: Path,
) -> None:
    """A cut between two documents, or between two fields, leaves a file that is right."""
    path = tmp_path / "a.yaml"
    documents = [SPELLED_OUT.format(name=f"red-{each}", seq=10 + each) for each in range(3)]
    whole = "---\n".join(documents)
    path.write_text(whole)
    accepted = read_manifests(tmp_path).resources
    assert len(accepted) == 3
    last = whole.rindex("---\n")
    for end in range(last + len("---\na"), whole.index("vrf: red", last)):
        path.write_text(whole[:end])
        assert kept(tmp_path, accepted) == ["red-0", "red-1", "red-2"], whole[:end]


def test_a_list_that_is_cut_off_withdraws_nothing(tmp_path: Path) -> None:
    """Such as the one that `kubectl get -o yaml` writes: its kind stands at the end."""
    path = tmp_path / "all.yaml"
    bodies = [json.dumps(body(f"red-{each}", seq=10 + each)) for each in range(3)]
    lines = ["apiVersion: v1", "items:", *(f"- {each}" for each in bodies), "kind: List", ""]
    path.write_text("\n".join(lines))
    accepted = read_manifests(tmp_path).resources
    assert len(accepted) == 3
    for count in range(len(lines) - 2):
        path.write_text("\n".join(lines[:count]))
        assert kept(tmp_path, accepted) == ["red-0", "red-1", "red-2"]


def test_what_never_was_accepted_has_no_effect(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(body("red-a", seq=0)))
    assert (
        "until then it has no effect" in complaints(keep_accepted(read_manifests(tmp_path), ()))[0]
    )
