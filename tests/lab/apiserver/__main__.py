# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.lab.apiserver`, run at the top of the tree.

    python3 -m tests.lab.apiserver build   build or find the programs, and say where they are
    python3 -m tests.lab.apiserver run     serve, with the CRD applied, until Ctrl-C

The programs are those of $KUBEBUILDER_ASSETS where that is set, else Debian's.
"""

import argparse
import signal
import sys

from tests.lab.apiserver import SEEN_FROM_QEMU, ApiServer, Binaries
from tests.lab.process import LabError
from tests.lab.progress import Progress


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lab.apiserver", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("action", choices=("build", "run"))
    action = {"build": build, "run": serve}[parser.parse_args().action]
    try:
        action(Progress())
    except LabError as error:
        print(f"apiserver: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def build(progress: Progress) -> None:
    binaries = Binaries.find(progress)
    print(f"apiserver {binaries.apiserver}", f"etcd {binaries.etcd}", sep="\n")


def serve(progress: Progress) -> None:
    """Serve until SIGINT or SIGTERM; standard output has the kubeconfigs' paths alone."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ApiServer.found(progress) as server:
        server.apply_crd()
        print(f"KUBECONFIG={server.kubeconfig()}")
        print(f"KUBECONFIG_QEMU={server.kubeconfig(SEEN_FROM_QEMU)}", flush=True)
        progress.say(f"serving on port {server.port}, logs in {server.directory}; Ctrl-C ends it")
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
