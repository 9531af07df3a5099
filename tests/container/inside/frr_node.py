# SPDX-License-Identifier: Apache-2.0
"""The templater under its own unit, beside a real FRR; run as root inside the container."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netop.common.documents import Desired, DesiredVrf, Links
from netop.common.store import Store, replace_file
from tests.unit.frr_templater.fakes import desired, links

SOURCE = Path(__file__).parents[3]
UNIT = "netop-frr-templater.service"
FRR_CONF = Path("/etc/frr/frr.conf")
TEMPLATE = Path("/etc/frr/frr.conf.tpl")
STATE = Path("/var/lib/netop/frr-templater")
RELOAD_LOG = Path("/var/log/frr/frr-reload.log")

BASE = """\
frr version 10.3
frr defaults traditional
log syslog informational
service integrated-vtysh-config
!
#++{{.VRFs}}
!
router bgp 64512 vrf default
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 neighbor 192.0.2.254 remote-as external
 neighbor 192.0.2.254 password OpenSesame
 #++{{.Neighbors}}
 !
 address-family ipv4 unicast
  redistribute connected
  #++{{.NeighborsV4}}
 exit-address-family
 !
 address-family ipv6 unicast
  #++{{.NeighborsV6}}
 exit-address-family
 !
 address-family l2vpn evpn
  neighbor 192.0.2.254 activate
  advertise-all-vni
 exit-address-family
exit
!
#++{{.BGP}}
!
route-map rm_import_cluster_to_oam permit 20
 call rm_mgmt_vrf_export
exit
route-map rm_mgmt_vrf_export deny 65535
exit
!
#++{{.PrefixLists}}
#++{{.RouteMaps}}
!
line vty
"""


def run(*command: str, check: bool = True) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def code(*command: str) -> int:
    """Run a command and return its exit code."""
    return subprocess.run(command, capture_output=True, check=False, timeout=150).returncode


def wait_until(true: Callable[[], object], why: str, seconds: float = 45) -> None:
    """Wait for a condition; fail with what the daemon says when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {why}\n{status()}\n{journal()[-3000:]}")
        time.sleep(0.1)


def status() -> str:
    """Return the daemon's status line."""
    return run("systemctl", "show", "--value", "--property=StatusText", UNIT).strip()


def journal(since: str = "-10min") -> str:
    """Return what the daemon told the journal."""
    return run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}", f"--since={since}")


def reloads() -> int:
    """Return how often frr-reload.py was called to reload."""
    text = RELOAD_LOG.read_text(errors="replace") if RELOAD_LOG.exists() else ""
    return text.count("reload=True")


def vtysh(*commands: str) -> str:
    """Run commands of vtysh."""
    return run("vtysh", *(word for command in commands for word in ("-c", command)))


def bindings() -> dict[str, int]:
    """Return the VNI of each VRF, as zebra tells."""
    answer = json.loads(vtysh("show vrf vni json"))
    return {item["vrf"]: item["vni"] for item in answer["vrfs"]}


def write_frr_conf(text: str, path: Path = FRR_CONF) -> None:
    """Replace frr.conf as provisioning does."""
    frr = pwd.getpwnam("frr")
    replace_file(path, text, mode=0o640)
    os.chown(path, frr.pw_uid, frr.pw_gid)


def restart_frr() -> None:
    """Start FRR anew from its file and wait until it has read it."""
    run("systemctl", "reset-failed", "frr.service", check=False)
    run("systemctl", "restart", "frr.service")
    wait_until(lambda: "bgpd" in vtysh("show daemons"), "bgpd runs")
    wait_until(lambda: "router bgp" in vtysh("show running-config"), "FRR has read frr.conf")


def install() -> None:
    """Put the templater's parts of the tree where the package puts them."""
    package = Path("/usr/lib/python3/dist-packages/netop")
    if not package.exists():
        package.symlink_to(SOURCE / "services/netop")
    places = [
        (f"units/{UNIT}", f"/etc/systemd/system/{UNIT}"),
        ("units/frr.service.d/netop.conf", "/etc/systemd/system/frr.service.d/netop.conf"),
        ("packaging/debian/libexec/frr-templater", "/usr/libexec/netop/frr-templater"),
        ("packaging/debian/netop.rules", "/usr/share/polkit-1/rules.d/netop.rules"),
    ]
    for source, target in places:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / source, target)
    daemons = Path("/etc/frr/daemons")
    daemons.write_text(daemons.read_text().replace("bgpd=no", "bgpd=yes"))
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "polkit.service")


@dataclass(frozen=True)
class Documents:
    """The documents that the other daemons would write."""

    store: Store = field(default_factory=Store)

    def want(self, generation: int, *vrfs: DesiredVrf) -> None:
        ordered = sorted(vrfs, key=lambda vrf: vrf.name)
        self.put(desired(generation, *ordered))
        self.put(links(generation, *((v.name, v.vni) for v in ordered if v.vni is not None)))

    def put(self, document: Desired | Links) -> None:
        path = self.store.path(type(document))
        path.parent.mkdir(parents=True, exist_ok=True)
        self.store.publish(document)

    def served(self) -> dict[str, Any]:
        path = self.store.root / "frr-templater" / "served.json"
        loaded = json.loads(path.read_text()) if path.exists() else {"generation": 0, "vrfs": []}
        assert isinstance(loaded, dict)
        return loaded

    def vrfs(self) -> dict[str, int | None]:
        return {vrf["name"]: vrf["vni"] for vrf in self.served()["vrfs"]}

    def await_generation(self, generation: int, seconds: float = 60) -> None:
        wait_until(
            lambda: self.served()["generation"] == generation,
            f"generation {generation} is served or refused",
            seconds,
        )

    def clear(self) -> None:
        for name in ("crd-watcher", "netlink-reconciler", "frr-templater"):
            shutil.rmtree(self.store.root / name, ignore_errors=True)


def kill(pid_file: str, signal: int) -> None:
    """Signal one of FRR's daemons."""
    os.kill(int(Path("/run/frr", pid_file).read_text()), signal)
