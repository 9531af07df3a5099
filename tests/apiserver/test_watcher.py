# SPDX-License-Identifier: Apache-2.0
"""crd-watcher and a real API server that stops, restarts, hangs, forgets, refuses."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from netop.common.documents import Source
from tests.apiserver.conftest import NODE, STRANGER, manifest
from tests.apiserver.expired import expired
from tests.apiserver.watcher import Watcher
from tests.lab.apiserver import ApiError, ApiServer, Authorizer, Collection, User
from tests.lab.apiserver.certificates import Certificate
from tests.lab.apiserver.client import CRD_PATH
from tests.lab.apiserver.kubeconfig import write_kubeconfig
from tests.lab.apiserver.server import CRD_NAME

LOOPBACK = "127.0.0.1"


@pytest.fixture
def watcher(apiserver: ApiServer, routes: Collection, tmp_path: Path) -> Iterator[Watcher]:
    """A node with the credential of a node, and the resource `red` served."""
    routes.create(manifest())
    with Watcher(tmp_path, apiserver.kubeconfig(LOOPBACK, NODE)) as running:
        running.has("red")
        yield running


def route(name: str, seq: int, **spec: Any) -> dict[str, Any]:
    entry = {"cidr": "10.0.0.0/8", "action": "permit", "le": 24}
    return manifest(name, seq=seq, **{"import": [entry], **spec})


def requests(apiserver: ApiServer) -> tuple[int, int]:
    """Lists answered and watches open, as the API server itself counts them."""
    text = str(apiserver.client().request("GET", "/metrics")["message"])
    ours = 'resource="vrfrouteconfigurations"'

    def total(metric: str, verb: str) -> int:
        lines = re.findall(rf"^{metric}{{(.*)}} (\d+)$", text, re.MULTILINE)
        return sum(int(n) for labels, n in lines if ours in labels and f'verb="{verb}"' in labels)

    return total("apiserver_request_total", "LIST"), total(
        "apiserver_longrunning_requests", "WATCH"
    )


def test_follows_each_change_with_one_list_and_one_watch(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    lists, watches = requests(apiserver)
    assert watches == 1
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    routes.patch("red-b", {"spec": {"vrf": "blue"}})
    watcher.wait(lambda: watcher.status.startswith("2 VRFs from 2 resources"), "blue is there")
    routes.delete("red")
    watcher.has("red-b")
    routes.delete_all()
    watcher.wait(lambda: watcher.status.startswith("0 VRFs from 0 resources"), "all is gone")
    # Longer than a watch: what follows the first needs no list either.
    watcher.wait(lambda: not watcher._wanted.wait(6), "nothing wakes it")
    routes.create(route("red-c", 12))
    watcher.has("red-c")
    assert requests(apiserver) == (lists, 1)
    assert not [line for line in watcher.told if line.startswith("WARNING")]
    assert watcher.generations == sorted(set(watcher.generations))


def test_what_the_api_server_adds_by_itself_is_no_change(
    routes: Collection, watcher: Watcher
) -> None:
    before = watcher.generation()
    routes.patch("red", {"metadata": {"labels": {"a": "b"}}})
    routes.patch("red", {"status": {"observedGeneration": 1}}, "/status")
    routes.create(route("red-z", 99))
    watcher.has("red", "red-z")
    assert watcher.generation() == before + 1


def test_a_server_that_stops_is_missed_and_found_again(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    apiserver.stop()
    watcher.says("no watch of the API server since")
    watcher.says("connection refused")
    assert watcher.names() == ["red"]
    apiserver.start()
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    watcher.is_well()


def test_a_version_that_the_server_has_forgotten_leads_to_a_new_list(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    apiserver.stop()
    watcher.says("connection refused")
    apiserver.start()
    watcher.is_well()
    routes.delete("red")
    routes.create(route("red-b", 11))
    apiserver.expire()
    watcher.has("red-b")
    watcher.is_well()


def test_what_was_deleted_while_nobody_looked_is_gone(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    watcher.__exit__(None, None, None)
    routes.delete("red")
    apiserver.expire()
    watcher.boot()
    with watcher:
        watcher.has("red-b")
    assert watcher.generations == sorted(set(watcher.generations))


def test_a_server_that_hangs_is_noticed_and_what_it_missed_arrives(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    apiserver.pause()
    try:
        watcher.says("no answer in time", seconds=15)
        assert watcher.names() == ["red"]
    finally:
        apiserver.resume()
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    watcher.is_well()


def test_a_boot_without_the_server_serves_the_last_good_set(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    watcher.__exit__(None, None, None)
    before = watcher.generation()
    apiserver.stop()
    watcher.boot()
    try:
        with watcher:
            watcher.has("red")
            document = watcher.desired()
            assert document is not None
            assert document.source is Source.LAST_GOOD
            assert document.generation > before
            assert "from the last good set" in watcher.status
            assert "connection refused" in watcher.status
            apiserver.start()
            routes.create(route("red-b", 11))
            watcher.has("red", "red-b")
            watcher.is_well()
            document = watcher.desired()
            assert document is not None
            assert document.source is Source.KUBERNETES
    finally:
        apiserver.start()


def test_a_crd_that_is_deleted_withdraws_nothing_and_is_found_again(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    # The API server deletes every resource before the CRD: that takes about a second, and
    # the gap has to be longer, as it is in production.
    (watcher.root / "config.yaml").write_text("{vnimap: {red: 100}, debounce: 8}")
    watcher._changes.touch()
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    apiserver.client().request("DELETE", f"{CRD_PATH}/{CRD_NAME}")
    try:
        watcher.says("install its CustomResourceDefinition")
        watcher.says("from the last good set", seconds=20)
        assert watcher.names() == ["red", "red-b"]
    finally:
        apiserver.apply_crd()
    routes.create(route("red-c", 12))
    watcher.has("red-c")
    watcher.is_well()


def test_an_object_that_an_older_schema_let_in_is_rejected_alone(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    lax = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    strict = apiserver.client().request("GET", f"{CRD_PATH}/{CRD_NAME}")["spec"]["versions"]
    loose = [{**strict[0], "schema": {"openAPIV3Schema": lax}}]
    crds = Collection(apiserver.client(), CRD_PATH)
    try:
        crds.patch(CRD_NAME, {"spec": {"versions": loose}})
        bad = manifest("bad", seq="eleven")
        watcher.wait(lambda: taken(routes, bad), "the lax schema counts")
        watcher.says("rejected 1: VRFRouteConfiguration bad: spec.seq: 'eleven' is not a whole")
        routes.replace(route("red", 10, vrf=["red"]))
        watcher.says("rejected 2")
    finally:
        crds.patch(CRD_NAME, {"spec": {"versions": strict}})
    assert watcher.names() == ["red"], "its last accepted version stays in force"
    routes.delete("bad")
    routes.delete("red")
    routes.create(route("red-b", 11))
    watcher.has("red-b")
    watcher.wait(lambda: "rejected" not in watcher.status, "nothing is rejected any more")


def taken(routes: Collection, body: dict[str, Any]) -> bool:
    """Whether the API server takes an object; it needs a moment to see a new schema."""
    try:
        routes.create(body)
    except ApiError:
        return False
    return True


def test_a_credential_without_the_right_is_told_and_loses_nothing(
    apiserver: ApiServer, routes: Collection, watcher: Watcher
) -> None:
    watcher.use(apiserver.kubeconfig(LOOPBACK, STRANGER))
    watcher.says(
        'forbids it: vrfrouteconfigurations.network.schiff.telekom.de is forbidden: User "'
    )
    watcher.says("needs list and watch on vrfrouteconfigurations.network.schiff.telekom.de")
    assert watcher.names() == ["red"]
    routes.create(route("red-b", 11))
    watcher.use(apiserver.kubeconfig(LOOPBACK, NODE))
    watcher.has("red", "red-b")
    watcher.is_well()


def test_a_right_that_is_revoked_while_it_runs_is_told_and_loses_nothing(
    apiserver: ApiServer, routes: Collection, watcher: Watcher, authorizer: Authorizer
) -> None:
    if apiserver.complete:
        pytest.fail("this test revokes a right at the lab's own authorizer")
    granted = authorizer.grants
    authorizer.grants = {}
    try:
        # The API server remembers a permission for a while; a restart makes it ask again.
        apiserver.stop()
        apiserver.start()
        watcher.says("forbids it")
        assert watcher.names() == ["red"]
    finally:
        authorizer.grants = granted
    apiserver.stop()
    apiserver.start()
    routes.create(route("red-b", 11))
    watcher.has("red", "red-b")
    watcher.is_well()


def test_a_certificate_of_another_authority_is_told_and_loses_nothing(
    apiserver: ApiServer, watcher: Watcher, tmp_path: Path
) -> None:
    good = apiserver.kubeconfig(LOOPBACK, NODE).read_text()
    wrong = tmp_path / "wrong"
    # A certificate that is none of an authority: the server's is not signed by it.
    key = '"certificate-authority-data": "'
    begin = good.index(key) + len(key)
    user = '"client-certificate-data": "'
    other = good[good.index(user) + len(user) :].partition('"')[0]
    wrong.write_text(good[:begin] + other + good[good.index('"', begin) :])
    watcher.use(wrong)
    watcher.says("the certificate of https://127.0.0.1")
    watcher.says("is not accepted")
    assert watcher.names() == ["red"]
    watcher.use(apiserver.kubeconfig(LOOPBACK, NODE))
    watcher.is_well()


def authority_of(apiserver: ApiServer) -> Certificate:
    return Certificate(apiserver.directory / "ca.crt", apiserver.directory / "ca.key")


def test_a_client_certificate_that_has_expired_is_told_and_loses_nothing(
    apiserver: ApiServer, routes: Collection, watcher: Watcher, tmp_path: Path
) -> None:
    credential = expired(tmp_path / "expired", NODE, authority_of(apiserver))
    url = f"https://{LOOPBACK}:{apiserver.port}"
    watcher.use(
        write_kubeconfig(
            tmp_path / "expired-kubeconfig", url, apiserver.authority.certificate, credential
        )
    )
    watcher.says(f"{url} does not accept the credential in {watcher.kubeconfig}")
    watcher.says("renew it")
    assert watcher.names() == ["red"]
    routes.create(route("red-b", 11))
    watcher.use(apiserver.kubeconfig(LOOPBACK, NODE))
    watcher.has("red", "red-b")
    watcher.is_well()


def test_a_server_certificate_that_has_expired_is_told_and_loses_nothing(
    apiserver: ApiServer, watcher: Watcher, tmp_path: Path
) -> None:
    made = expired(tmp_path / "expired", User("apiserver"), authority_of(apiserver))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.certificate, made.key)
    with closing(socket.create_server((LOOPBACK, 0))) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with suppress(OSError), tls.wrap_socket(connection, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        url = f"https://{LOOPBACK}:{listening.getsockname()[1]}"
        kubeconfig = write_kubeconfig(
            tmp_path / "elsewhere", url, apiserver.authority.certificate, None
        )
        watcher.use(kubeconfig)
        watcher.says(f"the certificate of {url} is not accepted: certificate has expired; renew it")
        assert watcher.names() == ["red"]
        watcher.use(apiserver.kubeconfig(LOOPBACK, NODE))
        watcher.is_well()


def test_a_burst_of_changes_is_one_publication_a_gap(routes: Collection, watcher: Watcher) -> None:
    (watcher.root / "config.yaml").write_text("{vnimap: {red: 100}, debounce: 2}")
    watcher._changes.touch()
    watcher.wait(lambda: watcher._reconciler._gap == 2, "the gap is two seconds")
    before = watcher.generation()
    for number in range(50):
        routes.create(route(f"burst-{number:02}", 100 + number))
    names = ["red", *(f"burst-{number:02}" for number in range(50))]
    watcher.has(*names)
    assert watcher.generation() - before <= 3
