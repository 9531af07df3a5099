# SPDX-License-Identifier: Apache-2.0
"""netopctl: tells how each VRF is served, and what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys

from netop import __version__
from netop.ctl import counters, status, validate

COMMANDS = (status, counters, validate)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each command sets `run`."""
    top = argparse.ArgumentParser(prog="netopctl", description=__doc__)
    top.add_argument("--version", action="version", version=f"netop {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return top


def main() -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args()
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
