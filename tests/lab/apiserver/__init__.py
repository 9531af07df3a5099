# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes API server for tests, on loopback::

    with ApiServer.found(Progress()) as server:
        server.apply_crd()
        server.routes().create(manifest)

It is the one of $KUBEBUILDER_ASSETS where that is set, else one built from Debian's packages.
"""

from tests.lab.apiserver.authorization import Authorizer, Question, Rule, grants_of
from tests.lab.apiserver.binaries import Binaries
from tests.lab.apiserver.certificates import ADMIN, User
from tests.lab.apiserver.client import ApiError, Client, Collection, documents
from tests.lab.apiserver.registration import Registration
from tests.lab.apiserver.server import LOOPBACK, SEEN_FROM_QEMU, ApiServer

__all__ = [
    "ADMIN",
    "LOOPBACK",
    "SEEN_FROM_QEMU",
    "ApiError",
    "ApiServer",
    "Authorizer",
    "Binaries",
    "Client",
    "Collection",
    "Question",
    "Registration",
    "Rule",
    "User",
    "documents",
    "grants_of",
]
