# SPDX-License-Identifier: Apache-2.0
"""The templater under systemd with a real FRR, and the faults of both."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netop.common.documents import Links, VrfState
from netop.common.messages import Message
from netop.ctl.learned import Passing, learned
from netop.ctl.vtysh import ask_vtysh
from netop.frr_templater.model import vrf_model
from tests.container.inside.frr_node import (
    BASE,
    FRR_CONF,
    RELOAD_LOG,
    STATE,
    TEMPLATE,
    UNIT,
    Documents,
    bindings,
    code,
    install,
    journal,
    kill,
    reloads,
    restart_frr,
    run,
    status,
    vtysh,
    wait_until,
    write_frr_conf,
)
from tests.unit.frr_templater.fakes import links, vrf

RENEWING = VrfState.RENEWING
BLUE, RED, MGMT = vrf("blue", 100, 10, 20), vrf("red", 200, 5), vrf("mgmt_vrf", None)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    install()


# The provisioned node is there for those tests too that ask it for nothing.
provisioned = pytest.mark.usefixtures("node")


@pytest.fixture
def node() -> Iterator[Documents]:
    """A freshly provisioned node with blue and mgmt_vrf served, in generation 1."""
    run("systemctl", "stop", UNIT, check=False)
    TEMPLATE.unlink(missing_ok=True)
    shutil.rmtree(STATE, ignore_errors=True)
    documents = Documents()
    documents.clear()
    write_frr_conf(BASE)
    restart_frr()
    documents.want(1, BLUE, MGMT)
    run("systemctl", "start", UNIT)
    documents.await_generation(1)
    yield documents
    run("systemctl", "stop", UNIT, check=False)


def now() -> str:
    """Return a time that the journal understands, after everything so far."""
    time.sleep(1.1)
    return time.strftime("%Y-%m-%d %H:%M:%S")


def test_it_is_ready_and_serves(node: Documents) -> None:
    assert status() == "2 VRFs served, generation 1"
    assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
    assert bindings() == {"vr.blue": 100}
    assert node.served()["reload"]["result"] == "verified"
    assert "password OpenSesame" in vtysh("show running-config")
    diff = node.served()["reload"]["diff"]
    assert "password <hidden>" in diff
    fields = run("journalctl", "--all", "--output=json", f"--unit={UNIT}", "--since=-1min")
    assert "NETOP_DIFF" in fields
    assert "Sesame" not in fields + json.dumps(node.served())
    # journald keeps both values of the field.
    about = ("NETOP_VRF=mgmt_vrf", f"MESSAGE_ID={Message.FRR_RELOADED}")
    assert "reloaded and verified" in run("journalctl", "--output=cat", "--since=-1min", *about)
    # netopctl explain: FRR answers for each line, and for a session that is not there yet.
    told = learned(vrf_model(BLUE, ipv6=True), ask_vtysh)
    lists = ("pl_blue_export_10", "pl_blue_export_20", "pl_blue_import_10", "pl_blue_import_20")
    assert {line: told.hits[line] for line in sorted(told.hits) if "blue" in line[1]} == {
        ("ip", name, 1): 0 for name in lists
    }
    assert told.passing == (Passing("ipv4", 0, (), ()), Passing("ipv6", 0, (), ()))
    assert TEMPLATE.read_text() == BASE.replace("#++", "")
    listing = run("stat", "--format=%U:%G %a", str(FRR_CONF), str(TEMPLATE)).split("\n")
    assert listing[:2] == ["frr:frr 640", "frr:frr 640"]
    assert "pam_unix" not in journal()


def test_vrfs_come_and_go_and_the_rest_is_not_touched(node: Documents) -> None:
    node.want(2, BLUE, RED, MGMT)
    node.await_generation(2)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}
    before = vtysh("show running-config")
    node.want(3, vrf("blue", 100, 10), RED, MGMT)
    node.await_generation(3)
    gone = set(before.splitlines()) - set(vtysh("show running-config").splitlines())
    assert all(re.search(r"_(im|ex)port(_20| permit 20)", line) for line in gone), gone
    node.want(4, RED, MGMT)
    node.await_generation(4)
    assert bindings() == {"vr.red": 200}
    assert not re.search(r"[rdv]{2}\.blue .*remote-as|rm_blue", vtysh("show running-config"))
    assert node.vrfs() == {"mgmt_vrf": None, "red": 200}
    assert "no longer blue" in journal()


def test_nothing_changed_means_no_reload(node: Documents) -> None:
    count, inode, since = reloads(), FRR_CONF.stat().st_ino, now()
    node.want(2, BLUE, MGMT)
    node.await_generation(2)
    run("systemctl", "restart", UNIT)
    wait_until(lambda: status().startswith("2 VRFs served"), "it is up again")
    assert (reloads(), FRR_CONF.stat().st_ino) == (count, inode)
    assert "reloaded" not in journal(since)


def test_two_vrfs_swap_their_vnis(node: Documents) -> None:
    node.want(2, vrf("blue", 200), vrf("red", 100))
    node.await_generation(2)
    node.want(3, vrf("blue", 100), vrf("red", 200))
    node.await_generation(3)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}
    assert node.served()["problems"] == []


@provisioned
def test_a_failed_reload_is_visible_and_frr_lives() -> None:
    """Facts of frr.service: with the drop-in, a file that FRR cannot read fails the job."""
    run("systemctl", "stop", UNIT)
    pids = {name: Path("/run/frr", name).read_text() for name in ("bgpd.pid", "zebra.pid")}
    good = FRR_CONF.read_text()
    write_frr_conf(good + "router bgq 12\n")
    assert code("systemctl", "reload", "frr.service") != 0
    assert run("systemctl", "is-active", "frr.service").strip() == "active"
    assert pids == {name: Path("/run/frr", name).read_text() for name in pids}
    # The daemon finds a file that is not its own, and puts its own back.
    run("systemctl", "start", UNIT)
    wait_until(lambda: FRR_CONF.read_text() == good, "frr.conf is put back")
    assert (STATE / "frr.conf.edited").read_text().endswith("router bgq 12\n")


def test_one_vrf_that_frr_refuses_is_left_out_alone(node: Documents) -> None:
    """`vtysh -C` and the lint let it through: the operator runs that VRF with another AS."""
    odd = "router bgp 65000 vrf vr.green\nexit\n{{.BGP}}"
    TEMPLATE.write_text(TEMPLATE.read_text().replace("{{.BGP}}", odd))
    wait_until(lambda: "65000 vrf vr.green" in FRR_CONF.read_text(), "the template is taken up")
    node.await_generation(1)
    since = now()
    node.want(2, BLUE, vrf("green", 300), MGMT, RED)
    node.await_generation(2, 120)
    assert node.vrfs() == {"blue": 100, "mgmt_vrf": None, "red": 200}
    assert bindings() == {"vr.blue": 100, "vr.red": 200}
    [problem] = node.served()["problems"]
    assert problem["vrf"] == "green"
    assert "VRF green: FRR cannot serve it" in status()
    told = journal(since)
    assert "FRR refused the change" in told
    assert "the last good configuration is back" in told
    assert "65000" in told, "FRR's own words"
    count = reloads()
    time.sleep(3)
    run("systemctl", "restart", UNIT)
    wait_until(lambda: "VRF green" in status(), "it is up again and remembers")
    assert reloads() == count, "what was refused is not tried again"


def reloaded_lines(since: int) -> str:
    """Return what frr-reload.py wrote into its log after its first `since` characters."""
    return RELOAD_LOG.read_text(errors="replace")[since:]


TAKES_BLUE_AWAY = re.compile(
    r"no (neighbor (dv|vd)\.blue|router bgp \d+ vrf vr\.blue|vrf vr\.blue|vni 100\b)"
)


def test_a_lost_memory_takes_nothing_away(node: Documents) -> None:
    run("systemctl", "stop", UNIT)
    shutil.rmtree(STATE)
    said, text = len(reloaded_lines(0)), FRR_CONF.read_text()
    run("systemctl", "start", UNIT)
    wait_until(lambda: (STATE / "good.json").exists(), "it remembers again")
    wait_until(lambda: status() == "2 VRFs served, generation 1", "it is proven anew")
    assert (node.vrfs(), bindings()) == ({"blue": 100, "mgmt_vrf": None}, {"vr.blue": 100})
    assert FRR_CONF.read_text() == text
    assert not TAKES_BLUE_AWAY.search(reloaded_lines(said))


def test_a_refused_vrf_takes_nothing_away_that_another_operator_had_frr_serve(
    node: Documents,
) -> None:
    """His frr.conf is netop's without its comments; vr.green has another AS, as above."""
    odd = "router bgp 65000 vrf vr.green\nexit\n"
    run("systemctl", "stop", UNIT)
    text = re.sub(r"(?m)^ *! netop:.*\n", "", FRR_CONF.read_text())
    text = text.replace("router bgp 64512\n", "router bgp 64512 vrf default\n")
    write_frr_conf(text.replace("router bgp 64512 vrf vr.", odd + "router bgp 64512 vrf vr."))
    TEMPLATE.write_text(TEMPLATE.read_text().replace("{{.BGP}}", odd + "{{.BGP}}"))
    restart_frr()
    wait_until(lambda: bindings() == {"vr.blue": 100}, "blue is the other operator's")
    shutil.rmtree(STATE)
    node.clear()
    said, since = len(reloaded_lines(0)), now()
    node.want(2, BLUE, vrf("green", 300), MGMT)
    run("systemctl", "start", UNIT)
    node.await_generation(2, 120)
    assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
    assert bindings() == {"vr.blue": 100}
    assert "VRF green: FRR cannot serve it" in status()
    assert "the last good configuration is back" in journal(since)
    assert not TAKES_BLUE_AWAY.search(reloaded_lines(said))


