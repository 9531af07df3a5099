# SPDX-License-Identifier: Apache-2.0
"""What the cluster calls the node."""

from __future__ import annotations

import pytest

from netop.crd_watcher.fault import ClusterError
from netop.crd_watcher.report.node_name import node_name


@pytest.mark.parametrize(
    ("configured", "user", "host", "name"),
    [
        ("n9", "netop:node:n1", "h1", "n9"),
        ("", "netop:node:n1", "h1", "n1"),
        ("", "system:node:n2.example.org", "h1", "n2.example.org"),
        ("", "node", "H1.Example.ORG\n", "h1.example.org"),
        ("", "netop:node:", "h1", "h1"),
        ("", "", "h1", "h1"),
    ],
)
def test_is_the_configured_one_or_the_credentials_or_the_hosts(
    configured: str, user: str, host: str, name: str
) -> None:
    assert node_name(configured, user, host) == name


@pytest.mark.parametrize("host", ["under_score", "", "-", "a/b", "n" * 254])
def test_what_is_no_name_is_told_with_the_way_out(host: str) -> None:
    with pytest.raises(ClusterError, match="set nodeName in config.yaml"):
        node_name("", "", host)
