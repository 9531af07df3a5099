# SPDX-License-Identifier: Apache-2.0
"""The parts of the lab's API server that need no server."""

import json
from pathlib import Path

import pytest

from tests.lab.apiserver import Authorizer, Binaries, Rule, User, documents
from tests.lab.apiserver.arguments import apiserver_command
from tests.lab.apiserver.certificates import Authority, Certificate
from tests.lab.apiserver.client import ApiError, decode
from tests.lab.apiserver.kubeconfig import write_kubeconfig
from tests.lab.process import LabError
from tests.lab.progress import Progress

ROUTES = Rule(("network.schiff.telekom.de",), ("vrfrouteconfigurations",), ("get", "list", "watch"))


def asks(user: str, verb: str, resource: str = "vrfrouteconfigurations", **more: object) -> bool:
    """What an authorizer that knows one user and one group answers."""
    attributes = {"group": "network.schiff.telekom.de", "resource": resource, "verb": verb, **more}
    review = {"spec": {"user": user, "groups": ["nodes"], "resourceAttributes": attributes}}
    return Authorizer({"nodes": [ROUTES], "root": [Rule(("*",), ("*",), ("*",))]}).decide(review)


def test_a_rule_permits_its_verbs_on_its_resources_alone() -> None:
    assert asks("n1", "list")
    assert not asks("n1", "create")
    assert not asks("n1", "list", "nodes")
    assert not asks("n1", "list", group="apps")
    assert not asks("n1", "get", subresource="status")
    assert asks("root", "delete", "anything", subresource="status", group="")


def test_paths_that_are_no_resources_are_refused() -> None:
    review = {
        "spec": {"user": "root", "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}
    }
    assert not Authorizer({"root": [Rule(("*",), ("*",), ("*",))]}).decide(review)


def test_the_documents_of_a_file_without_the_empty_ones() -> None:
    text = "# a comment\n---\na: 1\n---\n# nothing\n---\nb: |\n  x --- y\n"
    assert [part.strip().splitlines()[-1] for part in documents(text)] == ["a: 1", "  x --- y"]


def test_assets_without_an_apiserver_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"kube-apiserver is not in it.*unset it"):
        Binaries.find(Progress(), {"KUBEBUILDER_ASSETS": str(tmp_path)})


def test_assets_come_before_all_else(tmp_path: Path) -> None:
    for name in ("kube-apiserver", "etcd"):
        (tmp_path / name).touch(mode=0o755)
    found = Binaries.find(Progress(), {"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert found == Binaries(tmp_path / "kube-apiserver", tmp_path / "etcd", complete=True)


@pytest.mark.parametrize("complete", [True, False])
def test_both_servers_listen_on_loopback_with_our_certificates(
    tmp_path: Path, *, complete: bool
) -> None:
    authority = Authority.__new__(Authority)
    authority.certificate = tmp_path / "ca.crt"
    authority.server = Certificate(tmp_path / "server.crt", tmp_path / "server.key")
    binaries = Binaries(Path("/apiserver"), Path("/etcd"), complete=complete)
    line = apiserver_command(
        binaries, tmp_path, authority, 6443, 2379, tmp_path / "kubeconfig", policies=True
    )
    disabled = next(word for word in line if word.startswith("--disable-admission-plugins="))
    assert "ValidatingAdmissionPolicy" not in disabled
    assert {"--bind-address=127.0.0.1", "--secure-port=6443"} < set(line)
    assert f"--client-ca-file={authority.certificate}" in line
    assert ("--authorization-mode=RBAC" in line) is complete


def test_a_kubeconfig_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    path = write_kubeconfig(tmp_path / "it", "https://192.0.2.1:6443", tmp_path / "ca.crt")
    assert path.stat().st_mode & 0o777 == 0o600
    (cluster,) = json.loads(path.read_text())["clusters"]
    assert cluster["cluster"] == {
        "server": "https://192.0.2.1:6443", "certificate-authority-data": "UEVN",
    }  # fmt: skip


def test_an_answer_that_is_no_json_becomes_the_message() -> None:
    error = ApiError(503, decode(b"out of order"))
    assert (error.code, error.reason, error.message) == (503, "", "out of order")


def test_a_user_is_a_subject() -> None:
    assert User("netop:node:n1", ("netop:nodes",)).subject == "/O=netop:nodes/CN=netop:node:n1"