def test_a_template_line_that_frr_does_not_take_is_rolled_back(node: Documents) -> None:
    """frr-reload.py says that all went well, although FRR refused a line."""
    good = FRR_CONF.read_text()
    line = "ip prefix-list mine seq 5 permit 10.0.0.0/8 le 4"
    TEMPLATE.write_text(TEMPLATE.read_text() + line + "\n")
    wait_until(lambda: "rolled back" in status(), "it is rolled back", 90)
    assert FRR_CONF.read_text() == good
    assert line in status()
    assert node.served()["reload"]["result"] == "rolled-back"
    assert bindings() == {"vr.blue": 100}
    count = reloads()
    node.want(2, BLUE, MGMT)
    node.await_generation(2)
    assert reloads() == count
    TEMPLATE.write_text(TEMPLATE.read_text().replace(line + "\n", ""))
    wait_until(lambda: status() == "2 VRFs served, generation 2", "all is well again")


@provisioned
def test_a_good_change_of_the_template_is_taken_up() -> None:
    TEMPLATE.write_text(TEMPLATE.read_text() + "ip route 198.51.100.0/24 Null0\n")
    wait_until(lambda: "198.51.100.0/24" in vtysh("show running-config"), "the route is there")
    wait_until(lambda: status() == "2 VRFs served, generation 1", "and it is verified")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{{.RouteMaps}}\n", "", "the hint #++{{.RouteMaps}} is missing"),
        (" vrf default", "", "`router bgp 64512` lacks `vrf default`"),
        ("line vty", "line vxx", "% Unknown command"),
        ("{{.BGP}}", "router bgp 64512 vrf x\n{{.BGP}}\n bgp router-id 192.0.2.9", "inside"),
    ],
)
def test_a_wrong_template_is_told_and_the_rest_goes_on(
    node: Documents, old: str, new: str, told: str
) -> None:
    good = TEMPLATE.read_text()
    TEMPLATE.write_text(good.replace(old, new))
    wait_until(lambda: told in status(), told)
    assert str(TEMPLATE) in status()
    assert status().startswith("2 VRFs served, generation 1; ")
    assert bindings() == {"vr.blue": 100}
    TEMPLATE.write_text(good)
    node.want(2, RED)
    node.await_generation(2)
    assert node.vrfs() == {"red": 200}


