# SPDX-License-Identifier: Apache-2.0
"""netop-exporter as systemd runs it: on sockets of netop-exporter.socket."""

from __future__ import annotations

import socket
import sys

from prometheus_client import make_wsgi_app

from netop.common.store import Store
from netop.exporter.collector import registry_of
from netop.exporter.node import observe
from netop.exporter.server import Activity, Server, application, serve

# Longer than anybody's scrape interval, so that one who scrapes finds it running.
IDLE_LONGEST = 300.0


def main() -> int:
    """Answer scrapes until none come any more; return the exit status."""
    # Imported here: the binding exists only where systemd does, the tests run anywhere.
    from systemd import daemon

    given = [socket.socket(fileno=number) for number in daemon.listen_fds()]
    if not given:
        print(
            "netop-exporter: systemd gave no socket; systemctl start netop-exporter.socket",
            file=sys.stderr,
        )
        return 1
    activity = Activity()
    store = Store()
    metrics = make_wsgi_app(registry_of(lambda: observe(store)))
    servers = [Server(each, application(metrics), activity) for each in given]
    daemon.notify(f"READY=1\nSTATUS=answers on {', '.join(_place(each) for each in given)}")
    serve(servers, activity, IDLE_LONGEST)
    daemon.notify("STOPPING=1")
    return 0


def _place(listening: socket.socket) -> str:
    """Return where a socket listens, as a person writes it."""
    name = listening.getsockname()
    if listening.family == socket.AF_INET6:
        return f"[{name[0]}]:{name[1]}"
    return f"{name[0]}:{name[1]}" if listening.family == socket.AF_INET else str(name)


if __name__ == "__main__":
    sys.exit(main())
