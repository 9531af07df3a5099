# SPDX-License-Identifier: Apache-2.0
"""Certificates that were good once: `openssl req` cannot make them, `openssl ca` can."""

from __future__ import annotations

from pathlib import Path

from tests.lab.apiserver.certificates import Certificate, User
from tests.lab.process import run

CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[ca]
default_ca = authority
[authority]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
[any]
organizationName = optional
commonName = supplied
[extensions]
subjectAltName = IP:127.0.0.1
"""


def expired(directory: Path, user: User, authority: Certificate) -> Certificate:
    """Return a certificate for `user`, and for 127.0.0.1, that `authority` let expire in 2021."""
    directory.mkdir()
    configuration = directory / "openssl.cnf"
    configuration.write_text(CONFIGURATION.format(directory=directory))
    (directory / "index.txt").touch()
    made = Certificate(directory / "expired.crt", directory / "expired.key")
    run([
        "openssl", "req", "-new", "-batch", "-config", configuration, "-subj", user.subject,
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", made.key, "-out", directory / "request.pem",
    ])  # fmt: skip
    run([
        "openssl", "ca", "-batch", "-notext", "-config", configuration,
        "-cert", authority.certificate, "-keyfile", authority.key, "-extensions", "extensions",
        "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
        "-in", directory / "request.pem", "-out", made.certificate,
    ])  # fmt: skip
    return made
