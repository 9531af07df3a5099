# SPDX-License-Identifier: Apache-2.0
"""Certificates for one API server and its users, made by openssl."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.process import run

DAYS = 2

# Python 3.13 verifies strictly: authorities must say what their key may be used for.
CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class User:
    """Whom a client certificate stands for: its common name and its organisations."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return "".join(f"/O={group}" for group in self.groups) + f"/CN={self.name}"


#: The group that no authorizer ever refuses.
ADMIN = User("admin", ("system:masters",))


@dataclass(frozen=True)
class Certificate:
    """Two PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, directory: Path, addresses: Sequence[str]) -> None:
        """Make the authority, and a certificate for a server at these IP addresses."""
        self._directory = directory
        self._configuration = directory / "openssl.cnf"
        self._lock = threading.Lock()
        names = ",".join(("DNS:localhost", *(f"IP:{address}" for address in addresses)))
        self._configuration.write_text(CONFIGURATION.format(names=names), encoding="ascii")
        self.certificate = directory / "ca.crt"
        self._issue("ca", "/CN=lab", "ca")
        self.server = self._issue("server", "/CN=apiserver", "server")

    def client(self, user: User) -> Certificate:
        """The certificate of a user, made when it is first asked for."""
        name = "user-" + "".join(c if c.isalnum() else "-" for c in user.subject.strip("/"))
        with self._lock:
            files = self._files(name)
            if files.certificate.exists():
                return files
            return self._issue(name, user.subject, "client")

    def _files(self, name: str) -> Certificate:
        return Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key")

    def _issue(self, name: str, subject: str, kind: str) -> Certificate:
        made = self._files(name)
        ca = self._files("ca")
        signer = () if kind == "ca" else ("-CA", ca.certificate, "-CAkey", ca.key)
        run([
            "openssl", "req", "-x509", "-batch", "-config", self._configuration,
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256",
            "-days", str(DAYS), "-subj", subject, "-extensions", kind, *signer,
            "-keyout", made.key, "-out", made.certificate,
        ])  # fmt: skip
        return made
