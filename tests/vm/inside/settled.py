# SPDX-License-Identifier: Apache-2.0
"""Exits with 0 when generation argv[1], or a later one, is served and its links are up."""

import json
import sys
from pathlib import Path

DOCUMENTS = (
    "crd-watcher/desired.json",
    "frr-templater/served.json",
    "netlink-reconciler/links.json",
)

desired, served, links = (
    json.loads((Path("/run/netop") / each).read_text(encoding="utf-8")) for each in DOCUMENTS
)
generations = {document["generation"] for document in (desired, served, links)}
states = {vrf["state"] for vrf in links["vrfs"]}
print("generations", generations, "states", states)
settled = len(generations) == 1 and desired["generation"] >= int(sys.argv[1]) and states <= {"up"}
sys.exit(not settled)