@provisioned
def test_hand_edits_in_vtysh() -> None:
    since = now()
    ours = "neighbor dv.blue route-map rm_blue_import in"
    family = "address-family ipv4 unicast"
    vtysh("configure", "router bgp 64512", family, f"no {ours}")
    vtysh("configure", "ip route 203.0.113.0/24 Null0")
    # A restart looks at once; the slow resync does the same every quarter of an hour.
    run("systemctl", "restart", UNIT)
    wait_until(lambda: ours in vtysh("show running-config"), "our line is put back")
    wait_until(lambda: "put FRR back" in journal(since), "and that is told")
    vtysh("configure", "ip route 203.0.113.0/24 Null0")
    run("systemctl", "restart", UNIT)
    wait_until(lambda: "`no ip route 203.0.113.0/24 Null0`" in status(), "the rest is only told")
    assert "203.0.113.0/24" in vtysh("show running-config")


@provisioned
def test_an_administrators_frr_conf() -> None:
    good = FRR_CONF.read_text()
    write_frr_conf(good + "ip route 203.0.113.0/24 Null0\n")
    wait_until(lambda: FRR_CONF.read_text() == good, "it is put back")
    wait_until(lambda: "was changed by somebody else and is put back" in journal(), "told")


def peer_over_a_veth() -> None:
    """Make the veth of blue, and wait until zebra's timer for router advertisements has it."""
    run("ip", "link", "add", "vd.blue", "type", "veth", "peer", "name", "dv.blue")
    for name in ("vd.blue", "dv.blue"):
        run("ip", "link", "set", name, "up")
    told = "ND router advertisements are sent"
    wait_until(lambda: told in vtysh("show interface dv.blue"), "zebra to advertise on dv.blue")


