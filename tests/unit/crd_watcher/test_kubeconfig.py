# SPDX-License-Identifier: Apache-2.0
"""A kubeconfig that is wrong is told by its keys: a value may be a secret in a wrong place."""

from __future__ import annotations

from pathlib import Path

import pytest

from netop.crd_watcher.fault import ClusterError, Fault
from netop.crd_watcher.kubeconfig import load_access

from .fake_api import KUBECONFIG

SECRET = "geheim-0123456789"
PEM = f"|-\n  -----BEGIN KEY-----\n  {SECRET}\n  -----END KEY-----"


def refused(kubeconfig: Path) -> str:
    with pytest.raises(ClusterError) as caught:
        load_access(kubeconfig).authorization()
    assert caught.value.fault is Fault.KUBECONFIG
    return str(caught.value)


def written(directory: Path, user: str) -> Path:
    """A kubeconfig with that in the place of its user."""
    kubeconfig = directory / "kubeconfig"
    text = KUBECONFIG.format(server="https://127.0.0.1:1", token="t")
    (certificate := directory / "certificate.pem").touch()
    user = user.replace("CERTIFICATE", str(certificate))
    kubeconfig.write_text(text.replace('{token: "t"}', user))
    return kubeconfig


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (
            f"{{client-certificate: CERTIFICATE, client-key: {SECRET}}}",
            "users[0].user.client-key names a file that cannot be read: No such file or directory;"
            " the key itself belongs into client-key-data",
        ),
        (
            f"{{client-certificate: {SECRET}, client-key: CERTIFICATE}}",
            "the certificate itself belongs into client-certificate-data",
        ),
        (
            f"{{client-certificate: CERTIFICATE, client-key: 'a/../{SECRET}'}}",
            "users[0].user.client-key names a file that cannot be read",
        ),
        pytest.param(
            f"{{client-certificate: CERTIFICATE, client-key: '{SECRET * 20}'}}",
            "users[0].user.client-key names a file that cannot be read",
            id="long key",
        ),
        (
            f"{{tokenFile: {SECRET}}}",
            "users[0].user.tokenFile names a file that cannot be read: No such file or directory;"
            " the token itself belongs into token",
        ),
        pytest.param(
            f"{{tokenFile: '{SECRET * 20}'}}", "cannot be read: File name too long", id="long token"
        ),
        (f"{{tokenFile: [{SECRET}]}}", "users[0].user.tokenFile: what stands there is not text"),
        (SECRET, "users[0].user: what stands there is not an object"),
        (f"[{SECRET}]", "users[0].user: what stands there is not an object"),
        (f"{{token: *{SECRET}}}", "is not YAML at line 7, column"),
        (f"{{token: !{SECRET}}}", "is not YAML at line 7, column"),
        (f"{{token: @{SECRET}}}", "is not YAML at line 7, column"),
        (f"{{token: !!int {SECRET}}}", "is not YAML"),
        (f'{{token: "{SECRET}\\n{SECRET}"}}', "line breaks or other characters that no header"),
        (f"{{token: '{SECRET}€'}}", "line breaks or other characters that no header may hold"),
    ],
)
def test_a_secret_in_a_wrong_place_is_not_told(tmp_path: Path, user: str, words: str) -> None:
    told = refused(written(tmp_path, user))
    assert "geheim" not in told
    assert words in told
    assert str(tmp_path / "kubeconfig") in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SECRET, "what stands there is not an object"),
        (f"[{SECRET}]", "what stands there is not an object"),
        (f"{{current-context: x, users: {SECRET}}}", "users: what stands there is not a list"),
        (f"{SECRET}: a\n{SECRET}: b", "is not YAML at line 2, column 1"),
        (f"\x00{SECRET}", "is not YAML"),
    ],
)
def test_a_secret_in_the_place_of_the_file_is_not_told(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    told = refused(tmp_path / "kubeconfig")
    assert "geheim" not in told
    assert words in told


def test_a_key_with_its_lines_in_the_place_of_its_path_is_not_told(tmp_path: Path) -> None:
    kubeconfig = written(tmp_path, "{}")
    user = f"users:\n- name: u\n  user:\n    client-certificate: {tmp_path}/certificate.pem\n"
    lines = kubeconfig.read_text().replace("users: [{name: u, user: {}}]", user)
    kubeconfig.write_text(lines + f"    client-key: {PEM}\n".replace("\n  ", "\n      "))
    told = refused(kubeconfig)
    assert "geheim" not in told
    assert "users[0].user.client-key names a file that cannot be read" in told


def test_a_token_file_that_may_not_be_read_names_who_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(SECRET)
    kubeconfig = written(tmp_path, "{tokenFile: token}")
    read = open

    def refusing(file: str, *rest: object) -> object:
        if Path(file).name == "token":
            raise PermissionError(13, "Permission denied", file)
        return read(file, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr("kubernetes.config.kube_config.open", refusing, raising=False)
    told = refused(kubeconfig)
    assert "users[0].user.tokenFile names a file that cannot be read: Permission denied" in told
    assert "must be able to read it" in told
