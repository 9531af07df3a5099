# SPDX-License-Identifier: Apache-2.0
"""Finds the programs that make a Kubernetes API, and builds or installs what is missing."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.apiserver.build import APISERVER, ETCD, ApiServerBinaries
from tests.lab.cache import Cache, Held
from tests.lab.host import QUIET_APT, Host
from tests.lab.process import LabError, run
from tests.lab.progress import Progress

#: A program, and the Debian package that brings it.
TOOLS = {"openssl": "openssl", "mmdebstrap": "mmdebstrap"}


@dataclass(frozen=True)
class Binaries:
    """Where the API server and its data base are.

    `complete` tells a kube-apiserver, with RBAC and all built-in kinds, from the one that
    serves custom resources only. `held` keeps the cache from pruning them.
    """

    apiserver: Path
    etcd: Path
    complete: bool
    held: Held | None = field(default=None, repr=False)

    @classmethod
    def find(cls, progress: Progress, environment: Mapping[str, str] = os.environ) -> "Binaries":
        """Those of $KUBEBUILDER_ASSETS, else Debian's; raises LabError with the reason."""
        if assets := environment.get("KUBEBUILDER_ASSETS"):
            return cls.from_assets(Path(assets))
        host = Host(progress)
        install({name: TOOLS[name] for name in TOOLS if not shutil.which(name)}, progress)
        held = Cache(progress).obtain(ApiServerBinaries(host.mirror))
        return cls(held.path / APISERVER, held.path / ETCD, complete=False, held=held)

    @classmethod
    def from_assets(cls, assets: Path) -> "Binaries":
        """Those of a directory as envtest has them; raises LabError where one is missing."""
        found = cls(assets / "kube-apiserver", assets / "etcd", complete=True)
        for path in (found.apiserver, found.etcd):
            if not os.access(path, os.X_OK):
                raise LabError(
                    f"KUBEBUILDER_ASSETS is {assets}, and {path.name} is not in it or not"
                    " executable; correct it, or unset it to take Debian's programs"
                )
        return found

    def oldest_emulated(self) -> str:
        """The oldest version of Kubernetes that the API server can behave like, as `1.33`."""
        told = run([self.apiserver, "--help"]).stdout
        found = re.search(r"--emulated-version\b.*?\bkube=(\d+\.\d+)\.\.", told, re.DOTALL)
        if found is None:
            raise LabError(f"{self.apiserver} --help names no versions that it can emulate")
        return found[1]


def install(missing: Mapping[str, str], progress: Progress) -> None:
    """Install the packages (values) of programs (keys); raises LabError."""
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if os.geteuid() != 0:
        raise LabError(f"{', '.join(missing)} missing: apt install {' '.join(packages)}")
    environment = {**os.environ, **QUIET_APT}
    with progress.step(f"installing {' '.join(packages)} on this machine"):
        run(["apt-get", "update", "-q"], env=environment)
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
            env=environment)  # fmt: skip
