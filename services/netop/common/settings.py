# SPDX-License-Identifier: Apache-2.0
"""config.yaml: the node's part of the configuration, which no resource can change."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from netop.common import names, yamltext
from netop.common.edge import Field, FieldError, show
from netop.common.messages import Message
from netop.common.problem import Problem

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


def read_settings(path: Path) -> Settings:
    """Return what the file says; raises SettingsError where it cannot be used at all.

    FileNotFoundError is left to the caller, to whom it may mean "not provisioned yet".
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    return parse_settings(text, str(path))


def parse_settings(text: str, origin: str) -> Settings:
    """Return what `text` says; raises SettingsError where it is not a YAML mapping, or where
    a section of it is not the mapping or list that it must be.

    A wrong entry of a list or map is left out and told in `problems`; a wrong scalar
    falls back to its default and is told as well, so that one slip stops nothing else.
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
    return _Reading(Field(loaded), origin).settings()


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

    def __init__(self, root: Field, origin: str) -> None:
        self._root = root
        self._origin = origin
        self._problems: list[Problem] = []

    def settings(self) -> Settings:
        default = NodeSettings()
        self._unknown_keys()
        vni_map = self._vni_map()
        skip_vrfs = self._list("skipVRFConfig", names.vrf_name)
        bpf_interfaces = self._list("bpfInterfaces", names.interface_name)
        first, last = self._table_range(default)
        node = NodeSettings(
            table_first=first,
            table_last=last,
            mtu=self._integer("mtu", 1280, 65535, default.mtu),
            underlay=self._interface("underlay", default.underlay),
            cluster_bridge=self._interface("clusterBridge", default.cluster_bridge),
            asn=self._integer("asn", 1, names.ASN_HIGHEST, 0) or None,
        )
        debounce = self._debounce()
        node_name = self._node_name()
        problems = tuple(self._problems)
        return Settings(vni_map, skip_vrfs, bpf_interfaces, debounce, node, problems, node_name)

    def _complain(self, error: FieldError, remedy: str, vrf: str = "") -> None:
        message = Message.CONFIGURATION_ENTRY_WRONG
        self._problems.append(Problem.of(self._origin, error, remedy, vrf, message=message))

    def _unusable(self, error: FieldError, remedy: str) -> SettingsError:
        return SettingsError(f"{self._origin}: {error}; {remedy}")

    def _unknown_keys(self) -> None:
        for key in self._root.value if isinstance(self._root.value, dict) else ():
            if key not in self._KNOWN:
                known = ", ".join(self._KNOWN)
                error = FieldError(str(key)[:60], None, "is no setting of netop and has no effect")
                self._complain(error, f"known are {known}")

    def _vni_map(self) -> tuple[tuple[str, int], ...]:
        field = self._root["vnimap"]
        if field.absent:
            return ()
        if not isinstance(field.value, dict):
            error = field.misfit("not a mapping")
            raise self._unusable(error, "write one line a VRF, such as 'red: 5001'")
        found: dict[int, str] = {}
        for key, value in self._entries(field, field.value).items():
            try:
                name = names.vrf_name(Field(key, value.path))
                number = names.vni(value)
                if number in found:
                    raise value.fail(f"VNI {number} already belongs to VRF {found[number]}")
            except FieldError as error:
                self._complain(error, "this VRF is left out until it is mended", vrf=key[:12])
                continue
            found[number] = name
        return tuple(sorted((name, number) for number, name in found.items()))

    def _entries(self, field: Field, mapping: dict[object, object]) -> dict[str, Field]:
        """Return the entries whose keys are text, and complain of the others."""
        found: dict[str, Field] = {}
        for key, value in mapping.items():
            # As Kubernetes reads YAML. YAML 1.1 makes a bool of `no`, which nobody means.
            whole = isinstance(key, int) and not isinstance(key, bool)
            text = key if isinstance(key, str) else show(key) if whole else None
            if text is None or text in found:
                wrong = "is not text; write it in quotes" if text is None else "stands twice"
                error = field.fail(f"the key {show(key)} {wrong}")
                self._complain(error, "this entry is left out until it is mended")
                continue
            found[text] = Field(value, f"{field.path}.{text[:40]}")
        return found

    def _list(self, key: str, check: Callable[[Field], str]) -> tuple[str, ...]:
        found: list[str] = []
        try:
            for item in self._root[key].items():
                try:
                    found.append(check(item))
                except FieldError as error:
                    self._complain(error, "this entry is left out until it is mended")
        except FieldError as error:
            raise self._unusable(error, "write one '- name' a line") from error
        return tuple(dict.fromkeys(found))

    def _integer(self, key: str, low: int, high: int, default: int) -> int:
        try:
            value = self._root[key].optional_integer(low, high)
        except FieldError as error:
            self._complain(error, f"{default or 'the default'} is used meanwhile")
            return default
        return default if value is None else value

    def _interface(self, key: str, default: str) -> str:
        field = self._root[key]
        try:
            return default if field.absent else names.interface_name(field)
        except FieldError as error:
            self._complain(error, f"{default} is used meanwhile")
            return default

    def _node_name(self) -> str:
        field = self._root["nodeName"]
        try:
            return "" if field.absent else names.object_name(field)
        except FieldError as error:
            self._complain(error, "the name in the kubeconfig, or the host's, is used meanwhile")
            return ""

    def _debounce(self) -> float:
        default = Settings.debounce
        field = self._root["debounce"]
        try:
            return default if field.absent else field.number(0, 3600)
        except FieldError as error:
            self._complain(error, f"write seconds; {default:g} is used meanwhile")
            return default

    def _table_range(self, default: NodeSettings) -> tuple[int, int]:
        field = self._root["tableRange"]
        if field.absent:
            return default.table_first, default.table_last
        try:
            return _parse_range(field)
        except FieldError as error:
            usual = f"{default.table_first}-{default.table_last}"
            self._complain(error, f"write it as '50-79'; {usual} is used meanwhile")
            return default.table_first, default.table_last


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
