# SPDX-License-Identifier: Apache-2.0
"""What the cluster calls this node."""

from __future__ import annotations

from netop.common.edge import Field, FieldError
from netop.common.names import object_name
from netop.crd_watcher.fault import ClusterError, Fault

#: Users of a kubeconfig that are nodes: with netop's own credential, and with the kubelet's.
PREFIXES = ("netop:node:", "system:node:")


def node_name(configured: str, user: str, host: str) -> str:
    """Return the name: `nodeName` of config.yaml, else what follows `netop:node:` or
    `system:node:` in the name of the kubeconfig's user, else the host's, as the kubelet
    has it (in lower case). Raises ClusterError where that is no name of an object.
    """
    named = (user.removeprefix(prefix) for prefix in PREFIXES if user.startswith(prefix))
    name = configured or next(named, "") or host.strip().lower()
    try:
        return object_name(Field(name))
    except FieldError as error:
        reason = f"the node has no name in the cluster: {error}; set nodeName in config.yaml"
        raise ClusterError(Fault.KUBECONFIG, reason) from error
