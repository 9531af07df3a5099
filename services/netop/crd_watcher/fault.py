# SPDX-License-Identifier: Apache-2.0
"""What keeps us from the API server, in words for an operator."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from enum import StrEnum

from netop.common.edge import Field, FieldError
from netop.crd_watcher.resource import GROUP, PLURAL, VERSION

#: What reading the resources takes.
READ = f"list and watch on {PLURAL}.{GROUP}"

# How policies and webhooks begin: rights would not help.
_ADMISSION = re.compile(r"denied (the )?request")


class Fault(StrEnum):
    """The kinds of faults that are treated differently."""

    KUBECONFIG = "kubeconfig"  # cannot be read or used
    UNREACHABLE = "unreachable"  # no connection, or no answer in time
    CERTIFICATE = "certificate"  # one side does not accept the other's
    DENIED = "denied"  # 401, 403
    NO_CRD = "no-crd"  # 404: the API server does not know the resource
    EXPIRED = "expired"  # 410: the version is older than the server's memory
    REFUSED = "refused"  # any other answer that is no success
    GARBLED = "garbled"  # an answer that is not the API's


class ClusterError(Exception):
    """A request failed; the message is one sentence with the way out where there is one."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(" ".join(message.split())[:500])
        self.fault = fault


def explain_status(
    status: int, body: bytes, host: str, origin: str, right: str = READ
) -> ClusterError:
    """Return what an answer of `host` that is no success means.

    `body` is usually a metav1.Status; `origin` is the path of the kubeconfig, `right` what
    RBAC must grant, ending with the resource.
    """
    said, causes = _status_message(body)
    said = said or f"HTTP status {status}"
    if status == 401:
        reason = f"{host} does not accept the credential in {origin} ({said}); renew it"
        return ClusterError(Fault.DENIED, reason)
    if status == 403:
        if _ADMISSION.search(said):
            return ClusterError(Fault.DENIED, f"{host} forbids it: {said}")
        needs = f"the credential in {origin} needs {right}"
        return ClusterError(Fault.DENIED, f"{host} forbids it: {said}; {needs}")
    if status == 404:
        resource = right.rpartition(" ")[2]
        if not resource.endswith(f".{GROUP}"):
            return ClusterError(Fault.REFUSED, f"{host} does not know {resource}: {said}")
        reason = f"{host} does not know {resource}/{VERSION}"
        return ClusterError(Fault.NO_CRD, f"{reason}; install its CustomResourceDefinition")
    # After a restore of etcd our version may lie in the server's future.
    if status == 410 or "ResourceVersionTooLarge" in causes:
        return ClusterError(Fault.EXPIRED, f"{host} no longer knows our version: {said}")
    return ClusterError(Fault.REFUSED, f"{host} answers {status}: {said}")


def explain_transport(error: Exception, host: str, origin: str) -> ClusterError:
    """Return what a failed connection to `host` means."""
    chain = tuple(_causes(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return ClusterError(
                Fault.CERTIFICATE,
                f"the certificate of {host} is not accepted: {each.verify_message}; renew it, "
                f"or mend the certificate-authority in {origin}, or the clock",
            )
        if isinstance(each, ssl.SSLError):
            return ClusterError(
                Fault.CERTIFICATE,
                f"TLS with {host} fails: {each.reason or each}; see to the client-certificate "
                f"in {origin}",
            )
    return ClusterError(Fault.UNREACHABLE, f"{host}: {_connection_reason(chain)}")


def _connection_reason(chain: tuple[BaseException, ...]) -> str:
    for each in chain:
        if isinstance(each, OSError) and each.strerror:
            return each.strerror.lower()
    kinds = " ".join(type(each).__name__ for each in chain)
    if "Timeout" in kinds:
        return "no answer in time"
    if "ProtocolError" in kinds or "Incomplete" in kinds:
        return "the connection was cut off"
    return str(chain[0])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what lies behind it, the outermost first."""
    pending, seen = [error], set[int]()
    while pending:
        each = pending.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        # urllib3 and http.client carry causes as arguments, too.
        behind = (each.__cause__, *each.args)
        pending += [cause for cause in behind if isinstance(cause, BaseException)]


def _status_message(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the message of a metav1.Status and the reasons of its causes, if it is one."""
    try:
        status = Field(json.loads(body))
        message = status["message"].optional_text(1 << 16) or ""
        details = status["details"]
        causes = () if details.absent else tuple(details["causes"].items())
        return message, tuple(cause["reason"].optional_text() or "" for cause in causes)
    except (ValueError, RecursionError, FieldError):
        return "", ()
