# SPDX-License-Identifier: Apache-2.0
"""Runs inside a unit's sandbox, tries what a daemon might be abused for, and tells what it could.

Standard output is one JSON object: attempt → "ok" or the name of the error.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
# x86_64, asm/unistd_64.h; the lab's nodes are x86_64.
SYSCALLS = {"mount": 165, "init_module": 175, "bpf": 321, "perf_event_open": 298, "ptrace": 101}
CLONE_NEWUSER = 0x10000000
BPF_MAP_CREATE = 0
RELOAD = ["busctl", "call", "--quiet", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
          "org.freedesktop.systemd1.Manager"]  # fmt: skip


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def write(directory: str) -> Callable[[], object]:
    def attempt() -> None:
        path = Path(directory, "probe")
        path.write_text("", encoding="ascii")
        path.unlink()

    return attempt


def call(number: int, *arguments: object) -> Callable[[], object]:
    def attempt() -> None:
        if LIBC.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "")

    return attempt


def bpf_map() -> None:
    attribute = (ctypes.c_uint32 * 32)(2, 4, 4, 1)  # BPF_MAP_TYPE_ARRAY of one number
    call(SYSCALLS["bpf"], BPF_MAP_CREATE, attribute, ctypes.sizeof(attribute))()


def executable_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def link() -> None:
    done = subprocess.run(
        ["ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PermissionError(errno.EPERM, "")
    subprocess.run(["ip", "link", "del", "probe0"], check=True)


def job(method: str, unit: str) -> Callable[[], object]:
    def attempt() -> None:
        done = subprocess.run(
            [*RELOAD, method, "ss", unit, "replace"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(0, " ".join(done.stderr.split()))

    return attempt


def other_processes() -> None:
    if not any(path.name.isdecimal() for path in Path("/proc").iterdir() if path.name == "1"):
        raise ProcessLookupError(errno.ESRCH, "")


def family(number: int, kind: int = socket.SOCK_STREAM) -> Callable[[], object]:
    return lambda: socket.socket(number, kind).close()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write /etc": write("/etc"),
    "write /etc/frr": write("/etc/frr"),
    "write /usr": write("/usr"),
    "write /var/lib": write("/var/lib"),
    "write /run": write("/run"),
    "write /run/netop": write("/run/netop"),
    "write own documents": write(os.environ.get("RUNTIME_DIRECTORY", "/run/netop/none")),
    "write /proc/sys": lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1", "ascii"),
    "read /etc/shadow": lambda: Path("/etc/shadow").read_bytes(),
    "read /root": lambda: list(Path("/root").iterdir()),
    "see other processes": other_processes,
    "AF_UNIX": family(socket.AF_UNIX),
    "AF_INET": family(socket.AF_INET),
    "AF_INET6": family(socket.AF_INET6),
    "AF_NETLINK": family(socket.AF_NETLINK, socket.SOCK_RAW),
    "AF_PACKET": family(socket.AF_PACKET, socket.SOCK_RAW),
    "make a link": link,
    "make a BPF map": bpf_map,
    "load a module": call(SYSCALLS["init_module"], None, 0, b""),
    "mount": call(SYSCALLS["mount"], b"none", b"/tmp", b"tmpfs", 0, None),
    "trace": call(SYSCALLS["ptrace"], 0, 0, 0, 0),
    "a user namespace": lambda: call(272, CLONE_NEWUSER)(),
    "become root": lambda: os.setuid(0),
    "executable memory": executable_memory,
    "reload frr": job("ReloadUnit", "frr.service"),
    "restart frr": job("RestartUnit", "frr.service"),
    "stop frr": job("StopUnit", "frr.service"),
    "reload another unit": job("ReloadUnit", "ssh.service"),
}

if __name__ == "__main__":
    print(json.dumps({name: tried(attempt) for name, attempt in ATTEMPTS.items()}))
