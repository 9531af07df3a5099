# SPDX-License-Identifier: Apache-2.0
"""Each golden frr.conf is shown to a real FRR: read, started from, reloaded into."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from netop.frr_templater.apply import PASSES
from netop.frr_templater.differences import Verdict, judge, parse_differences
from netop.frr_templater.lint import lint
from netop.frr_templater.plan import expected
from netop.frr_templater.render import render
from tests.container.inside.frr_node import (
    FRR_CONF,
    UNIT,
    bindings,
    code,
    install,
    restart_frr,
    run,
    vtysh,
    wait_until,
    write_frr_conf,
)
from tests.frr.golden import Case, cases

CASES = cases()
NOTHING_LEFT = Verdict((), ())


@pytest.fixture(scope="module", autouse=True)
def frr() -> None:
    """Have FRR as the package has it, and nobody else who writes its file."""
    install()
    run("systemctl", "stop", UNIT, check=False)
    # As on a node that forwards. Without it FRR shows `no ip forwarding`.
    run("sysctl", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


def differences() -> Verdict:
    output = run("/usr/lib/frr/frr-reload.py", "--test", str(FRR_CONF))
    return judge(parse_differences(output), [vrf.name for one in CASES for vrf in one.vrfs()])


def assert_served(case: Case) -> None:
    wanted = expected(case.vrfs(), [], ipv6=case.template().ipv6)
    # zebra tells bgpd of a VNI some moments after it has read its own part.
    wait_until(lambda: wanted.bindings.items() <= bindings().items(), "the VNIs in their VRFs")
    running = vtysh("show running-config")
    for name in wanted.maps:
        assert f"route-map {name} deny 65535" in running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frr_reads_it_and_starts_from_it(case: Case) -> None:
    write_frr_conf(case.text("expected.conf"))
    assert code("vtysh", "-C", "-f", str(FRR_CONF)) == 0
    restart_frr()
    assert differences() == NOTHING_LEFT
    assert_served(case)


def reload_to(text: str) -> Verdict:
    """Have FRR reload as the daemon does, and return what is left to do."""
    write_frr_conf(text)
    for _ in range(PASSES):
        run("systemctl", "reload", "frr.service", check=False)
        verdict = differences()
        if not verdict.ours:
            break
    return verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everything_comes_and_goes_by_reloads(case: Case) -> None:
    nothing = render(case.template(), case.intent(()))
    write_frr_conf(nothing)
    restart_frr()
    assert reload_to(case.text("expected.conf")) == NOTHING_LEFT
    assert_served(case)
    assert reload_to(nothing) == NOTHING_LEFT
    assert not {f"vr.{vrf.name}" for vrf in case.vrfs()} & bindings().keys()


# Each case and the next one with the same template.
SIMILAR = [
    (before, after)
    for before, after in itertools.pairwise(
        sorted((case for case in CASES if case.vrfs()), key=lambda case: case.text("template"))
    )
    if before.text("template") == after.text("template")
]


@pytest.mark.parametrize("pair", SIMILAR, ids=lambda pair: f"{pair[0].name}-{pair[1].name}")
def test_vrfs_come_go_and_change_in_one_reload(pair: tuple[Case, Case]) -> None:
    before, after = pair
    write_frr_conf(before.text("expected.conf"))
    restart_frr()
    assert reload_to(after.text("expected.conf")) == NOTHING_LEFT
    assert_served(after)
    gone = {f"vr.{vrf.name}" for vrf in before.vrfs()} - {f"vr.{v.name}" for v in after.vrfs()}
    assert not gone & bindings().keys()


def test_frr_never_shows_that_the_default_vrf_is_marked() -> None:
    """Why the mark of the template is not in the rendered file: a reload deletes BGP for it."""
    [case] = [case for case in CASES if case.name == "seed"]
    text = case.text("expected.conf")
    write_frr_conf(text.replace("router bgp 64512\n", "router bgp 64512 vrf default\n"))
    restart_frr()
    assert "vrf default" not in vtysh("show running-config")
    output = run("/usr/lib/frr/frr-reload.py", "--test", str(FRR_CONF))
    deletions = [str(item) for item in parse_differences(output) if not item.add]
    assert "no router bgp 64512" in deletions


# What vtysh -C accepts although FRR will not serve it; each is why a check of the lint exists.
ACCEPTED = {
    "two VRFs with one VNI": "vrf a\n vni 5\nexit-vrf\nvrf b\n vni 5\nexit-vrf\n",
    "a map that is not there": (
        "router bgp 64512\n neighbor dv.a interface remote-as internal\n"
        " address-family ipv4 unicast\n  neighbor dv.a route-map rm_a_import in\n"
    ),
    "a list that is not there": (
        "route-map rm_a_import permit 10\n match ip address prefix-list pl_a_import_10\nexit\n"
    ),
    "one number twice": (
        "ip prefix-list p seq 1 permit 10.0.0.0/8\nip prefix-list p seq 1 deny 10.0.0.0/8\n"
    ),
    "a VRF behind an open router bgp": "router bgp 64512\nvrf vr.a\n vni 5\nexit\n",
    "an AS number that is not ours": "router bgp 64513\nexit\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_lint_finds_what_vtysh_lets_through(name: str, tmp_path: Path) -> None:
    path = tmp_path / "candidate.conf"
    path.write_text(ACCEPTED[name])
    assert code("vtysh", "-C", "-f", str(path)) == 0
    found = lint(ACCEPTED[name], frozenset({"rm_a_import"}), 64512)
    assert [issue for issue in found if not issue.harmless]
