# SPDX-License-Identifier: Apache-2.0
"""Builds the API server for custom resources, and its etcd, from Debian's own packages.

Debian has no kube-apiserver, but sid packages its part that serves custom resources,
k8s.io/apiextensions-apiserver, as Go source. Linked statically, it runs on every Debian.
So does etcd of the same age: that of Debian 12 is too old for some watches, and to install
it would leave a service running on the host.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import Mirror
from tests.lab.process import LabError, run

SUITE = "sid"
PACKAGES = ("golang-go", "golang-k8s-apiextensions-apiserver-dev", "golang-etcd-server-dev")
APISERVER = "apiextensions-apiserver"
ETCD = "etcd"
#: Bytes that the root takes while it builds; it is gone afterwards.
SPACE = 5 << 30
APT_OPTIONS = (
    'Acquire::Languages "none"',
    'APT::Install-Recommends "false"',
    # A mirror that follows sid slowly is still good to build from.
    'Acquire::Check-Valid-Until "false"',
)
EXCLUDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
GO_BUILD = f"""\
mkdir "$1/build"
go_build() {{
    chroot "$1" env HOME=/build GOPATH=/usr/share/gocode GO111MODULE=off CGO_ENABLED=0 \\
        go build -trimpath -ldflags '-s -w' -o "/build/$2" "$3"
}}
go_build "$1" {APISERVER} k8s.io/{APISERVER} && go_build "$1" {ETCD} go.etcd.io/etcd/server
"""


@dataclass(frozen=True)
class ApiServerBinaries:
    """The recipe for a directory with the two files `apiextensions-apiserver` and `etcd`."""

    mirror: Mirror

    @property
    def name(self) -> str:
        return "apiserver"

    @property
    def inputs(self) -> Sequence[str]:
        return (SUITE, *PACKAGES, *APT_OPTIONS, *EXCLUDED, GO_BUILD, "2")

    def build(self, target: Path) -> None:
        """Make a root of sid below `target`, build there, keep the programs alone.

        Takes some four minutes on two cores. Raises LabError.
        """
        if os.geteuid() != 0:
            raise LabError("building the API server takes root, for mmdebstrap and chroot")
        free = shutil.disk_usage(target).free
        if free < SPACE:
            raise LabError(
                f"building the API server takes {SPACE >> 30} GiB in {target.parent} for a while,"
                f" and {free / (1 << 30):.1f} GiB are free: make room, or set NETOP_CACHE to"
                " another disk"
            )
        options = (*APT_OPTIONS, *self.mirror.options)
        run(
            [
                # A mount namespace of its own: a build that is killed leaves no mount behind.
                "unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase",
                "--format=null", f"--include={','.join(PACKAGES)}",
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
                *(f"--aptopt={option}" for option in options),
                f"--customize-hook={GO_BUILD}",
                f"--customize-hook=copy-out /build/{APISERVER} /build/{ETCD} {target}",
                SUITE, "/dev/null", self.mirror.source(SUITE),
            ],
            env={**os.environ, "TMPDIR": str(target), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        for program in (APISERVER, ETCD):
            if not os.access(target / program, os.X_OK):
                raise LabError(f"the build ended without an error, and without {program}")
