# SPDX-License-Identifier: Apache-2.0
"""The package: built and checked in the workshop."""

import fcntl
import hashlib
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.process import LabError
from tests.lab.source import files_of

#: `packaging/debian` must be copied, as lintian follows no link.
BUILD = (
    "cp -r packaging/debian debian && dpkg-buildpackage -us -uc -b && cp ../netop_*_all.deb /out/"
)
LINTIAN = (
    "cp -r packaging/debian debian && dpkg-buildpackage -us -uc -b >/dev/null 2>&1 && "
    "lintian --allow-root --info --display-info --pedantic --fail-on error,warning"
    " ../netop_*.changes"
)


def build(lab: Lab, source: Path) -> Path:
    """Build `dist/netop_<version>_all.deb` from the tree; its path.

    A package that was built from the same files is taken as it is.
    """
    dist = source / "dist"
    dist.mkdir(exist_ok=True)
    with (dist / ".lock").open("w") as lock:
        # Tests that run side by side want the same package.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(lab, source, dist)


def _build(lab: Lab, source: Path, dist: Path) -> Path:
    mark = dist / ".built-from"
    digest = digest_of(source)
    found = sorted(dist.glob("netop_*_all.deb"))
    if len(found) == 1 and mark.exists() and mark.read_text(encoding="ascii") == digest:
        return found[0]
    for path in (mark, *found):
        path.unlink(missing_ok=True)
    with lab.progress.step("building the package"):
        lab.workshop.run(BUILD, source=source, out=dist)
    found = sorted(dist.glob("netop_*_all.deb"))
    if len(found) != 1:
        raise LabError(f"the build left {len(found)} packages in {dist}, not one")
    mark.write_text(digest, encoding="ascii")
    return found[0]


def lintian(lab: Lab, source: Path) -> str:
    """What lintian says about the package; raises CommandError for errors and warnings."""
    return lab.workshop.run(LINTIAN, source=source).stdout


def digest_of(source: Path) -> str:
    """A hash of all that can get into the package: names, modes and contents."""
    digest = hashlib.sha256()
    for path in files_of(source):
        if path.parts[0] in {"tests", ".ci"}:
            continue
        file = source / path
        content = bytes(file.readlink()) if file.is_symlink() else file.read_bytes()
        digest.update(f"{path} {file.lstat().st_mode:o} {len(content)}\n".encode() + content)
    return digest.hexdigest()
