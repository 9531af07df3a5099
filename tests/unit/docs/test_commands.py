# SPDX-License-Identifier: Apache-2.0
"""Commands in the documentation are ones that exist, with the options that they have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

import pytest

from netop.bpf_guardian.decisions import Decision
from netop.ctl.__main__ import parser
from tests.unit.docs.pages import SOURCE, Page, pages

UNITS = SOURCE / "units"
DEBIAN = SOURCE / "packaging" / "debian"
#: What provisioning or netop itself makes on a node, or FRR's package brings.
OF_THE_NODE = (
    "/etc/frr/frr.conf", "/etc/frr/frr.conf.tpl", "/etc/frr/daemons",
    "/etc/netop/kubeconfig", "/etc/netop/manifests", "/opt/network-operator/config.yaml",
    "/run/netop/crd-watcher/desired.json", "/run/netop/netlink-reconciler/links.json",
    "/run/netop/frr-templater/served.json", "/run/netop/bpf-guardian/attached.json",
    "/run/netop/*/*.json", "/run/netop/*/metrics.json", "/run/netop/bpf-guardian/counters.sock",
    "/var/lib/netop/crd-watcher", "/var/lib/netop/frr-templater",
    "/var/lib/netop/frr-templater/frr.conf.edited",
)  # fmt: skip

EACH = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


def netopctl_lines(page: Page) -> Iterator[str]:
    for text in page.code():
        line = re.sub(r"\s#.*", "", text)
        for part in re.split(r"[;|>]|&&|\|\||\$\(", line):
            command = part.strip().strip("'\"").strip()
            if command.startswith("netopctl "):
                yield command


@EACH
def test_netopctl_takes_what_the_page_gives_it(page: Page) -> None:
    known = parser()
    for line in netopctl_lines(page):
        words = shlex.split(line)[1:]
        if words == ["--version"] or "--help" in words:
            continue
        # `netopctl explain` as the name of a command is no command line.
        if len(words) == 1 and words[0] in {"explain", "validate"}:
            continue
        try:
            known.parse_args(words)
        except SystemExit:
            pytest.fail(f"{page.name}: netopctl does not take `{line}`")


@EACH
def test_units_are_shipped(page: Page) -> None:
    named = set(
        re.findall(r"(?<![\w/-])netop[a-z-]*\.(?:service|path|socket|target|timer)\b", page.text)
    )
    services = set(
        re.findall(r"systemctl [a-z-]+(?: --now)? (netop-[a-z-]+)(?![\w.*-])", page.text)
    )
    for unit in named | {f"{name}.service" for name in services}:
        assert (UNITS / unit).is_file(), f"{page.name} names {unit}"


@EACH
def test_paths_are_shipped_or_the_nodes_own(page: Page) -> None:
    for path in re.findall(r"(?<![\w.>}])/(?:etc|opt|run|usr|var)/[\w./*-]*[\w*]", page.text):
        if "netop" not in path and "network-operator" not in path and "frr" not in path:
            continue
        if not is_known(path):
            pytest.fail(f"{page.name} names {path}, which neither package nor node has")


def is_known(path: str) -> bool:
    if any(whole == path or whole.startswith(f"{path}/") for whole in OF_THE_NODE):
        return True
    if path.startswith(("/etc/netop/manifests/", "/usr/lib/frr/", "/run/frr", "/var/log/frr")):
        return True
    # Drop-ins, and what a site calls its own.
    if path.startswith(("/etc/systemd/system/netop", "/etc/site/", "/etc/kubernetes/")):
        return True
    return path in shipped()


@cache
def shipped() -> frozenset[str]:
    """The files and directories that the package installs, as debian/*.install says."""
    found = {"/usr/share/polkit-1/rules.d/netop.rules", "/usr/share/doc/netop/docs"}
    for line in (DEBIAN / "netop.install").read_text(encoding="utf-8").splitlines():
        source, target = line.split()
        for path in SOURCE.glob(re.sub("^debian/", "packaging/debian/", source)):
            found.add(f"/{target}/{path.name}")
            found |= {f"/{target}/{path.name}/{each.relative_to(path)}" for each in path.rglob("*")}
    return frozenset(found)


@EACH
def test_counters_are_those_of_the_program(page: Page) -> None:
    known = {decision.name.lower() for decision in Decision}
    for name in re.findall(r"`((?:passed|dropped)_[a-z_]+)`", page.text):
        assert name in known, f"{page.name} names {name}"


@EACH
def test_targets_of_make_exist(page: Page) -> None:
    makefile = (SOURCE / "Makefile").read_text(encoding="utf-8")
    for code in page.code():
        for target in re.findall(r"\bmake ([a-z-]+)", code):
            assert f"\n{target}:" in makefile, f"{page.name} names make {target}"
