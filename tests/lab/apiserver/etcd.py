# SPDX-License-Identifier: Apache-2.0
"""etcd's own interface, as far as tests need it: its gateway for JSON over HTTP."""

import http.client
import json
from contextlib import closing

from tests.lab.apiserver.client import Json
from tests.lab.process import LabError

#: One NUL byte, the lowest key there is, as JSON carries bytes.
LOWEST_KEY = "AA=="


def revision(port: int) -> int:
    """The number of the last change; raises LabError or OSError where etcd does not answer."""
    return int(call(port, "range", {"key": LOWEST_KEY})["header"]["revision"])


def compact(port: int) -> int:
    """Forget the history up to the present revision, and return that."""
    present = revision(port)
    try:
        call(port, "compaction", {"revision": str(present), "physical": True})
    except LabError as error:
        if "compacted" not in str(error):
            raise
    return present


def call(port: int, method: str, request: Json) -> Json:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", f"/v3/kv/{method}", json.dumps(request))
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
    if response.status != 200:
        raise LabError(f"etcd answers {method} with {response.status}: {answer}")
    found: Json = json.loads(answer)
    return found
