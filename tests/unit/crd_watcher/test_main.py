# SPDX-License-Identifier: Apache-2.0
"""The whole daemon as a process: files and an API server in, desired.json out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netop.common.documents import Desired
from netop.common.store import DocumentError, Store
from netop.crd_watcher.__main__ import _kubeconfigs, _parser

from .fake_api import FakeApi, serving, wait_for
from .objects import body, text

SERVICES = Path(__file__).parents[3] / "services"


@contextmanager
def daemon(root: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "netop.crd_watcher"]
    for option, name in (
        ("--config", "config.yaml"),
        ("--kubeconfig", "kubeconfig"),
        ("--manifests", "manifests"),
        ("--state", "state"),
        ("--run", "run"),
    ):
        command += [option, str(root / name)]
    environment = {**os.environ, "PYTHONPATH": str(SERVICES)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def prepare(root: Path) -> Path:
    for name in ("manifests", "run/crd-watcher", "state"):
        (root / name).mkdir(parents=True)
    (root / "config.yaml").write_text("{vnimap: {red: 100, blue: 200}, debounce: 0.1}")
    return root


def vrfs(root: Path) -> list[str]:
    try:
        document = Store(root / "run").read(Desired)
    except DocumentError as error:
        raise AssertionError("a document is never seen half") from error
    return [vrf.name for vrf in document.vrfs] if document else []


def test_a_file_a_cluster_and_back(tmp_path: Path) -> None:
    root = prepare(tmp_path)
    (root / "manifests/a.yaml").write_text(text(body("red")))
    api = FakeApi()
    (root / "api").mkdir()
    with daemon(root) as process, serving(api, root / "api") as kubeconfig:
        wait_for(lambda: vrfs(root) == ["red"])
        (root / "manifests/b.yaml").write_text(text(body("blue", "blue")))
        wait_for(lambda: vrfs(root) == ["blue", "red"])
        api.put(body("blue", "blue"))
        kubeconfig.rename(root / "kubeconfig")
        wait_for(lambda: vrfs(root) == ["blue"])
        api.put(body("red"))
        wait_for(lambda: vrfs(root) == ["blue", "red"])
        api.remove("blue")
        wait_for(lambda: vrfs(root) == ["red"])
        (root / "kubeconfig").unlink()
        wait_for(lambda: vrfs(root) == ["blue", "red"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr is not None
        told = process.stderr.read()
    assert "generation 1 from manifests: added red (+red)  NETOP_VRF=red" in told
    assert "from kubernetes" in told
    assert "Traceback" not in told


def test_a_process_that_is_killed_again_and_again_leaves_nothing_half(tmp_path: Path) -> None:
    root = prepare(tmp_path)
    for number in range(4):
        (root / "manifests/a.yaml").write_text(text(body("red", seq=number + 1)))
        with daemon(root):
            wait_for(lambda seq=number + 1: _seq(root) == seq)
    document = Store(root / "run").read(Desired)
    assert document is not None
    assert document.generation == 4
    left = sorted(path.name for path in (root / "run/crd-watcher").iterdir())
    assert left == ["desired.json", "metrics.json"]


def _seq(root: Path) -> int:
    document = Store(root / "run").read(Desired)
    return document.vrfs[0].policies[0].seq if document else 0


def test_the_state_directory_is_systemds_and_a_credential_may_be_handed_over() -> None:
    options = _parser({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}).parse_args([])
    assert options.state == Path("/var/lib/a")
    assert _parser({}).parse_args([]).state == Path("/var/lib/netop/crd-watcher")
    usual = Path("/etc/netop/kubeconfig")
    assert _kubeconfigs(usual, {}) == (usual,)
    assert _kubeconfigs(usual, {"CREDENTIALS_DIRECTORY": "/run/c"}) == (
        usual,
        Path("/run/c/kubeconfig"),
    )
