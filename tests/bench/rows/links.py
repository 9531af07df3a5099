# SPDX-License-Identifier: Apache-2.0
"""The links of N VRFs: made from nothing, one VNI changed, all removed.

netop's reconciler and `ip -batch` work in network namespaces of their own; systemd-networkd
and ifupdown2 in the node's, with FRR stopped, because neither knows another.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from netop.common.settings import NodeSettings
from netop.netlink_reconciler.kernel import RtnetlinkKernel
from tests.bench import netop_here as here
from tests.bench.figures import Aim, Finding, Line, median, say, tell
from tests.packet.namespace import fresh_network
from tests.vm.inside.links.namespace import Node

#: Runs by number of VRFs; the last one for the others, which take minutes.
SIZES = {29: 5, 250: 3}
SETTINGS = NodeSettings(table_first=1000, table_last=1999)
ADDRESS, MAC = "10.0.0.7", "02:54:0a:00:00:07"
MAKE = Aim("at most 1.5 ×", factor=1.5)
REMOVE = Aim("faster", factor=1.0)
OTHERS = Aim("at least 5 × faster", factor=0.2)
Seconds = dict[str, list[float]]


def main() -> None:
    here.sh("systemctl", "stop", "frr", "lab-gateway")
    lines: list[Line] = []
    one: dict[int, tuple[float, ...]] = {}
    for size, runs in SIZES.items():
        ours: Seconds = {"made": [], "one changed": [], "removed": []}
        batch: Seconds = {"made": [], "one changed": [], "removed": []}
        for _ in range(runs):
            by_netop(size, ours)
            by_batch(size, batch)
        for what, aim in (("made", MAKE), ("one changed", None), ("removed", REMOVE)):
            lines.append(line(size, what, ours, "`ip -batch`", batch, aim))
            say(f"{size} VRFs {what}: {median(ours[what]):.2f} s, "
                f"ip -batch {median(batch[what]):.2f} s")  # fmt: skip
        one[size] = tuple(ours["one changed"])
        if size == min(SIZES):
            lines += others(size, ours)
    few, many = sorted(SIZES)
    same = Aim("the same: at most 1.5 ×", factor=1.5)
    runs = min(len(one[few]), len(one[many]))
    lines.append(Line(f"one of {many} changed", "s", one[many][:runs], f"one of {few}",
                      one[few][:runs], same))  # fmt: skip
    tell(Finding(tuple(lines), (
        "An emulated machine: only the ratios say something. `ip -batch` is one process with all "
        "commands; it has none for `accept_local`, which it leaves out.",
        "Removing compares means as well as programs: `ip -batch` deletes link by link, netop all "
        "links of a kind by one request for their group, and `ifdown` leaves some links there.",
    )))  # fmt: skip


def line(size: int, what: str, ours: Seconds, name: str, theirs: Seconds, aim: Aim | None) -> Line:
    runs = min(len(ours[what]), len(theirs[what]))
    return Line(f"{size} VRFs {what}", "s", tuple(ours[what][:runs]), name,
                tuple(theirs[what][:runs]), aim)  # fmt: skip


def vrfs(size: int, changed: int = 0) -> dict[str, int]:
    return {f"v{number}": 5000 + number + (changed if number == 0 else 0) for number in range(size)}


def by_netop(size: int, told: Seconds) -> None:
    with fresh_network(), tempfile.TemporaryDirectory() as root:
        node = Node(Path(root), RtnetlinkKernel())
        for what, wanted in (("made", vrfs(size)), ("one changed", vrfs(size, 100000)),
                             ("removed", {})):  # fmt: skip
            node.desire(wanted, SETTINGS)
            node.serve(wanted)
            told[what].append(timed(node.reconcile))
        assert ours_left() == 0


def by_batch(size: int, told: Seconds) -> None:
    with fresh_network():
        Node.make_underlay()
        script = "\n".join(each for number in range(size) for each in made_by_ip(number))
        told["made"].append(timed(lambda: batch(script)))
        assert ours_left() == 5 * size
        changed = "\n".join(["link del vx.v0", *vxlan("v0", 105000), "link set vx.v0 up"])
        told["one changed"].append(timed(lambda: batch(changed)))
        script = "\n".join(
            f"link del {kind}.v{number}" for number in range(size)
            for kind in ("vx", "br", "vd", "vr")
        )  # fmt: skip
        told["removed"].append(timed(lambda: batch(script)))


def made_by_ip(number: int) -> list[str]:
    name, table, mark = f"v{number}", 1000 + number, f"alias netop-vrf-v{number} group 5446"
    return [
        f"link add vr.{name} type vrf table {table}",
        f"link set vr.{name} {mark}",
        f"route add unreachable default table {table} metric 4278198272 protocol 110",
        f"route add unreachable ::/0 table {table} metric 4278198272 protocol 110",
        f"link add br.{name} address {MAC} type bridge",
        f"link set br.{name} {mark} master vr.{name}",
        *vxlan(name, 5000 + number),
        f"link set br.{name} mtu 9000",
        f"link add vd.{name} mtu 9000 type veth peer name dv.{name} mtu 9000",
        f"link set vd.{name} {mark} master vr.{name}",
        f"link set dv.{name} {mark}",
        *(f"link set {kind}.{name} up" for kind in ("vr", "br", "vx", "vd", "dv")),
        f"address add {ADDRESS}/32 dev vr.{name}",
        f"address add 64:ff9b:1::{ADDRESS}/128 dev vr.{name} nodad",
    ]


def vxlan(name: str, vni: int) -> list[str]:
    return [
        f"link add vx.{name} address {MAC} mtu 9000 type vxlan id {vni} local {ADDRESS}"
        " dev dum.underlay dstport 4789 nolearning",
        f"link set vx.{name} alias netop-vrf-{name} group 5446 addrgenmode none master br.{name}",
        f"link set vx.{name} type bridge_slave learning off hairpin on",
    ]


def batch(script: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=script, text=True, check=True)


def ours_left(mark: str = ".v") -> int:
    return sum(mark in name for name in link_names())


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def others(size: int, ours: Seconds) -> list[Line]:
    lines = []
    for name, work in (("systemd-networkd", by_networkd), ("ifupdown2", by_ifupdown2)):
        told: Seconds = {"made": [], "removed": []}
        try:
            with underlay_for_others():
                work(size, told)
        except (RuntimeError, OSError) as error:
            say(f"{name} failed, and has no lines for it: {error}")
            continue
        say(f"{size} VRFs by {name}: {told}")
        lines += [line(size, what, ours, name, told, OTHERS) for what in told]
    return lines


@contextmanager
def underlay_for_others() -> Iterator[None]:
    for command in ("link add dum.o mtu 9100 type dummy", "address add 192.0.2.7/32 dev dum.o",
                    "link set dum.o up"):  # fmt: skip
        here.sh("ip", *command.split())
    try:
        yield
    finally:
        here.sh("ip", "link", "del", "dum.o")


def by_networkd(size: int, told: Seconds) -> None:
    directory = Path("/run/systemd/network")
    directory.mkdir(exist_ok=True)
    for number in range(size):
        for name, text in networkd_files(number).items():
            (directory / f"90-o-{name}").write_text(text)
    (directory / "90-o-dum.network").write_text(
        "[Match]\nName=dum.o\n[Network]\nKeepConfiguration=yes\nAddress=192.0.2.7/32\n"
        + "".join(f"VXLAN=vxo{number}\n" for number in range(size))
    )
    told["made"].append(timed(lambda: until_up(["networkctl", "reload"], 5 * size)))
    for path in directory.glob("90-o-*"):
        path.unlink()
    # With one end of a veth goes the other, and the command ends at the first that is gone.
    names = sorted(name for name in link_names() if is_other(name) and name[:3] != "dvo")
    told["removed"].append(timed(lambda: until_gone(["networkctl", "delete", *names])))
    here.sh("networkctl", "reload")


def networkd_files(number: int) -> dict[str, str]:
    up = "[Network]\nLinkLocalAddressing=no\n"
    files = {
        f"vro{number}.netdev": f"[NetDev]\nName=vro{number}\nKind=vrf\n"
                               f"[VRF]\nTable={2000 + number}\n",
        f"bro{number}.netdev": f"[NetDev]\nName=bro{number}\nKind=bridge\nMACAddress={MAC}\n",
        f"vxo{number}.netdev": f"[NetDev]\nName=vxo{number}\nKind=vxlan\nMACAddress={MAC}\n"
                               f"MTUBytes=9000\n[VXLAN]\nVNI={7000 + number}\nLocal=192.0.2.7\n"
                               "DestinationPort=4789\nMacLearning=no\n",
        f"vdo{number}.netdev": f"[NetDev]\nName=vdo{number}\nKind=veth\nMTUBytes=9000\n"
                               f"[Peer]\nName=dvo{number}\n",
    }  # fmt: skip
    masters = {"vro": "", "bro": f"VRF=vro{number}\n", "vdo": f"VRF=vro{number}\n", "dvo": "",
               "vxo": f"Bridge=bro{number}\n[Bridge]\nLearning=no\nHairPin=yes\n"}  # fmt: skip
    for kind, master in masters.items():
        files[f"{kind}{number}.network"] = f"[Match]\nName={kind}{number}\n{up}{master}"
    return files


def by_ifupdown2(size: int, told: Seconds) -> None:
    file = Path("/etc/network/interfaces")
    kept = file.read_text() if file.exists() else ""
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(stanzas(number) for number in range(size)))
    # networking.service would make it, for the lock; without, "another instance is running".
    Path("/run/network").mkdir(exist_ok=True)
    # And Debian 13 has no /etc/iproute2 any more, where ifupdown2 writes the names of tables.
    Path("/etc/iproute2/rt_tables.d").mkdir(parents=True, exist_ok=True)
    told["made"].append(timed(lambda: until_up(["ifup", "-a"], 5 * size)))
    told["removed"].append(timed(lambda: until_gone(["ifdown", "-a"])))
    for name in filter(is_other, link_names()):
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
    file.write_text(kept)


def stanzas(number: int) -> str:
    return f"""
