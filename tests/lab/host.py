# SPDX-License-Identifier: Apache-2.0
"""Makes sure that the host has the lab's tools, and knows the Debian mirror it is set up for."""

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from tests.lab.process import LabError, run
from tests.lab.progress import Progress

#: A file that a package brings, and the package.
TOOLS = {
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/systemd-nspawn": "systemd-container",
    "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
    "/usr/bin/qemu-img": "qemu-utils",
    "/usr/share/seabios/bios-256k.bin": "seabios",
    "/usr/bin/ssh": "openssh-client",
    "/usr/bin/git": "git",
    "/usr/bin/nsenter": "util-linux",
    "/usr/sbin/mke2fs": "e2fsprogs",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
#: What only the tests need.
TOOLS_FOR_TESTS = {"/usr/bin/shellcheck": "shellcheck"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
QUIET_APT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Mirror:
    """Where the host gets Debian from, and how apt gets there (lines of apt.conf)."""

    uri: str
    options: tuple[str, ...]

    def source(self, suite: str) -> str:
        """A one-line apt source for `suite`."""
        return f"deb [signed-by={KEYRING}] {self.uri} {suite} main"


class Host:
    """The machine that the lab runs on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def prepare(self, tools: Mapping[str, str] = MappingProxyType(TOOLS)) -> None:
        """Install the tools that are missing. Raises LabError when that takes root and is not."""
        if platform.machine() != "x86_64":
            raise LabError(f"the lab builds x86_64 nodes; this machine is {platform.machine()}")
        missing = sorted({package for file, package in tools.items() if not Path(file).exists()})
        if os.geteuid() != 0:
            raise LabError(
                "the lab needs root, for mounts, containers and apt"
                + (f" (missing here: {' '.join(missing)})" if missing else "")
            )
        if not missing:
            return
        with self._progress.step(f"installing {' '.join(missing)} on this machine"):
            environment = {**os.environ, **QUIET_APT}
            run(["apt-get", "update", "-q"], env=environment)
            run(
                ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
                env=environment,
            )

    @cached_property
    def mirror(self) -> Mirror:
        """The Debian archive of the host's own release, as apt is configured for it."""
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
        site = self._archive_of(codename)
        if site is None:
            with self._progress.step("updating apt's lists"):
                run(["apt-get", "update", "-q"], env={**os.environ, **QUIET_APT})
            site = self._archive_of(codename)
        if site is None:
            raise LabError(
                f"apt on this machine knows no Debian archive with the release {codename!r},"
                " component main; add one to /etc/apt/sources.list.d/ (the lab takes Debian 13"
                " from the same one)"
            )
        return Mirror(site, tuple(self._transport_options()))

    @staticmethod
    def _archive_of(codename: str) -> str | None:
        """The first archive that has this release; apt knows none before its first update."""
        wanted = {codename, "stable", "testing", "unstable", "sid"} - {""}
        listing = run([
            "apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(COMPONENT)",
            "Created-By: Packages",
        ]).stdout  # fmt: skip
        for line in listing.splitlines():
            site, release, component = line.split("|")
            if release in wanted and component == "main":
                return site
        return None

    @staticmethod
    def _transport_options() -> list[str]:
        """Proxies and certificates: a root under construction does not read the host's apt.conf."""
        settings = run(["apt-config", "dump", "--no-empty"]).stdout.splitlines()
        return [line for line in settings if line.startswith(("Acquire::http", "Acquire::Retries"))]


def accelerator() -> str:
    """`kvm` where it works, else `tcg`.

    The processor's flags decide: /dev/kvm can exist where it hangs.
    """
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    virtual = "vmx" in flags or "svm" in flags
    return "kvm" if virtual and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


def have(program: str) -> bool:
    return shutil.which(program) is not None
