# SPDX-License-Identifier: Apache-2.0
"""Kubeconfig files that hold all they need, so that they can be copied into a node."""

import base64
import json
from pathlib import Path

from tests.lab.apiserver.certificates import Certificate


def write_kubeconfig(
    path: Path, server: str, authority: Path | None = None, user: Certificate | None = None
) -> Path:
    """Write one for the URL `server`, readable by its owner alone; returns `path`.

    It is JSON, which is YAML too: kubectl and the client libraries read it as it is.
    """
    cluster, credential = {"server": server}, {}
    if authority is not None:
        cluster["certificate-authority-data"] = base64_of(authority)
    if user is not None:
        credential["client-certificate-data"] = base64_of(user.certificate)
        credential["client-key-data"] = base64_of(user.key)
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab", "user": credential}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(text, indent=2) + "\n", encoding="ascii")
    return path


def base64_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