auto vro{number}
iface vro{number}
  vrf-table {1500 + number}
auto vxo{number}
iface vxo{number}
  vxlan-id {7000 + number}
  vxlan-local-tunnelip 192.0.2.7
  bridge-learning off
  mtu 9000
auto bro{number}
iface bro{number}
  bridge-ports vxo{number}
  bridge-stp off
  hwaddress {MAC}
  vrf vro{number}
auto vdo{number}
iface vdo{number}
  link-type veth
  veth-peer-name dvo{number}
  mtu 9000
  vrf vro{number}
auto dvo{number}
iface dvo{number}
  link-type veth
  veth-peer-name vdo{number}
  mtu 9000
"""


def link_names() -> list[str]:
    """Of this namespace; sysfs shows those of the one that it was mounted in."""
    return [name for _, name in socket.if_nameindex()]


def is_other(name: str) -> bool:
    return name[:3] in {"vro", "bro", "vxo", "vdo", "dvo"} and name[3:].isdigit()


def until_up(command: list[str], count: int) -> None:
    run(command)
    here.await_true(lambda: sum(map(is_up, link_names())) >= count,
                    f"{count} links of {command[0]}", patience=300)  # fmt: skip


def is_up(name: str) -> bool:
    if not is_other(name):
        return False
    try:
        return bool(int(Path(f"/sys/class/net/{name}/flags").read_text(), 16) & 1)
    except OSError:
        return False


def until_gone(command: list[str]) -> None:
    run(command)
    if command[0] != "ifdown":  # it leaves some kinds of links there, which is its way
        here.await_true(lambda: not any(map(is_other, link_names())),
                        "the links to be gone", patience=300)  # fmt: skip


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"{command[0]}: {done.returncode}: {done.stderr[-500:]}")


if __name__ == "__main__":
    assert shutil.which("ifup") is not None, "ifupdown2 is not installed"
    main()
