# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.lab`, run at the top of the tree: build things, and look into a node.

    python3 -m tests.lab prepare                       install the host's tools, fill the cache
    python3 -m tests.lab shell --container             a shell in a fresh container
    python3 -m tests.lab shell --container -- COMMAND  one command in it; its exit code
    python3 -m tests.lab shell --machine -- COMMAND    the same in a machine of its own
    python3 -m tests.lab demo [--kubernetes]           the main job; leaves the machine running
    python3 -m tests.lab login [COMMAND]               a shell in that machine
    python3 -m tests.lab down                          take it down
    python3 -m tests.lab deb                           build dist/netop_*_all.deb
    python3 -m tests.lab lintian                       build and check it

The source tree is at /src: the container sees it as it is, read-only; a machine gets a copy.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from tests.lab import deb as package
from tests.lab import demo as watch
from tests.lab import left_running
from tests.lab.container import Bind
from tests.lab.host import TOOLS_FOR_TESTS
from tests.lab.lab import Lab
from tests.lab.parallel import both
from tests.lab.process import LabError
from tests.lab.source import archive_of

SOURCE = Path(__file__).parents[2]


def main() -> int:
    arguments = parser().parse_args()
    try:
        code: int = arguments.action(Lab(), arguments)
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
    actions.add_parser("prepare").set_defaults(action=prepare)
    actions.add_parser("deb").set_defaults(action=deb)
    actions.add_parser("lintian").set_defaults(action=lintian)
    demo_action = actions.add_parser("demo")
    demo_action.add_argument("--kubernetes", action="store_true", help="resources from a real API")
    demo_action.set_defaults(action=demo)
    login_action = actions.add_parser("login")
    login_action.add_argument("command", nargs="*")
    login_action.set_defaults(action=login)
    actions.add_parser("down").set_defaults(action=down)
    add_shell(actions.add_parser("shell"))
    return top


def add_shell(action: argparse.ArgumentParser) -> None:
    where = action.add_mutually_exclusive_group(required=True)
    where.add_argument("--container", action="store_true")
    where.add_argument("--machine", action="store_true")
    action.add_argument("--afresh", action="store_true", help="boot instead of loading a saved one")
    action.add_argument("command", nargs="*")
    action.set_defaults(action=shell)


def prepare(lab: Lab, _arguments: argparse.Namespace) -> int:
    lab.host.prepare(TOOLS_FOR_TESTS)
    lab.prepare_node_root()
    both(lambda: lab.workshop, lab.prepare_machine)
    return 0


def demo(lab: Lab, arguments: argparse.Namespace) -> int:
    watch.run(lab, SOURCE, kubernetes=arguments.kubernetes)
    return 0


def login(lab: Lab, arguments: argparse.Namespace) -> int:
    script = shlex.join(arguments.command) if arguments.command else "exec bash -il"
    return left_running.attach(lab.cache, lab.progress).interact(script)


def down(lab: Lab, _arguments: argparse.Namespace) -> int:
    found = left_running.take_down(lab.cache, lab.progress)
    lab.progress.say("taken down" if found else "no machine is running")
    return 0


def deb(lab: Lab, _arguments: argparse.Namespace) -> int:
    print(package.build(lab, SOURCE).relative_to(SOURCE))
    return 0


def lintian(lab: Lab, _arguments: argparse.Namespace) -> int:
    print(package.lintian(lab, SOURCE), end="")
    return 0


def shell(lab: Lab, arguments: argparse.Namespace) -> int:
    script = shlex.join(arguments.command) if arguments.command else "cd /src; exec bash -i"
    if not os.isatty(0):
        script = f"exec </dev/null; {script}"
    if arguments.container:
        with lab.container([Bind(SOURCE, "/src")]) as node:
            return node.interact(script)
    with lab.machine(afresh=arguments.afresh) as machine:
        machine.unpack(archive_of(SOURCE), "/src")
        return machine.interact(script)


if __name__ == "__main__":
    sys.exit(main())
