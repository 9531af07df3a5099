# SPDX-License-Identifier: Apache-2.0
"""Prints, as JSON, all that netop has put on this node, wherever it may be."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

#: The mark of netop's routes, and the place of its filters.
PROTOCOL, PREFERENCE = "110", "pref 200 "
DIRECTORIES = ("/run/netop", "/var/lib/netop", "/etc/frr", "/etc/netop")


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def main() -> None:
    links = [link["ifname"] for link in json.loads(said("ip", "-json", "link"))]
    filters = {
        link: len(re.findall(f"^filter .*{PREFERENCE}.*netop_router", shown, re.MULTILINE))
        for link in links
        if (shown := said("tc", "filter", "show", "dev", link, "ingress"))
    }
    routes = [
        line.strip()
        for family in ("-4", "-6")
        for line in said(
            "ip", family, "route", "show", "table", "all", "proto", PROTOCOL
        ).splitlines()
    ]
    running = said("vtysh", "-c", "show running-config no-header")
    print(
        json.dumps(
            {
                "links": sorted(links),
                "filters": filters,
                "routes": sorted(routes),
                "running": running.splitlines(),
                "hidden": sorted(
                    str(path) for each in DIRECTORIES for path in Path(each).rglob(".*")
                ),
                "failed": said("systemctl", "list-units", "--failed", "--plain", "--no-legend"),
            }
        )
    )


if __name__ == "__main__":
    main()
