# SPDX-License-Identifier: Apache-2.0
"""netopctl: tells how each VRF is served, and what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from importlib import import_module

from netop import __version__

# Each is a module beside this one.
COMMANDS = (
    "status", "explain", "topology", "counters", "history", "plan", "render", "validate", "cleanup",
)  # fmt: skip


def parser(names: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the command line for these commands; each sets `run`."""
    top = argparse.ArgumentParser(prog="netopctl", description=__doc__)
    top.add_argument("--version", action="version", version=f"netop {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name in names:
        import_module(f"netop.ctl.{name}").add_parser(commands)
    return top


def main() -> int:
    """Run one command and return its exit status."""
    # `status` shall not wait for the libraries of the others.
    chosen = [name for name in sys.argv[1:2] if name in COMMANDS]
    arguments = parser(chosen or COMMANDS).parse_args()
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `netopctl ... | head`: nobody reads on, which is no error. Python would complain
        # once more when it flushes at the end (docs.python.org, signal, note on SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
