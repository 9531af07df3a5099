# SPDX-License-Identifier: Apache-2.0
"""The units as files: their order, their manner, and what all of them must have."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3]
UNITS = SOURCE / "units"
DEBIAN = SOURCE / "packaging" / "debian"
MAN = SOURCE / "packaging" / "man"
DAEMONS = ("bpf-guardian", "crd-watcher", "frr-templater", "netlink-reconciler")
SERVICES = [UNITS / f"netop-{daemon}.service" for daemon in DAEMONS]
PATHS = [UNITS / f"netop-{daemon}.path" for daemon in DAEMONS]
EXPORTER = UNITS / "netop-exporter.service"
EXPORTER_SOCKET = UNITS / "netop-exporter.socket"
ALL = [*SERVICES, *PATHS, UNITS / "netop.target", EXPORTER, EXPORTER_SOCKET]

#: What the kernel gives each daemon beyond an ordinary user.
CAPABILITIES = {
    "bpf-guardian": "CAP_BPF CAP_NET_ADMIN CAP_PERFMON",
    "crd-watcher": "",
    "frr-templater": "",
    "netlink-reconciler": "CAP_NET_ADMIN",
}
#: The same in each service; what differs has its reason beside it.
HARDENING = {
    "DevicePolicy": "closed",
    "KillMode": "mixed",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "NotifyAccess": "main",
    "PrivateDevices": "yes",
    "PrivateTmp": "disconnected",
    "ProtectHome": "yes",
    "ProtectKernelModules": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "Restart": "always",
    "RestrictNamespaces": "yes",
    "RuntimeDirectoryPreserve": "yes",
    "SystemCallArchitectures": "native",
    "Type": "notify",
    "UMask": "0077",
}


def settings(unit: Path) -> list[tuple[str, str, str]]:
    """Section, key and value of each line, in the order of the file."""
    found = []
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def service(daemon: str) -> dict[str, str]:
    unit = UNITS / f"netop-{daemon}.service"
    return {key: value for section, key, value in settings(unit) if section == "Service"}


def test_each_daemon_has_a_service_and_a_path() -> None:
    assert sorted(path.name for path in UNITS.glob("netop*")) == sorted(path.name for path in ALL)


@pytest.mark.parametrize("unit", [*SERVICES, EXPORTER], ids=lambda unit: unit.stem)
def test_directives_stand_in_the_order_of_the_alphabet(unit: Path) -> None:
    keys = [key for section, key, _ in settings(unit) if section == "Service"]
    assert keys == sorted(keys)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_all_are_hardened_alike(daemon: str) -> None:
    assert service(daemon).items() >= HARDENING.items()


def test_the_exporter_is_hardened_alike_and_can_reach_no_network() -> None:
    # It ends by itself, is started by its socket, and writes nothing.
    others = {"KillMode", "Restart", "RuntimeDirectoryPreserve"}
    keys = service("exporter")
    assert keys.items() >= {key: HARDENING[key] for key in HARDENING.keys() - others}.items()
    assert keys["CapabilityBoundingSet"] == ""
    assert keys["IPAddressDeny"] == "any"
    assert keys["PrivateNetwork"] == "yes"
    assert keys["RestrictAddressFamilies"] == "AF_UNIX"
    assert keys["User"] == "netop-exporter"
    assert keys["Restart"] == "on-failure"
    assert not {"RuntimeDirectory", "StateDirectory", "WatchdogSec"} & keys.keys()


def test_the_exporters_socket_is_on_loopback_and_documented() -> None:
    (address,) = (value for _, key, value in settings(EXPORTER_SOCKET) if key == "ListenStream")
    assert address.startswith("127.0.0.1:")
    pages = (MAN / "netop-exporter.service.8", SOURCE / "docs" / "metrics.md")
    for page in pages:
        assert f"http://{address}/metrics" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_has_the_capabilities_of_its_row_and_no_other(daemon: str) -> None:
    keys = service(daemon)
    assert keys["CapabilityBoundingSet"] == CAPABILITIES[daemon]
    assert keys.get("AmbientCapabilities", "") == CAPABILITIES[daemon]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_runs_its_own_program_in_its_own_directory(daemon: str) -> None:
    keys = service(daemon)
    assert keys["ExecStart"] == f"/usr/libexec/netop/{daemon}"
    assert keys["RuntimeDirectory"] == f"netop/{daemon}"
    wrapper = DEBIAN / "libexec" / daemon
    assert wrapper.stat().st_mode & 0o111
    assert f"from netop.{daemon.replace('-', '_')}.__main__ import main" in wrapper.read_text()


def test_the_exporter_runs_its_own_program_as_a_user_that_the_package_makes() -> None:
    assert service("exporter")["ExecStart"] == "/usr/libexec/netop/exporter"
    wrapper = DEBIAN / "libexec" / "exporter"
    assert wrapper.stat().st_mode & 0o111
    assert "from netop.exporter.__main__ import main" in wrapper.read_text()
    assert re.search(
        r"^u!\s+netop-exporter\s", (DEBIAN / "netop.sysusers").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("daemon", DAEMONS)
def test_each_daemon_is_a_user_of_its_own_that_the_package_makes(daemon: str) -> None:
    user = service(daemon)["User"]
    made = re.findall(r"^u!\s+(\S+)", (DEBIAN / "netop.sysusers").read_text(), re.MULTILINE)
    assert (user == "frr") if daemon == "frr-templater" else (user == f"netop-{daemon}")
    assert user == "frr" or user in made


@pytest.mark.parametrize("unit", [*SERVICES, *PATHS], ids=lambda unit: unit.name)
def test_everything_stops_with_the_target_and_never_gives_up(unit: Path) -> None:
    own = {key: value for section, key, value in settings(unit) if section == "Unit"}
    assert own["PartOf"] == "netop.target"
    assert own["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_service_takes_its_path_with_it(daemon: str) -> None:
    unit = UNITS / f"netop-{daemon}.service"
    own = {key: value for section, key, value in settings(unit) if section == "Unit"}
    assert own["PropagatesStopTo"] == own["Wants"] == f"netop-{daemon}.path"


@pytest.mark.parametrize("unit", ALL, ids=lambda unit: unit.name)
def test_each_page_that_a_unit_names_exists(unit: Path) -> None:
    named = [value for _, key, value in settings(unit) if key == "Documentation"]
    assert named, unit
    for page in named:
        found = re.fullmatch(r"man:(\S+)\((\d)\)", page)
        assert found is not None
        assert (MAN / f"{found[1]}.{found[2]}").is_file()


@pytest.mark.parametrize(
    "odd",
    ["FileDescriptorStoreMax", "KillMode", "PrivateNetwork", "ReadWritePaths", "Restart",
     "SupplementaryGroups", "TimeoutStartSec", "TimeoutStopSec", "UMask"],
)  # fmt: skip
def test_an_odd_setting_has_its_reason_above_it(odd: str) -> None:
    for unit in SERVICES:
        lines = unit.read_text(encoding="utf-8").splitlines()
        for above, line in itertools.pairwise(lines):
            if line.startswith(f"{odd}="):
                assert above.startswith("# "), f"{unit.name}: {line}"
