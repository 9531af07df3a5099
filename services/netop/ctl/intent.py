# SPDX-License-Identifier: Apache-2.0
"""What is wanted: as published, or as files would have it. Nothing is changed by asking."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from netop.common.documents import Desired, Source
from netop.common.settings import Settings, SettingsError, read_settings, settings_path
from netop.common.store import DocumentError, Store
from netop.crd_watcher.manifests import manifests_in, read_files
from netop.crd_watcher.merge import merge
from netop.crd_watcher.resource import Resource
from netop.crd_watcher.snapshot import keep_accepted


class IntentError(Exception):
    """It cannot be told what is wanted; the message says why, and the way out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose what is wanted."""
    parser.add_argument(
        "file",
        nargs="*",
        type=Path,
        help="take the resources of these files or directories, and no others, instead of those "
        "that the node has now",
    )
    parser.add_argument(
        "--config", type=Path, help="config.yaml for these files, instead of the node's"
    )


def current(store: Store) -> Desired:
    """Return what netop-crd-watcher has published; raises IntentError."""
    try:
        desired = store.read(Desired)
    except DocumentError as error:
        raise IntentError(str(error)) from error
    if desired is None:
        raise IntentError(
            f"{store.path(Desired)} does not exist yet; see systemctl status netop-crd-watcher, "
            "or name files of resources"
        )
    return desired


def published(store: Store) -> Desired | None:
    """Return what netop-crd-watcher has published, None where that cannot be told."""
    try:
        return current(store)
    except IntentError:
        return None


def wanted(files: Sequence[Path], config: Path | None, store: Store) -> Desired:
    """Return what the files want, or where there are none, `current`; raises IntentError.

    What has become wrong stays as it is, as with netop-crd-watcher.
    """
    if not files and config is not None:
        raise IntentError(
            f"--config {config}: has no effect on what the node has now; name the resources' "
            "files too: /etc/netop/manifests, or what kubectl get vrf -o yaml writes"
        )
    if not files:
        return current(store)
    before = published(store)
    try:
        paths = [path for file in files for path in _expanded(file)]
        settings = read_settings(config or settings_path(), _settings(before) if before else None)
    except (OSError, SettingsError) as error:
        raise IntentError(str(error)) from error
    accepted = _accepted(before) if before else ()
    snapshot = keep_accepted(read_files(paths), accepted)
    merged = merge(snapshot.resources, settings, accepted)
    unreadable = tuple(each.problem for each in snapshot.unreadable)
    rejected = (*unreadable, *snapshot.problems, *merged.rejected, *settings.problems)
    generation = before.generation + 1 if before else 1
    return Desired(generation, Source.MANIFESTS, "", settings.node, merged.vrfs, rejected)


def _accepted(before: Desired) -> tuple[Resource, ...]:
    """Return the resources in force; where they came from is not published."""
    return tuple(
        Resource(policy.resource, "", "", "", vrf.name, policy.seq, policy.imports, policy.exports)
        for vrf in before.vrfs
        for policy in vrf.policies
    )


def _settings(before: Desired) -> Settings:
    """Return the settings in force, as far as something came of them."""
    vnis = tuple((vrf.name, vrf.vni) for vrf in before.vrfs if vrf.vni is not None)
    skipped = tuple(vrf.name for vrf in before.vrfs if vrf.vni is None)
    return Settings(vni_map=vnis, skip_vrfs=skipped, node=before.node)


def _expanded(file: Path) -> list[Path]:
    if file.is_dir():
        return manifests_in(file)
    file.stat()  # one that is named must exist
    return [file]
