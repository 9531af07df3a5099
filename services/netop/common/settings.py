# SPDX-License-Identifier: Apache-2.0
"""config.yaml: the node's part of the configuration, which no resource can change."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from netop.common import names, yamltext
from netop.common.edge import Field, FieldError, show
from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.vnis import read_vnis

T = TypeVar("T")

DEFAULT_PATH = Path("/opt/network-operator/config.yaml")


class SettingsError(Exception):
    """config.yaml cannot be used at all; the message names file, place and way out."""


@dataclass(frozen=True)
class NodeSettings:
    """What the original hard-codes.

    `table_first` and `table_last` bound the routing tables for VRFs, both included.
    `mtu` is in bytes. `asn` None means: as the template's `router bgp` says.
    """

    table_first: int = 50
    table_last: int = 79
    mtu: int = 9000
    underlay: str = "dum.underlay"
    cluster_bridge: str = "br.cluster"
    asn: int | None = None

    @classmethod
    def parse(cls, field: Field) -> NodeSettings:
        """Return the settings that a document carries; raises FieldError."""
        return cls(
            # 253-255 are the kernel's own tables (rtnetlink(7)).
            table_first=field["table_first"].integer(1, (1 << 31) - 1),
            table_last=field["table_last"].integer(1, (1 << 31) - 1),
            mtu=field["mtu"].integer(1280, 65535),
            underlay=names.interface_name(field["underlay"]),
            cluster_bridge=names.interface_name(field["cluster_bridge"]),
            asn=field["asn"].optional_integer(1, names.ASN_HIGHEST),
        )


@dataclass(frozen=True)
class Settings:
    """config.yaml, checked.

    `debounce` is in seconds: the gap between the first change and its execution.
    `node_name` is what the cluster calls this node, empty where that is left to the
    credential. `problems` are entries that were left out, each for its reason.
    """

    vni_map: tuple[tuple[str, int], ...] = ()
    skip_vrfs: tuple[str, ...] = ()
    bpf_interfaces: tuple[str, ...] = ()
    debounce: float = 30.0
    node: NodeSettings = field(default_factory=NodeSettings)
    problems: tuple[Problem, ...] = ()
    node_name: str = ""

    def vni_of(self, vrf: str) -> int | None:
        """Return the VNI that the site gives to `vrf`, or None."""
        return dict(self.vni_map).get(vrf)


def settings_path() -> Path:
    """Return where config.yaml stands: `$OPERATOR_CONFIG`, or the seed's place."""
    return Path(os.environ.get("OPERATOR_CONFIG") or DEFAULT_PATH)


