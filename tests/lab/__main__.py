# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.lab`, run at the top of the tree: build things, and look into a node.

    python3 -m tests.lab prepare                       install the host's tools, fill the cache
    python3 -m tests.lab shell --container             a shell in a fresh container
    python3 -m tests.lab shell --container -- COMMAND  one command in it; its exit code

In a container the source tree is seen, read-only, at /src.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from tests.lab.cache import Cache
from tests.lab.container import Bind, Container
from tests.lab.host import Host
from tests.lab.process import LabError
from tests.lab.progress import Progress
from tests.lab.roots import NodeRoot

SOURCE = Path(__file__).parents[2]


def main() -> int:
    arguments = parser().parse_args()
    progress = Progress()
    try:
        Host(progress).prepare()
        code: int = arguments.action(arguments, progress)
    except LabError as error:
        print(f"lab: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m tests.lab", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    actions = top.add_subparsers(required=True, metavar="ACTION")
    prepare_action = actions.add_parser("prepare")
    prepare_action.set_defaults(action=prepare)
    shell_action = actions.add_parser("shell")
    shell_action.add_argument("--container", action="store_true")
    shell_action.add_argument("command", nargs="*")
    shell_action.set_defaults(action=shell)
    return top


def prepare(_arguments: argparse.Namespace, progress: Progress) -> int:
    Cache(progress).obtain(NodeRoot(Host(progress).mirror)).release()
    return 0


def shell(arguments: argparse.Namespace, progress: Progress) -> int:
    cache = Cache(progress)
    root = cache.obtain(NodeRoot(Host(progress).mirror))
    script = shlex.join(arguments.command) if arguments.command else "cd /src; exec bash -i"
    with Container(cache, root, progress, [Bind(SOURCE, "/src")]) as node:
        return node.interact(script if os.isatty(0) else f"exec </dev/null; {script}")


if __name__ == "__main__":
    sys.exit(main())
