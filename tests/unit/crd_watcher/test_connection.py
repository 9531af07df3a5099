# SPDX-License-Identifier: Apache-2.0
"""A connection that is used again, and a server that was just about to close it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import pytest

from netop.crd_watcher.connection import Connection, Request
from netop.crd_watcher.fault import ClusterError, Fault
from netop.crd_watcher.kubeconfig import load_access

from .fake_api import KUBECONFIG

PATIENCE = 20.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def method_of(stream: BufferedReader) -> str:
    """Read one request to its end; an empty text where there is none."""
    method = stream.readline().decode().partition(" ")[0]
    length = 0
    while (line := stream.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    stream.read(length)
    return method


@contextmanager
def hanging_up(directory: Path, connections: int) -> Iterator[tuple[Connection, list[str]]]:
    """A server that answers the first request of each connection, and hangs up on the second."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            # A test that fails must end as well.
            listener.settimeout(PATIENCE)
            for _ in range(connections):
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE)
                with connection, connection.makefile("rb") as stream:
                    asked.append(method_of(stream))
                    connection.sendall(ANSWER)
                    asked.append(method_of(stream))

        thread = threading.Thread(target=serve)
        thread.start()
        kubeconfig = directory / "kubeconfig"
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        kubeconfig.write_text(KUBECONFIG.format(server=url, token="secret"))
        connection = Connection(load_access(kubeconfig), 10)
        try:
            yield connection, asked
        finally:
            connection.close()
            thread.join()


def test_a_connection_that_was_left_and_is_gone_is_no_fault(tmp_path: Path) -> None:
    with hanging_up(tmp_path, connections=2) as (connection, asked):
        for _ in range(2):
            assert connection.ask(Request("GET", "/it", "get on its"), 60) is not None
        connection.close()
    assert asked[:3] == ["GET", "GET", "GET"]


def test_what_writes_is_not_sent_twice(tmp_path: Path) -> None:
    with hanging_up(tmp_path, connections=1) as (connection, asked):
        request = Request("POST", "/it", "create on its", body={})
        connection.ask(request, 60)
        with pytest.raises(ClusterError) as cut:
            connection.ask(request, 60)
    assert cut.value.fault is Fault.UNREACHABLE
    assert asked == ["POST", "POST"]