def read_settings(path: Path, before: Settings | None = None) -> Settings:
    """Return what the file says; raises SettingsError where it cannot be used at all.

    `before` is as `parse_settings` takes it.
    FileNotFoundError is left to the caller, to whom it may mean "not provisioned yet".
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    return parse_settings(text, str(path), before)


def parse_settings(text: str, origin: str, before: Settings | None = None) -> Settings:
    """Return what `text` says; raises SettingsError where it is not a YAML mapping, or where
    a section of it is not the mapping or list that it must be.

    One slip stops nothing else, and is told in `problems`: a scalar or a VNI that is wrong
    stays as it is `before`, the settings in force. Where there are none, a scalar has its
    default, and the VRF is left out. So is a wrong entry of a list in any case.
    """
    try:
        loaded = yamltext.load(text)
    except yamltext.YamlError as error:
        raise SettingsError(f"{origin}: is not YAML: {error}") from error
    # An editor, or a full disk, leaves an empty file behind; nobody means one.
    if loaded is None:
        raise SettingsError(f"{origin}: is empty; write {{}} to mean the defaults")
    if not isinstance(loaded, dict):
        raise SettingsError(
            f"{origin}: must be a mapping with vnimap, skipVRFConfig, bpfInterfaces"
        )
    return _Reading(loaded, origin, before).settings()


class _Reading:
    """One pass over config.yaml that gathers problems instead of stopping at the first."""

    _KNOWN = (
        "asn",
        "bpfInterfaces",
        "clusterBridge",
        "debounce",
        "mtu",
        "nodeName",
        "skipVRFConfig",
        "tableRange",
        "underlay",
        "vnimap",
    )

    def __init__(self, loaded: dict[object, object], origin: str, before: Settings | None) -> None:
        self._loaded = loaded
        self._root = Field(loaded)
        self._origin = origin
        self._before = before
        self._usual = before or Settings()
        self._problems: list[Problem] = []

    def settings(self) -> Settings:
        self._unknown_keys()
        return Settings(
            vni_map=self._vni_map(),
            skip_vrfs=self._list("skipVRFConfig", names.vrf_name, self._usual.skip_vrfs),
            bpf_interfaces=self._list(
                "bpfInterfaces", names.interface_name, self._usual.bpf_interfaces
            ),
            node=self._node(NodeSettings(), self._usual.node),
            debounce=self._scalar(
                "debounce",
                Settings.debounce,
                self._usual.debounce,
                lambda field: field.number(0, 3600),
                f"write seconds; {self._usual.debounce:g}",
            ),
            node_name=self._scalar(
                "nodeName",
                "",
                self._usual.node_name,
                names.object_name,
                self._usual.node_name or "the name in the kubeconfig, or the host's,",
            ),
            # The last, as it has by now what the others complain of.
            problems=tuple(self._problems),
        )

    def _node(self, default: NodeSettings, usual: NodeSettings) -> NodeSettings:
        first, last = self._scalar(
            "tableRange",
            (default.table_first, default.table_last),
            (usual.table_first, usual.table_last),
            _parse_range,
            f"write it as '50-79'; {usual.table_first}-{usual.table_last}",
        )
        return NodeSettings(
            table_first=first,
            table_last=last,
            mtu=self._scalar("mtu", default.mtu, usual.mtu, lambda each: each.integer(1280, 65535)),
            underlay=self._scalar(
                "underlay", default.underlay, usual.underlay, names.interface_name
            ),
            cluster_bridge=self._scalar(
                "clusterBridge", default.cluster_bridge, usual.cluster_bridge, names.interface_name
            ),
            asn=self._scalar(
                "asn",
                default.asn,
                usual.asn,
                lambda field: field.integer(1, names.ASN_HIGHEST),
                str(usual.asn or "the default"),
            ),
        )

    def _complain(self, error: FieldError, remedy: str, vrf: str = "") -> None:
        message = Message.CONFIGURATION_ENTRY_WRONG
        self._problems.append(Problem.of(self._origin, error, remedy, vrf, message=message))

    def _unusable(self, error: FieldError, remedy: str) -> SettingsError:
        return SettingsError(f"{self._origin}: {error}; {remedy}")

    def _unknown_keys(self) -> None:
        for key in self._loaded:
            if key not in self._KNOWN:
                known = ", ".join(self._KNOWN)
                shown = key[:60] if isinstance(key, str) else show(key)
                error = FieldError(shown, None, "is no setting of netop and has no effect")
                self._complain(error, f"known are {known}")

    def _vni_map(self) -> tuple[tuple[str, int], ...]:
        field, before = self._root["vnimap"], self._usual.vni_map
        if field.absent:
            self._check_emptied("vnimap", before, "{}")
            return ()
        try:
            found, slips = read_vnis(field, dict(before))
        except FieldError as error:
            raise self._unusable(error, "write one line a VRF, such as 'red: 5001'") from error
        for slip in slips:
            self._complain(slip.error, slip.remedy, slip.vrf)
        return tuple(sorted(found.items()))

    def _list(
        self, key: str, check: Callable[[Field], str], before: tuple[str, ...]
    ) -> tuple[str, ...]:
        found: list[str] = []
        self._check_emptied(key, before, "[]")
        try:
            for item in self._root[key].items():
                try:
                    found.append(check(item))
                except FieldError as error:
                    self._complain(error, "this entry is left out until it is mended")
        except FieldError as error:
            raise self._unusable(error, "write one '- name' a line") from error
        return tuple(dict.fromkeys(found))

    def _check_emptied(self, key: str, before: tuple[object, ...], empty: str) -> None:
        """Refuse a file in which nothing is left of a section, where that is hardly meant."""
        if not before or not self._root[key].absent:
            return
        if key in self._loaded:
            # What was below it may have lost its indentation.
            error = FieldError(key, None, "is empty")
            raise self._unusable(error, f"write {empty} to mean that")
        unknown = {str(each).casefold(): each for each in self._loaded if each not in self._KNOWN}
        for close in get_close_matches(key.casefold(), unknown, 1):
            error = FieldError(key, None, f"is left out, and {show(unknown[close])} is no setting")
            raise self._unusable(error, f"mend the key, or write {key}: {empty} to mean that")

    def _scalar(
        self, key: str, default: T, usual: T, read: Callable[[Field], T], told: str = ""
    ) -> T:
        """Return what `read` makes of a key, `default` where it is left out.

        Where it is wrong it is `usual`, which a complaint calls `told`.
        """
        field = self._root[key]
        try:
            return default if field.absent else read(field)
        except FieldError as error:
            goes_on = "is used" if self._before is None else "stays in force"
            self._complain(error, f"{told or usual} {goes_on} meanwhile")
            return usual


def _parse_range(field: Field) -> tuple[int, int]:
    text = field.text(longest=32)
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise field.fail(f"{text!r} is no range of table numbers")
    low, high = int(first), int(last)
    # rtnetlink(7): 0 is unspecified, 253 to 255 are default, main and local.
    if not 1 <= low <= high < 1 << 31 or (low <= 255 and high >= 253):
        raise field.fail(
            f"{text!r} is empty or takes tables 0 or 253 to 255, which are the kernel's"
        )
    return low, high
