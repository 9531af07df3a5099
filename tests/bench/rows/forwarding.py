# SPDX-License-Identifier: Apache-2.0
"""Small packets through the node on one core: the eBPF router beside the kernel's own path.

A test run of an XDP program with live frames hands frames to the stack of `in` as a driver
would. Both ways route them to `out`, where a program at its egress counts and drops them.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

from bcc import BPF

from netop.bpf_guardian import frames
from netop.bpf_guardian.compiler import BccCompiler
from netop.bpf_guardian.frames import ethernet, ipv4, ipv6, udp
from netop.bpf_guardian.kernel import RtnetlinkKernel
from netop.bpf_guardian.libbpf import Libbpf
from netop.bpf_guardian.program import RoutedBy, load, set_port
from tests.bench.figures import Aim, Finding, Line, median, say, tell
from tests.bench.rows.packet import MAC, ROUTER, YARDSTICKS, network

RUNS, SECONDS = 7, 0.5
HEADERS = 56
BATCH, REPEAT = 64, 1 << 16
LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES
XDP_CONTEXT = struct.Struct("=IIIIII")  # struct xdp_md

#: What receives, what routes for it and its MAC; `port` is in the bridge, as a VXLAN's is.
RECEIVERS = (
    ("port", "lan", bytes.fromhex("020000000003"), "from a bridge's port"),
    ("in", "in", MAC, "from an interface"),
)
CONNTRACK = """
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ct state invalid drop
  }
}
"""


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    libbpf = Libbpf()
    with network():
        yard = BPF(text=YARDSTICKS.read_text())
        generator = yard.load_func("deliver", BPF.XDP)
        end_of_road(yard)
        compiled = asyncio.run(BccCompiler("/usr/bin/python3").compile(ROUTER))
        router = load(libbpf, compiled, "bench")
        lines = []
        for receiver, routed_by, mac, told in RECEIVERS:
            # Attached in the driver, where queues take frames then.
            yard.attach_xdp(receiver, generator, 1 << 2)
            index = socket.if_nametoindex(receiver)
            by = RoutedBy(socket.if_nametoindex(routed_by), mac)
            set_port(libbpf, router, index, by)
            node = Node(yard, generator.fd, index, router.descriptor)
            for what, frame in packets(mac):
                lines += node.compared(f"{what}, {told}", frame)
    tell(Finding(tuple(lines), (
        "60-byte UDP frames to 256 destinations, given to the stack in batches of 64 as a driver "
        "gives them, and dropped behind routing and neighbour at the egress of `out`: what the "
        "drivers cost comes on top of all. Millions for a second of processor time of one core.",
        "conntrack: `ct state established,related accept` in an nft forward chain. This kernel has "
        "no VRFs; where it has, the kernel's path meets netfilter once more for the VRF.",
    )))  # fmt: skip


def packets(mac: bytes) -> tuple[tuple[str, bytes], ...]:
    payload = udp(b"x" * 18)
    header = bytearray(ipv4("192.168.1.7", "10.1.0.0", payload))
    # The generator adds to the address what it takes from the identification.
    header[4:6], header[10:12] = b"\0\xff", b"\0\0"
    header[10:12] = frames.checksum(bytes(header[:20])).to_bytes(2, "big")
    return (
        ("IPv4", ethernet(mac, frames.IPV4, bytes(header))),
        ("IPv6", ethernet(mac, frames.IPV6, ipv6("fd00:a::7", "fd00:11::", payload))),
    )


def end_of_road(yard: BPF) -> None:
    """Count and drop what leaves by `out`."""
    subprocess.run(["tc", "qdisc", "add", "dev", "out", "clsact"], check=True)
    with_pin = "/sys/fs/bpf/bench-end"
    program = yard.load_func("count_and_drop", BPF.SCHED_CLS)
    Path(with_pin).unlink(missing_ok=True)
    libbpf = ctypes.CDLL("libbpf.so.1")
    assert libbpf.bpf_obj_pin(program.fd, with_pin.encode()) == 0
    words = f"filter add dev out egress bpf direct-action object-pinned {with_pin}"
    subprocess.run(["tc", *words.split()], check=True)


class Node:
    """`in` and `out`, the generator, and what counts at the end."""

    def __init__(self, yard: BPF, generator: int, index: int, router: int) -> None:
        self._yard, self._generator = yard, generator
        self._index, self._router = index, router
        self._kernel = RtnetlinkKernel()

    def compared(self, what: str, frame: bytes) -> list[Line]:
        self._yard["headers"][0] = self._yard["headers"].Leaf.from_buffer_copy(frame[:HEADERS])
        told: dict[str, list[float]] = {"router": [], "plain": [], "tracked": []}
        for _ in range(RUNS):
            self._kernel.attach([self._index], self._router)
            told["router"].append(self.rate(frame))
            self._kernel.detach([self._index])
            told["plain"].append(self.rate(frame))
            subprocess.run(["nft", "-f", "-"], input=CONNTRACK, text=True, check=True)
            told["tracked"].append(self.rate(frame))
            subprocess.run(["nft", "flush", "ruleset"], check=True)
        say(f"{what}: " + ", ".join(f"{name} {median(each):.2f}" for name, each in told.items()))
        ours = tuple(told["router"])
        return [
            Line(what, "M/s", ours, "the kernel with conntrack", tuple(told["tracked"]),
                 Aim("at least 1.5 ×", factor=1.5, at_least=True)),
            Line(what, "M/s", ours, "the kernel without netfilter", tuple(told["plain"])),
        ]  # fmt: skip

    def rate(self, frame: bytes) -> float:
        """Million packets that reach the end for a second of processor time."""
        self.generate(frame)  # neighbours, caches and the connection are there then
        before, began = self.arrived(), time.thread_time()
        while time.thread_time() - began < SECONDS:
            self.generate(frame)
        took = time.thread_time() - began
        arrived = self.arrived() - before
        assert arrived, "nothing was forwarded"
        return arrived / took / 1e6

    def generate(self, frame: bytes) -> None:
        context = XDP_CONTEXT.pack(0, len(frame), 0, self._index, 0, 0)
        generate(self._generator, frame, context)

    def arrived(self) -> int:
        return sum(self._yard["arrived"][0])


class _Options(ctypes.Structure):
    # struct bpf_test_run_opts
    _fields_ = [  # noqa: RUF012 - ctypes wants a plain list
        ("sz", ctypes.c_size_t), ("data_in", ctypes.c_char_p), ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32), ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p), ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32), ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32), ("repeat", ctypes.c_int), ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32), ("batch_size", ctypes.c_uint32),
    ]  # fmt: skip


_LIBRARY = ctypes.CDLL("libbpf.so.1", use_errno=True)


def generate(program: int, frame: bytes, context: bytes) -> None:
    """Have REPEAT copies of a frame received, in batches; raises OSError."""
    options = _Options(
        sz=ctypes.sizeof(_Options), data_in=frame, data_size_in=len(frame), ctx_in=context,
        ctx_size_in=len(context), repeat=REPEAT, flags=LIVE_FRAMES, batch_size=BATCH,
    )  # fmt: skip
    result = _LIBRARY.bpf_prog_test_run_opts(program, ctypes.byref(options))
    if result < 0:
        raise OSError(-result, os.strerror(-result))


if __name__ == "__main__":
    main()
