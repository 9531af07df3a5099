# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a kubeconfig, in words that never show a value.

The journal and desired.json have more readers than the kubeconfig, and a key or a token may
stand where the path of its file belongs. So places are told, and the keys of the file.
"""

from __future__ import annotations

import os
import pwd
import ssl
from collections.abc import Mapping
from pathlib import Path

from netop.common.edge import FieldError, show
from netop.common.yamltext import YamlError

_BELONGS = {
    "certificate-authority": "the certificate itself belongs into certificate-authority-data",
    "client-certificate": "the certificate itself belongs into client-certificate-data",
    "client-key": "the key itself belongs into client-key-data",
    "tokenFile": "the token itself belongs into token",
}


def explain_kubeconfig(error: Exception, path: Path, keys: Mapping[Path, str]) -> str:
    """Return why the kubeconfig at `path` cannot be used.

    `keys` are those that name files, such as ``users[0].user.tokenFile``, by the file.
    """
    if isinstance(error, ssl.SSLError):
        reason = f"a certificate or key in {path} is not PEM, or they do not belong together"
        return f"{reason} ({error.reason or error})"
    if isinstance(error, OSError):
        return _unreadable(error, path, keys)
    return f"{path} is no usable kubeconfig: {_misshapen(error)}"


def _unreadable(error: OSError, path: Path, keys: Mapping[Path, str]) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    said = f"cannot be read: {error.strerror or type(error).__name__}"
    if error.filename in {None, path, str(path)}:
        return f"{path} {said}; user {user} must be able to: chgrp {user} {path}; chmod 0640 {path}"
    key = keys.get(Path(str(error.filename)), "")
    if not key:
        return f"a file that {path} refers to {said}"
    way_out = _BELONGS[key.rpartition(".")[2]]
    if isinstance(error, PermissionError):
        way_out = f"user {user} must be able to read it"
    return f"{path}: {key} names a file that {said}; {way_out}"


def _misshapen(error: Exception) -> str:
    if isinstance(error, YamlError):
        place = f" at {error.place}" if error.place else ""
        return f"it is not YAML{place}; text with special characters belongs into quotes"
    if isinstance(error, FieldError):
        reason = error.reason.replace(show(error.value), "what stands there")
        return f"{error.path}: {reason}" if error.path else reason
    return str(error)
