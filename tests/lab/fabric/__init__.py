# SPDX-License-Identifier: Apache-2.0
"""The EVPN fabric that a node of the lab stands in; `tree/` is what lies on the node."""

from tests.lab.fabric.fabric import FABRIC_INPUTS, join, provision
from tests.lab.fabric.tenant import BLUE, MGMT, RED, UNEXPORTED, WORKLOAD, Host, Tenant

__all__ = [
    "BLUE", "FABRIC_INPUTS", "MGMT", "RED", "UNEXPORTED", "WORKLOAD", "Host", "Tenant", "join",
    "provision",
]  # fmt: skip
