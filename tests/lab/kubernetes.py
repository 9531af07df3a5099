# SPDX-License-Identifier: Apache-2.0
"""A real API server for the demo: a process of its own, so that it can outlive the demo."""

import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.apiserver import Binaries, Client, Collection, documents
from tests.lab.identity import Identity
from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.lab.process import LabError

ON_NODE = "/etc/netop/kubeconfig"


@dataclass(frozen=True)
class Cluster:
    """An API server that serves the CRD; `kubeconfig` is for this host, `seen_from_node` there."""

    process: Identity
    kubeconfig: Path
    seen_from_node: Path

    @classmethod
    def start(cls, lab: Lab, source: Path) -> "Cluster":
        """Start one and wait until it serves; builds its program if it is not in the cache."""
        Binaries.find(lab.progress)
        with lab.progress.step("starting a Kubernetes API server"):
            log = (lab.cache.scratch("run") / "apiserver.log").open("wb")
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.lab.apiserver", "run"], cwd=source,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True, env={**os.environ, "PYTHONPATH": str(source)},
            )  # fmt: skip
            assert process.stdout is not None
            paths = [process.stdout.readline().strip().partition("=")[2] for _ in range(2)]
        if not all(paths):
            process.kill()
            said = Path(log.name).read_text(encoding="utf-8", errors="replace")
            raise LabError(f"the API server did not start:\n{said}")
        return cls(Identity.of(process.pid), Path(paths[0]), Path(paths[1]))

    def bring_to(self, node: Node, manifests: Sequence[Path]) -> None:
        """Give the node its credential, then create the resources."""
        node.write(ON_NODE, self.seen_from_node.read_bytes(), mode=0o640)
        node.run(["chgrp", "netop-crd-watcher", ON_NODE])
        for manifest in manifests:
            for text in documents(manifest.read_text(encoding="utf-8")):
                routes_of(self.kubeconfig).apply(text)


def routes_of(kubeconfig: Path) -> Collection:
    """The VRFRouteConfigurations of the server that a kubeconfig of the lab leads to."""
    said = json.loads(kubeconfig.read_text(encoding="ascii"))
    cluster, user = said["clusters"][0]["cluster"], said["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
    tls = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile() as pair:
        for part in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[part]))
        pair.flush()
        tls.load_cert_chain(pair.name)
    url = urlsplit(cluster["server"])
    assert url.hostname is not None
    assert url.port is not None
    return Collection(Client(url.hostname, url.port, tls))
