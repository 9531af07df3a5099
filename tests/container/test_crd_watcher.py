# SPDX-License-Identifier: Apache-2.0
"""The crd-watcher in its unit and its sandbox: a kubeconfig that comes late, no API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.container.netop_node import CONFIG, NetopNode
from tests.unit.crd_watcher import fake_api
from tests.unit.crd_watcher.objects import body, text

UNIT = "netop-crd-watcher.service"
DESIRED = "/run/netop/crd-watcher/desired.json"
KUBECONFIG = "/etc/netop/kubeconfig"
SERVER = f"""
import json, pathlib, time
from fake_api import FakeApi, serving
api = FakeApi()
api.put(json.loads({json.dumps(json.dumps(body("from-api")))}))
with serving(api, pathlib.Path("/root/api")):
    time.sleep(600)
"""


@pytest.fixture
def watched(netop: NetopNode) -> NetopNode:
    """A provisioned node with one manifest."""
    netop.node.write("/etc/netop/manifests/a.yaml", text(body("from-file")))
    netop.node.write(CONFIG, "{vnimap: {red: 5001}, debounce: 1}")
    netop.await_active("crd-watcher")
    serves(netop, "from-file")
    return netop


def serves(netop: NetopNode, *names: str) -> None:
    wanted = " ".join(f"grep -q '\"{name}\"' {DESIRED} &&" for name in names)
    netop.node.wait_until(f"{wanted} true", why=f"{names} to be published")


def says(netop: NetopNode, words: str) -> None:
    netop.node.wait_until(
        f"systemctl show --value -p StatusText {UNIT} | grep -qF {json.dumps(words)}",
        why=f"the status to say {words!r}",
    )


def start_api(netop: NetopNode) -> None:
    netop.node.run("mkdir -p /root/api")
    netop.node.copy_in(Path(fake_api.__file__), "/root/api/fake_api.py")
    netop.node.write("/root/api/serve.py", SERVER)
    netop.node.run("systemd-run --quiet --unit=api python3 /root/api/serve.py")
    netop.node.wait_until("test -s /root/api/kubeconfig", why="the API server to listen")


def test_a_kubeconfig_comes_late_and_the_server_is_gone_at_the_next_boot(
    watched: NetopNode,
) -> None:
    says(watched, "1 VRF from 1 resource, generation 1")
    start_api(watched)
    watched.node.run(f"install -m 0600 /root/api/kubeconfig {KUBECONFIG}")
    says(watched, "user netop-crd-watcher must be able to: chgrp netop-crd-watcher")
    assert "from-file" in watched.node.read(DESIRED)
    watched.node.run(f"chgrp netop-crd-watcher {KUBECONFIG}; chmod 0640 {KUBECONFIG}")
    serves(watched, "from-api")

    watched.node.run(f"systemctl stop api {UNIT}; rm {DESIRED}; systemctl start {UNIT}")
    serves(watched, "from-api")
    says(watched, "from the last good set")
    says(watched, "connection refused")
    assert json.loads(watched.node.read(DESIRED))["source"] == "last-good"
    assert watched.node.output(f"systemctl show --value -p NRestarts {UNIT}") == "0"


def test_a_kubeconfig_may_be_handed_over_as_a_credential(watched: NetopNode) -> None:
    start_api(watched)
    watched.node.write(
        f"/etc/systemd/system/{UNIT}.d/credential.conf",
        "[Service]\nLoadCredential=kubeconfig:/root/api/kubeconfig\n",
    )
    watched.node.run(f"systemctl daemon-reload; systemctl restart {UNIT}")
    serves(watched, "from-api")


def test_a_change_is_found_in_the_journal_by_its_generation_and_its_resource(
    watched: NetopNode,
) -> None:
    watched.node.write("/etc/netop/manifests/b.yaml", text(body("wrong", seq=0)))
    says(watched, "rejected 1: VRFRouteConfiguration wrong (/etc/netop/manifests/b.yaml)")
    told = watched.node.output("journalctl --no-pager -o cat NETOP_RESOURCE=wrong")
    assert "spec.seq: 0 is not between 1 and 65534" in told
    told = watched.node.output("journalctl --no-pager -o cat NETOP_GENERATION=1")
    assert "generation 1 from manifests: added red (+from-file)" in told
