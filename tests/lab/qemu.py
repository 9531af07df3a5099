# SPDX-License-Identifier: Apache-2.0
"""QEMU's command line, and its control socket (QMP)."""

import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import accelerator
from tests.lab.process import LabError, run, tail

PROGRAM = "qemu-system-x86_64"
MEMORY_MB = 2048
PROCESSORS = 2
#: The emulation of QEMU 7.2 gets the flags of cmpxchg16b wrong, and the kernel ends in a double
#: fault. The others cost more under emulation than they bring.
EMULATED = "max," + ",".join(
    f"{feature}=off"
    for feature in ("cx16", "la57", "smap", "smep", "umip", "pku", "xsave", "avx", "avx2", "fma",
                    "f16c", "vaes", "aes", "pclmulqdq")
)  # fmt: skip
KERNEL_LINE = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=10 quiet systemd.show_status=no"
    # An emulated processor needs no protection from itself, and a test none from its user.
    " mitigations=off init_on_alloc=0 randomize_kstack_offset=off audit=0"
    " lsm=lockdown,capability,landlock,yama,bpf"
    # A host that is busy lets the clock's watchdog take the TSC for broken.
    " tsc=reliable"
)


@dataclass(frozen=True)
class Hardware:
    """What a saved state depends on apart from the disk."""

    accelerator: str
    version: str
    processor: str

    @classmethod
    def here(cls) -> "Hardware":
        version = run([PROGRAM, "--version"]).stdout.splitlines()[0]
        if accelerator() == "tcg":
            return cls("tcg,thread=multi", version, EMULATED)
        model = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                     if line.startswith("model name"))  # fmt: skip
        return cls("kvm", f"{version}; {model}", "host")

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.accelerator, self.version, self.processor, str(MEMORY_MB), str(PROCESSORS),
                KERNEL_LINE)  # fmt: skip


@dataclass(frozen=True)
class Boot:
    """One start of a machine: its files, and the port on 127.0.0.1 that leads to its SSH."""

    image: Path
    disk: Path
    directory: Path
    sockets: Path
    port: int
    state: Path | None = None
    survives: bool = False

    def command(self, hardware: Hardware) -> list[str]:
        # Nothing of a machine outlives the process that started it, unless it is told to.
        leash = [] if self.survives else ["setpriv", "--pdeathsig", "KILL", "--"]
        incoming = ["-incoming", "defer"] if self.state else []
        return [
            *leash, PROGRAM, "-nodefaults", "-display", "none", "-machine", "q35",
            "-accel", hardware.accelerator, "-cpu", hardware.processor,
            "-smp", str(PROCESSORS), "-m", str(MEMORY_MB),
            "-kernel", str(self.image / "vmlinuz"), "-initrd", str(self.image / "initrd"),
            "-append", KERNEL_LINE,
            "-drive", f"if=none,id=disk,format=qcow2,file={self.disk},cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=oob,ipv6=off,hostfwd=tcp:127.0.0.1:{self.port}-:22",
            "-device", "virtio-net-pci,netdev=oob",
            "-serial", f"file:{self.directory / 'console.log'}",
            "-qmp", f"unix:{self.sockets / 'qmp'},server=on,wait=off", *incoming,
        ]  # fmt: skip


class Qmp:
    """A connection to a running QEMU."""

    def __init__(self, path: Path, patience: float = 20.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60.0)
        end = time.monotonic() + patience
        while True:
            try:
                self._socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise LabError(f"QEMU opened no control socket at {path}") from None
                time.sleep(0.05)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._stream.readline()
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: object) -> Mapping[str, object]:
        """Run one command; raises LabError with QEMU's own words when it refuses."""
        print(json.dumps({"execute": name, "arguments": arguments}), file=self._stream, flush=True)
        while line := self._stream.readline():
            reply = json.loads(line)
            if "error" in reply:
                raise LabError(f"QEMU refused {name}: {reply['error'].get('desc')}")
            if "return" in reply:
                value = reply["return"]
                return value if isinstance(value, dict) else {}
        raise LabError(f"QEMU closed its control socket during {name}")

    def save(self, path: Path) -> None:
        """Pause the machine and write all of it but its disk to a file."""
        self.command("stop")
        self.command("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.command("migrate", uri=f"exec:cat > {path}")
        self._await_migration()

    def load(self, path: Path) -> None:
        """Take over a saved state in a machine that was started with `-incoming defer`, and run."""
        self.command("migrate-incoming", uri=f"exec:cat {path}")
        self._await_migration()
        self.command("cont")

    def _await_migration(self, patience: float = 120.0) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            status = self.command("query-migrate").get("status")
            if status == "completed":
                return
            if status in {"failed", "cancelled"}:
                break
            time.sleep(0.05)
        raise LabError(f"QEMU did not move the machine's state: {status}")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


def start(boot: Boot, hardware: Hardware, locks: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start QEMU; it inherits `locks`, so that what it uses stays in the cache."""
    errors = boot.directory / "qemu.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            boot.command(hardware), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=locks, start_new_session=True,
        )  # fmt: skip
    try:
        qmp = Qmp(boot.sockets / "qmp")
        if boot.state:
            qmp.load(boot.state)
        qmp.close()
    except (LabError, OSError) as error:
        process.kill()
        process.wait()
        raise LabError(f"{error}\n{tail(errors.read_text(encoding='utf-8'))}".rstrip()) from None
    return process


def make_overlay(backing: Path, kind: str, target: Path) -> None:
    """A new disk that starts as `backing` (of format `kind`) and keeps its own changes."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", kind, target])


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