def zebra() -> str:
    path = Path("/run/frr/zebra.pid")
    return path.read_text().strip() if path.exists() else ""


def test_frr_lets_go_before_a_veth_goes(node: Documents) -> None:
    """zebra of FRR 10.3 dies of an interface that goes while BGP peers over it."""
    peer_over_a_veth()
    alive = zebra()
    # netlink-reconciler asks,
    node.put(links(1, ("blue", 100), state=RENEWING))
    wait_until(lambda: node.vrfs() == {"mgmt_vrf": None}, "FRR lets go of blue")
    # and makes the veth anew.
    run("ip", "link", "delete", "vd.blue")
    peer_free = "neighbor dv.blue" not in vtysh("show running-config")
    node.want(1, BLUE, MGMT)
    wait_until(lambda: node.vrfs() == {"blue": 100, "mgmt_vrf": None}, "blue is back")
    peer_over_a_veth()
    # The timer comes round within seconds.
    time.sleep(5)
    assert (zebra(), peer_free) == (alive, True)
    node.want(2, MGMT)
    node.await_generation(2)
    run("ip", "link", "delete", "vd.blue")


def test_frr_is_stopped_and_started(node: Documents) -> None:
    run("systemctl", "stop", "frr.service")
    wait_until(lambda: "frr.service is inactive; waiting for it" in status(), "it is noticed")
    node.want(2, RED)
    time.sleep(1)
    assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
    restart_frr()
    node.await_generation(2)
    assert bindings() == {"vr.red": 200}


