# SPDX-License-Identifier: Apache-2.0
"""The command lines of etcd and of the two API servers."""

from pathlib import Path

from tests.lab.apiserver.binaries import Binaries
from tests.lab.apiserver.certificates import Authority

#: They need kinds of the core group, which the server for custom resources does not have.
POLICIES = "ValidatingAdmissionPolicy"
CORE_ADMISSION = (
    "NamespaceLifecycle", "MutatingAdmissionWebhook", "ValidatingAdmissionWebhook",
    POLICIES, "MutatingAdmissionPolicy",
)  # fmt: skip
#: Clusters set this too: without it a watch in which nothing happens gets no bookmarks.
#: As environment, for versions of etcd that do not know it only warn.
ETCD_ENVIRONMENT = {"ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL": "5s"}


def etcd_command(binaries: Binaries, directory: Path, port: int, peer_port: int) -> list[str]:
    """etcd with its data in `directory`, its ports on loopback."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(binaries.etcd), "--name=lab", f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
    ]  # fmt: skip


def apiserver_command(
    binaries: Binaries, directory: Path, authority: Authority, port: int, etcd_port: int,
    authorization: Path, *, policies: bool,
) -> list[str]:  # fmt: skip
    """The API server, listening on loopback; `policies`: whether anybody tells it of some."""
    common = [
        str(binaries.apiserver), f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--tls-cert-file={authority.server.certificate}",
        f"--tls-private-key-file={authority.server.key}",
        f"--client-ca-file={authority.certificate}",
    ]  # fmt: skip
    if binaries.complete:
        return common + complete_options(directory, authority)
    return common + extensions_options(authorization, policies=policies)


def complete_options(directory: Path, authority: Authority) -> list[str]:
    """What a kube-apiserver needs more: RBAC, and service accounts although nobody has one."""
    return [
        "--authorization-mode=RBAC", f"--cert-dir={directory}",
        "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount",
        f"--service-account-key-file={authority.server.key}",
        f"--service-account-signing-key-file={authority.server.key}",
        "--service-account-issuer=https://127.0.0.1",
    ]  # fmt: skip


def extensions_options(authorization: Path, *, policies: bool) -> list[str]:
    """What the server for custom resources needs where no kube-apiserver stands behind it."""
    disabled = [one for one in CORE_ADMISSION if not (policies and one == POLICIES)]
    return [
        "--authentication-skip-lookup", f"--kubeconfig={authorization}",
        f"--authorization-kubeconfig={authorization}",
        f"--authentication-kubeconfig={authorization}",
        # The tests change what is permitted, and need not wait for ten seconds each time.
        "--authorization-webhook-cache-unauthorized-ttl=500ms",
        "--enable-priority-and-fairness=false",
        f"--disable-admission-plugins={','.join(disabled)}",
    ]  # fmt: skip
