# SPDX-License-Identifier: Apache-2.0
"""What keeps us from the API server, in words; the rest is in test_mirror.py."""

from __future__ import annotations

import json
import ssl
from itertools import pairwise

import pytest

from netop.crd_watcher.fault import ClusterError, Fault, explain_status, explain_transport


def transport(*chain: BaseException) -> ClusterError:
    for outer, inner in pairwise(chain):
        outer.__cause__ = inner
    found = chain[0]
    assert isinstance(found, Exception)
    return explain_transport(found, "https://api", "/etc/kubeconfig")


def test_a_certificate_that_is_not_accepted_is_told_with_its_reason() -> None:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_message = "certificate has expired"
    told = transport(OSError("outer"), error)
    assert told.fault is Fault.CERTIFICATE
    assert "the certificate of https://api is not accepted: certificate has expired" in str(told)


def test_an_alert_of_the_server_is_about_our_certificate() -> None:
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    told = transport(RuntimeError("outer"), error)
    assert told.fault is Fault.CERTIFICATE
    assert "CERTIFICATE_REQUIRED; see to the client-certificate in /etc/kubeconfig" in str(told)


def test_the_operating_systems_word_is_taken_from_the_depth() -> None:
    inner = ConnectionRefusedError(111, "Connection refused")
    assert str(transport(RuntimeError("outer"), inner)) == "https://api: connection refused"
    assert str(transport(RuntimeError("a"), RuntimeError("b"))) == "https://api: a"


def test_a_version_in_the_servers_future_means_to_list_again() -> None:
    body = {"message": "too large", "details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}}
    told = explain_status(504, json.dumps(body).encode(), "https://api", "")
    assert told.fault is Fault.EXPIRED


def test_an_answer_that_is_no_status_is_told_by_its_number() -> None:
    for body in (b"", b"<html>", b"[]", b'{"message": 7}', b'{"details": 7}', b"[" * 100_000):
        told = str(explain_status(502, body, "https://api", ""))
        assert told == "https://api answers 502: HTTP status 502"


@pytest.mark.parametrize(
    "who",
    ["ValidatingAdmissionPolicy 'p' denied request", 'admission webhook "w" denied the request'],
)
def test_what_admission_refuses_is_no_matter_of_rights(who: str) -> None:
    said = json.dumps({"message": f"{who}: not yours"}).encode()
    error = explain_status(403, said, "https://api", "/etc/netop/kubeconfig")
    assert error.fault is Fault.DENIED
    assert str(error) == f"https://api forbids it: {who}: not yours"


def test_only_what_netop_brings_can_be_installed() -> None:
    body = json.dumps({"message": "the server could not find it"}).encode()
    told = explain_status(404, body, "https://api", "", "create on events.events.k8s.io")
    assert told.fault is Fault.REFUSED
    wanted = "https://api does not know events.events.k8s.io: the server could not find it"
    assert str(told) == wanted