@provisioned
def test_bgpd_is_killed() -> None:
    kill("bgpd.pid", signal.SIGKILL)
    wait_until(lambda: "FRR started anew (bgpd)" in journal(), "watchfrr starts it again")
    wait_until(lambda: status() == "2 VRFs served, generation 1", "it is verified")
    assert "rm_blue_import" in vtysh("show running-config")


@provisioned
def test_zebra_ends_while_the_unit_stays_active() -> None:
    """Told by the end of the process: its pid file and socket stay until watchfrr acts."""
    began = now()
    kill("zebra.pid", signal.SIGKILL)
    wait_until(lambda: "zebra of FRR does not run" in journal(began), "it is told", 10)
    wait_until(lambda: re.search(r"started anew \(.*zebra", journal(began)), "it is back", 240)
    # Of a configuration that FRR is still reading, nothing is said at the first look.
    wait_until(lambda: bindings() == {"vr.blue": 100}, "it has read its file", 120)
    wait_until(lambda: status() == "2 VRFs served, generation 1", "it is verified", 120)


def test_bgpd_hangs(node: Documents) -> None:
    kill("bgpd.pid", signal.SIGSTOP)
    try:
        node.want(2, BLUE, RED, MGMT)
        wait_until(lambda: "gave no answer in 30 s" in status(), "it is told", 60)
        assert "vni 200" not in FRR_CONF.read_text(), "nothing is tried on a hung FRR"
    finally:
        # watchfrr may have ended it meanwhile, and started another.
        kill("bgpd.pid", signal.SIGCONT)
    node.await_generation(2, 120)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}


def test_frr_hangs_in_the_middle_of_a_reload(node: Documents) -> None:
    """systemd ends the reload at its limit, here ten seconds instead of two minutes."""
    limit = Path("/run/systemd/system/frr.service.d/limit.conf")
    limit.parent.mkdir(parents=True, exist_ok=True)
    limit.write_text("[Service]\nTimeoutSec=10s\n")
    run("systemctl", "daemon-reload")
    good, count, since = FRR_CONF.read_text(), reloads(), now()
    try:
        node.want(2, BLUE, RED, MGMT)
        wait_until(lambda: reloads() > count, "the reload begins")
        kill("bgpd.pid", signal.SIGSTOP)
        wait_until(lambda: "ended or hung" in journal(since), "the hang is noticed", 120)
        assert FRR_CONF.read_text() == good, "should FRR start anew, then from this"
        assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
    finally:
        kill("bgpd.pid", signal.SIGCONT)
        limit.unlink()
        run("systemctl", "daemon-reload")
    node.await_generation(2, 120)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}


def test_the_bus_is_started_anew(node: Documents) -> None:
    run("systemctl", "restart", "dbus.service")
    node.want(2, BLUE, RED, MGMT)
    node.await_generation(2, 120)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}


def test_many_vrfs_leave_without_a_long_reload(node: Documents) -> None:
    node.want(2, BLUE, *(vrf(f"v{n:02}", 1000 + n, 1, 2, 3, 4) for n in range(24)))
    node.await_generation(2, 120)
    assert len(bindings()) == 25
    count, since = reloads(), now()
    node.want(3, BLUE)
    node.await_generation(3, 240)
    assert bindings() == {"vr.blue": 100}
    assert reloads() - count >= 2, journal(since)


def test_it_is_killed_again_and_again(node: Documents) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for generation in range(2, 14):
        vrfs = [vrf(n, 100 + i, *chance.sample(range(1, 9), 2)) for i, n in enumerate("abcd")]
        wanted = chance.sample(vrfs, chance.randint(0, 4))
        node.want(generation, *wanted)
        time.sleep(chance.uniform(0, 2.5))
        run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", UNIT, check=False)
    node.await_generation(13, 120)
    assert node.vrfs() == {v.name: v.vni for v in wanted}
    assert bindings() == {f"vr.{v.name}": v.vni for v in wanted}
    left = [*Path("/etc/frr").glob(".*"), *STATE.glob(".*")]
    assert left == []
    text = FRR_CONF.read_text()
    assert len(re.findall(r"(?m)^ vni ", text)) == len(wanted)


