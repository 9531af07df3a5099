# SPDX-License-Identifier: Apache-2.0
"""Importing a part of a large package without all of it."""

from __future__ import annotations

import importlib.util
import sys


def import_lean(package: str) -> None:
    """Have later imports take modules out of `package` without running its `__init__`.

    pyroute2's imports the whole library, its databases and its console: 17 MiB and 0.2 s
    for each daemon (docs/benchmarks.md). What was imported before stays as it is.
    """
    spec = importlib.util.find_spec(package)
    if spec is not None:
        sys.modules.setdefault(package, importlib.util.module_from_spec(spec))
