# SPDX-License-Identifier: Apache-2.0
"""Speaks to an API server in plain HTTPS, with nothing but the standard library."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.lab.process import LabError

Json = dict[str, Any]

JSON = "application/json"
YAML = "application/yaml"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
#: Seconds; the server itself gives up after 60.
TIMEOUT = 70.0
GROUP_PATH = "/apis/network.schiff.telekom.de/v1alpha1/vrfrouteconfigurations"
STATE_PATH = "/apis/network.schiff.telekom.de/v1alpha1/vrfnodestates"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class ApiError(LabError):
    """The server's refusal: the HTTP status, the machine's reason and the sentence for people."""

    def __init__(self, code: int, status: Json) -> None:
        self.code = code
        self.reason = str(status.get("reason", ""))
        self.message = str(status.get("message", ""))
        self.details: Json = status.get("details") or {}
        super().__init__(f"{code} {self.reason}: {self.message}")


@dataclass(frozen=True)
class Client:
    """One user's way to one server."""

    host: str
    port: int
    tls: ssl.SSLContext

    def request(
        self, method: str, path: str, body: object = None, *,
        query: Mapping[str, str] | None = None, content: str = JSON, accept: str = JSON,
        timeout: float = TIMEOUT,
    ) -> Json:  # fmt: skip
        """Return the object that the server answers with; text as a body is sent as it is.

        Raises ApiError for a refusal and OSError where the server cannot be reached.
        """
        with closing(self._connect(timeout)) as connection:
            response = self._send(connection, method, path, body, query or {}, content, accept)
            answer = response.read()
        found = decode(answer)
        if response.status >= 400:
            raise ApiError(response.status, found)
        return found

    def watch(
        self, path: str, query: Mapping[str, str], timeout: float = TIMEOUT
    ) -> Iterator[Json]:
        """Yield events {type, object} until the server ends the watch.

        Raises ApiError where it refuses the watch as a whole; an expired resource version
        may also come as an event of type ERROR.
        """
        with closing(self._connect(timeout)) as connection:
            wanted = {"watch": "true", **query}
            response = self._send(connection, "GET", path, None, wanted, JSON, JSON)
            if response.status >= 400:
                raise ApiError(response.status, decode(response.read()))
            while line := response.readline():
                yield json.loads(line)

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout, context=self.tls
        )  # fmt: skip

    @staticmethod
    def _send(
        connection: http.client.HTTPSConnection, method: str, path: str, body: object,
        query: Mapping[str, str], content: str, accept: str,
    ) -> http.client.HTTPResponse:  # fmt: skip
        text = body if isinstance(body, str | None) else json.dumps(body)
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Accept": accept, "Content-Type": content}
        encoded = None if text is None else text.encode()
        connection.request(method, target, body=encoded, headers=headers)
        return connection.getresponse()


@dataclass(frozen=True)
class Collection:
    """The objects of one cluster-scoped kind, such as VRFRouteConfiguration."""

    client: Client
    path: str = GROUP_PATH

    def create(self, manifest: Mapping[str, Any]) -> Json:
        return self.client.request("POST", self.path, dict(manifest))

    def get(self, name: str) -> Json:
        return self.client.request("GET", f"{self.path}/{name}")

    def listing(self, **query: str) -> Json:
        """The list with its metadata; see `names` for a short answer."""
        return self.client.request("GET", self.path, query=query)

    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.listing()["items"]]

    def replace(self, manifest: Mapping[str, Any]) -> Json:
        """Put a manifest in the place of the object of its name."""
        name = manifest["metadata"]["name"]
        version = self.get(name)["metadata"]["resourceVersion"]
        metadata = {**manifest["metadata"], "resourceVersion": version}
        return self.client.request("PUT", f"{self.path}/{name}", {**manifest, "metadata": metadata})

    def patch(self, name: str, change: Mapping[str, Any], subresource: str = "") -> Json:
        """Merge a change into an object (RFC 7386), or into a subresource such as `/status`."""
        target = f"{self.path}/{name}{subresource}"
        return self.client.request("PATCH", target, dict(change), content=MERGE)

    def apply(self, text: str) -> Json:
        """Create or update one object from YAML text, by server-side apply.

        The server reads the YAML: nothing here has to.
        """
        name = self._name_in(text)
        query = {"fieldManager": "lab", "force": "true"}
        return self.client.request(
            "PATCH", f"{self.path}/{name}", text, query=query, content=APPLY
        )  # fmt: skip

    def delete(self, name: str) -> None:
        self.client.request("DELETE", f"{self.path}/{name}")

    def delete_all(self) -> None:
        self.client.request("DELETE", self.path)

    def watch(self, resource_version: str, seconds: int = 30, **query: str) -> Iterator[Json]:
        """Yield events after `resource_version`, bookmarks included, for some seconds."""
        wanted = {
            "resourceVersion": resource_version, "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true", **query,
        }  # fmt: skip
        return self.client.watch(self.path, wanted, timeout=seconds + 15)

    def _name_in(self, text: str) -> str:
        try:
            tried = self.client.request(
                "POST", self.path, text, query={"dryRun": "All"}, content=YAML
            )  # fmt: skip
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return str(error.details["name"])
        return str(tried["metadata"]["name"])


def documents(text: str) -> Iterator[str]:
    """Yield the documents of a YAML file, but for empty ones."""
    for part in f"\n{text}".split("\n---"):
        if any(line and not line.startswith("#") for line in part.splitlines()):
            yield part


def decode(answer: bytes) -> Json:
    """A JSON object; anything else becomes the message of a Status."""
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": answer.decode(errors="replace")}
