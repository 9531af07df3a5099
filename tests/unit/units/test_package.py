# SPDX-License-Identifier: Apache-2.0
"""What the package says in two places is the same in both."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netop import __version__
from netop.bpf_guardian.filters import PRIORITY
from netop.ctl.__main__ import COMMANDS
from netop.ctl.release import without_sections
from netop.frr_templater.template import HEADER
from netop.netlink_reconciler.link import DOOMED, GROUP
from tests.frr.golden import CASES, Case

SOURCE = Path(__file__).parents[3]
DEBIAN = SOURCE / "packaging" / "debian"


def test_the_changelog_and_the_code_are_of_one_version() -> None:
    first = (DEBIAN / "changelog").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"netop ({__version__}) ")


def test_purge_names_what_the_daemons_really_mark() -> None:
    told = (DEBIAN / "netop.postrm").read_text(encoding="utf-8")
    for group in (GROUP, DOOMED):
        assert f"ip link delete group {group}\n" in told.replace("    #", "\n")
    assert f"pref {PRIORITY}" in told


def test_the_sed_of_purge_does_what_cleanup_does(tmp_path: Path) -> None:
    told = (DEBIAN / "netop.postrm").read_text(encoding="utf-8")
    script = re.search(r"sed -i '(.+)' /etc/frr/frr.conf", told)
    assert script is not None
    conf = tmp_path / "frr.conf"
    text = Case(CASES / "seed").text("expected.conf")
    conf.write_text(text, encoding="utf-8")
    subprocess.run(["sed", "-i", script[1], conf], check=True)
    left = conf.read_text(encoding="utf-8").replace(f"{HEADER}\n", "")
    assert left == without_sections(text)
    assert "vr.blue" not in left


def test_polkit_names_the_service_that_reloads() -> None:
    rule = (DEBIAN / "netop.rules").read_text(encoding="utf-8")
    assert '"netop-frr-templater.service"' in rule
    assert (SOURCE / "units" / "netop-frr-templater.service").is_file()


def test_each_library_is_a_dependency_of_the_package() -> None:
    """dh_python3 takes them from pyproject.toml; the rest stands in debian/control."""
    project = (SOURCE / "pyproject.toml").read_text(encoding="utf-8")
    control = (DEBIAN / "control").read_text(encoding="utf-8")
    modules = set()
    for path in (SOURCE / "services").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        modules |= set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE))
    for module, told in {
        "jinja2": '"jinja2"', "kubernetes": '"kubernetes"',
        "prometheus_client": '"prometheus-client"', "pyroute2": '"pyroute2',
        "rich": '"rich"', "sdbus": '"sdbus"', "systemd": '"systemd-python"',
        "watchdog": '"watchdog', "yaml": '"pyyaml"',
    }.items():  # fmt: skip
        assert module in modules, f"{module} is not used any more"
        assert told in project
    assert "bcc" in modules
    assert " python3-bpfcc," in control


def test_the_manual_and_the_completion_know_every_command() -> None:
    manual = (SOURCE / "packaging" / "man" / "netopctl.1").read_text(encoding="utf-8")
    completion = (SOURCE / "packaging" / "completion" / "netopctl").read_text(encoding="utf-8")
    listed = re.search(r'commands="(.+)"', completion)
    assert listed is not None
    assert tuple(listed[1].split()) == COMMANDS
    for command in COMMANDS:
        assert f"\n.Cm {command}\n" in manual
        assert f"\n.It Cm {command}\n" in manual


@pytest.mark.parametrize("command", COMMANDS)
def test_the_completion_knows_every_option(command: str) -> None:
    completion = (SOURCE / "packaging" / "completion" / "netopctl").read_text(encoding="utf-8")
    help_text = subprocess.run(
        [sys.executable, "-m", "netop.ctl", command, "--help"],
        cwd=SOURCE, env={**os.environ, "PYTHONPATH": "services"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    offered = re.search(rf'^        {command}\) options\+="(.*)" ;;$', completion, re.MULTILINE)
    known = set(offered[1].split()) if offered else set()
    assert known == set(re.findall(r"--[a-z-]+", help_text)) - {"--help"}