@contextlib.contextmanager
def small(place: str) -> Iterator[Path]:
    """A small file system with its own copy of a directory, in its place while the daemon runs."""
    run("systemctl", "stop", UNIT)
    subprocess.run(
        f"cp -a {place} /tmp/was && mount -t tmpfs -o size=64k none {place}"
        f" && cp -a /tmp/was/. {place}",
        shell=True,
        check=True,
        capture_output=True,
    )
    try:
        yield Path(place)
    finally:
        run("systemctl", "stop", UNIT)
        run("umount", place)
        run("rm", "-r", "/tmp/was")


def fill(place: Path) -> Path:
    ballast = place / "ballast"
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=1k"], check=False, timeout=60)
    return ballast


@pytest.mark.parametrize("place", ["/etc/frr", str(STATE), "/run/netop/frr-templater"])
def test_a_full_disk(node: Documents, place: str) -> None:
    with small(place) as directory:
        ballast = fill(directory)
        run("systemctl", "start", UNIT)
        node.want(2, BLUE, RED, MGMT)
        wait_until(lambda: "No space left on device" in status(), "it is told")
        assert place in status() or "served.json" in status()
        assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
        assert bindings() == {"vr.blue": 100}
        ballast.unlink()
        node.await_generation(2, 120)
        assert node.vrfs() == {"blue": 100, "mgmt_vrf": None, "red": 200}
        assert bindings() == {"vr.blue": 100, "vr.red": 200}
        assert [path for path in directory.rglob(".*") if path.is_file()] == []


def test_a_read_only_etc_frr(node: Documents) -> None:
    with small("/etc/frr"):
        run("systemctl", "start", UNIT)
        run("mount", "-o", "remount,ro", "/etc/frr")
        node.want(2, BLUE, RED, MGMT)
        wait_until(lambda: "cannot be written: Read-only file system" in status(), "it is told")
        assert f"{FRR_CONF}: cannot be written" in status()
        assert "FRR keeps what it serves" in status()
        assert node.vrfs() == {"blue": 100, "mgmt_vrf": None}
        run("mount", "-o", "remount,rw", "/etc/frr")
        node.await_generation(2, 120)
        assert bindings() == {"vr.blue": 100, "vr.red": 200}


def test_documents_cut_short_or_of_another_version(node: Documents) -> None:
    path = node.store.path(Links)
    whole = path.read_text()
    for spoilt, told in (
        (whole[: len(whole) // 2], "links.json: is not JSON"),
        ("", "links.json: is not JSON"),
        (whole.replace('"version": 1', '"version": 2'),
         "restart netop-netlink-reconciler.service to have it written anew"),
    ):  # fmt: skip
        path.write_text(spoilt)
        wait_until(lambda: told in status(), told)  # noqa: B023
        assert status().startswith("2 VRFs served, generation 1; "), "and it serves on"
        assert bindings() == {"vr.blue": 100}
    node.want(2, BLUE, RED, MGMT)
    node.await_generation(2)
    assert bindings() == {"vr.blue": 100, "vr.red": 200}


def test_an_empty_stanza_of_a_vrf_that_left_is_taken_out(node: Documents) -> None:
    """As it stays where the kernel still had the VRF; a container's kernel has none at all."""
    vtysh("configure", "vrf vr.gone", "exit-vrf")
    vtysh("configure", "vrf mine", "exit-vrf")
    assert "vrf vr.gone" in vtysh("show running-config")
    node.want(2, MGMT)
    node.await_generation(2)
    wait_until(lambda: "vrf vr." not in vtysh("show running-config"), "nothing of ours is left")
    assert "vrf mine" in vtysh("show running-config")
    vtysh("configure", "no vrf mine")
