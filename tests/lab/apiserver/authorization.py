# SPDX-License-Identifier: Apache-2.0
"""Decides who may do what, for an API server that has no RBAC of its own.

The server for custom resources asks a kube-apiserver with a SubjectAccessReview for each
request of a user. This stands in for it: the questions are the server's own, the rules
those of a ClusterRole, and the matching is that of Kubernetes' RBAC as far as these roles
use it. It shows that a role permits what a daemon does; it is no proof about RBAC itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.lab.apiserver.client import Json
from tests.lab.apiserver.kubeconfig import write_kubeconfig
from tests.lab.apiserver.registration import Registration, answer


@dataclass(frozen=True)
class Rule:
    """One rule of a role; "*" stands for everything.

    `names` are the only objects it is about, where there are any; `namespace` is that of a
    Role, empty for a ClusterRole, which is good for all.
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    namespace: str = ""

    @classmethod
    def of_role(cls, role: Mapping[str, Any]) -> "tuple[Rule, ...]":
        """The rules of a role as it stands in a manifest."""
        namespace = role["metadata"].get("namespace", "")
        return tuple(
            cls(
                tuple(one["apiGroups"]), tuple(one["resources"]), tuple(one["verbs"]),
                tuple(one.get("resourceNames", ())), namespace,
            )
            for one in role["rules"]
        )  # fmt: skip

    def permits(self, attributes: Json) -> bool:
        """Whether it covers the `resourceAttributes` of a SubjectAccessReview."""
        resource = attributes.get("resource", "")
        if subresource := attributes.get("subresource"):
            resource = f"{resource}/{subresource}"
        return (
            matches(self.groups, attributes.get("group", ""))
            and matches(self.resources, resource)
            and matches(self.verbs, attributes.get("verb", ""))
            # What is created has no name yet, so that no rule with names permits it.
            and (not self.names or attributes.get("name", "") in self.names)
            and self.namespace in {"", attributes.get("namespace", "")}
        )


def grants_of(manifests: Sequence[Mapping[str, Any]]) -> dict[str, list[Rule]]:
    """The rules that manifests grant, by user or group: bindings with the roles they name."""
    roles = {
        (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")): one
        for one in manifests
        if one["kind"] in {"Role", "ClusterRole"}
    }
    granted: dict[str, list[Rule]] = {}
    for one in manifests:
        if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            reference, namespace = one["roleRef"], one["metadata"].get("namespace")
            role = roles[reference["kind"], reference["name"], namespace]
            for subject in one["subjects"]:
                granted.setdefault(subject["name"], []).extend(Rule.of_role(role))
    return granted


@dataclass(frozen=True)
class Question:
    """What the API server asked, and what it was told."""

    user: str
    verb: str
    resource: str
    allowed: bool


@dataclass
class Authorizer:
    """Grants rules to users and groups by name; answers from `with` on.

    A certificate's common name is the user, its organisations are the groups.
    `registration` is what the server asks the same place about admission.
    """

    grants: Mapping[str, Sequence[Rule]]
    registration: Registration = field(default_factory=Registration)
    questions: list[Question] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "Authorizer":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        Thread(target=self._server.serve_forever, name="authorizer", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._server is not None:
            self.registration.closed.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def kubeconfig(self, directory: Path) -> Path:
        """The API server's way here."""
        if self._server is None:
            raise RuntimeError("the authorizer does not run: enter it first")
        port = self._server.server_address[1]
        return write_kubeconfig(directory / "authorizer.kubeconfig", f"http://127.0.0.1:{port}")

    def decide(self, review: Json) -> bool:
        """Whether the user of a SubjectAccessReview may do what it asks for."""
        spec = review["spec"]
        user = spec.get("user", "")
        rules = [
            rule for one in (user, *spec.get("groups", ())) for rule in self.grants.get(one, ())
        ]
        attributes = spec.get("resourceAttributes")
        if attributes is None:
            path = spec.get("nonResourceAttributes", {})
            self.questions.append(Question(user, path.get("verb", ""), path.get("path", ""), False))
            return False
        allowed = any(rule.permits(attributes) for rule in rules)
        resource = "/".join(filter(None, map(attributes.get, ("resource", "subresource"))))
        self.questions.append(Question(user, attributes.get("verb", ""), resource, allowed))
        return allowed


def matches(wanted: Sequence[str], found: str) -> bool:
    return "*" in wanted or found in wanted


def handler_for(authorizer: Authorizer) -> type[BaseHTTPRequestHandler]:
    """The request handler class that asks this authorizer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  the name that http.server looks for
            authorizer.registration.serve(self)

        def do_POST(self) -> None:  # noqa: N802  the name that http.server looks for
            length = int(self.headers.get("Content-Length", "0"))
            review = json.loads(self.rfile.read(length))
            review["status"] = {"allowed": authorizer.decide(review)}
            answer(self, 201, review)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as inherited
            """Keep quiet: `questions` is the record."""

    return Handler
