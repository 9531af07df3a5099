# SPDX-License-Identifier: Apache-2.0
"""The kubeconfig: where the API server is and how we prove who we are.

The only module that imports `kubernetes`, whose loader knows the many forms of a
credential (certificates, tokens, token files, exec plug-ins).
"""

from __future__ import annotations

import errno
import hashlib
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netop.common import yamltext
from netop.common.edge import Field
from netop.crd_watcher.fault import ClusterError, Fault
from netop.crd_watcher.kubeconfig_fault import explain_kubeconfig

# The library keeps its temporary files in a dictionary of its module, for all threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Access:
    """What one reading of a kubeconfig came to.

    `identity` changes with its text. `authorization` returns the value of the header,
    empty where a certificate is all, and renews a token that is about to expire.
    `user` is what the kubeconfig calls us.
    `server_name` is the name that the server's certificate is checked against, empty
    for that of the URL.
    """

    host: str
    origin: Path
    identity: str
    user: str
    tls: ssl.SSLContext
    server_name: str
    authorization: Callable[[], str]
    _files: tuple[Path, ...]
    _stamps: tuple[object, ...]

    def outdated(self) -> bool:
        """Return whether the kubeconfig, or a file it refers to, is no longer what it was."""
        return _stamps(self._files) != self._stamps


def load_access(path: Path) -> Access:
    """Return the access that the kubeconfig at `path` gives.

    Raises ClusterError where it cannot be used.
    """
    keys: dict[Path, str] = {}
    try:
        text = path.read_text(encoding="utf-8")
        kubeconfig = Field(yamltext.load(text))
        keys |= _referred(kubeconfig, path.absolute().parent)
        files = (path, *keys)
        # Taken before they are read: what changes meanwhile is read again.
        stamps = _stamps(files)
        configuration, tls = _load(path)
    except (OSError, ValueError, _UnusableError) as error:
        raise ClusterError(Fault.KUBECONFIG, explain_kubeconfig(error, path, keys)) from error
    return Access(
        host=configuration.host,
        origin=path,
        identity=hashlib.sha256(text.encode()).hexdigest(),
        user=_user(kubeconfig),
        tls=tls,
        server_name=configuration.tls_server_name or "",
        authorization=lambda: _authorization(configuration, path, keys),
        _files=files,
        _stamps=stamps,
    )


class _UnusableError(Exception):
    """The library cannot make sense of the file."""


def _load(path: Path) -> tuple[Any, ssl.SSLContext]:
    # Half a second and 50 MB: only nodes with a cluster pay for it.
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    configuration = Configuration()
    with _ONE_AT_A_TIME:
        try:
            kube_config.load_kube_config(
                str(path), client_configuration=configuration, persist_config=False
            )
            return configuration, _tls(configuration)
        except (ConfigException, AttributeError, KeyError, TypeError) as error:
            missing = str(error).partition("File does not exist: ")[2]
            if missing:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing) from error
            # It trusts the shapes in the file; these are what it raises where they differ.
            raise _UnusableError(error) from error
        finally:
            # The private key need not lie in /tmp any longer, nor be missed when /tmp is swept.
            kube_config._cleanup_temp_files()  # noqa: SLF001


def _tls(configuration: Any) -> ssl.SSLContext:
    # Not create_default_context: since Python 3.13 it demands extensions (VERIFY_X509_STRICT)
    # that the private authorities of clusters may lack, and kubectl does not.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif configuration.ssl_ca_cert:
        context.load_verify_locations(configuration.ssl_ca_cert)
    else:
        context.load_default_certs()
    if configuration.cert_file:
        # Without a password given, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(
            configuration.cert_file, configuration.key_file, password=lambda: b""
        )
    return context


def _authorization(configuration: Any, path: Path, keys: Mapping[Path, str]) -> str:
    from kubernetes.config import ConfigException

    try:
        # A token file usually ends with a newline, which no header may hold.
        value: str = (configuration.get_api_key_with_prefix("authorization") or "").strip()
    except OSError as error:
        raise ClusterError(Fault.KUBECONFIG, explain_kubeconfig(error, path, keys)) from error
    except (ConfigException, AttributeError, KeyError, TypeError) as error:
        reason = f"the credential in {path} cannot be renewed: {error}"
        raise ClusterError(Fault.KUBECONFIG, reason) from error
    # http.client would tell the whole of it.
    if not (value.isascii() and value.isprintable()):
        reason = f"the token in {path} has line breaks or other characters that no header may hold"
        raise ClusterError(Fault.KUBECONFIG, f"{reason}; write it in one line")
    return value


def _user(kubeconfig: Field) -> str:
    """Return the name of the present context's user, empty where it has none."""
    current = kubeconfig["current-context"].text()
    for context in kubeconfig["contexts"].items():
        if context["name"].value == current:
            return context["context"]["user"].optional_text() or ""
    return ""


def _referred(kubeconfig: Field, directory: Path) -> dict[Path, str]:
    """Return the files that a kubeconfig refers to, with the key of each; raises FieldError
    where it is none.
    """
    found: dict[Path, str] = {}
    kubeconfig["current-context"].text()
    for context in kubeconfig["contexts"].items():
        context["context"]["cluster"].text()
    for cluster in kubeconfig["clusters"].items():
        cluster["cluster"]["server"].text()
        found |= _files(cluster["cluster"], directory, "certificate-authority")
    for user in kubeconfig["users"].items():
        if not user["user"].absent:
            found |= _files(
                user["user"], directory, "client-certificate", "client-key", "tokenFile"
            )
    return found


def _files(section: Field, directory: Path, *keys: str) -> dict[Path, str]:
    named = {key: section[key].optional_text() for key in keys}
    # As the library has it.
    return {
        Path(os.path.normpath(directory / name)): section[key].path
        for key, name in named.items()
        if name
    }


def _stamps(files: tuple[Path, ...]) -> tuple[object, ...]:
    """Return what changes when one of `files` is written, replaced or removed."""
    found: list[object] = []
    for path in files:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)
