# SPDX-License-Identifier: Apache-2.0
"""The source tree as it stands, without what git ignores."""

from pathlib import Path

from tests.lab.node import packed
from tests.lab.process import LabError, run


def files_of(tree: Path) -> list[Path]:
    """Tracked files and new ones, relative to `tree`, sorted; those that were deleted are left out.

    Raises LabError when the tree is no git checkout.
    """
    listing = run(
        ["git", "-c", f"safe.directory={tree}", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], cwd=tree, check=False,
    )  # fmt: skip
    if not listing.ok:
        raise LabError(f"{tree} is no git checkout: {listing.stderr.strip()}")
    names = sorted(set(filter(None, listing.stdout.split("\0"))))
    return [Path(name) for name in names if (tree / name).is_file()]


def archive_of(tree: Path) -> bytes:
    """A tar archive of these files."""
    return packed([(tree / path, str(path)) for path in files_of(tree)])
