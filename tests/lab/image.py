# SPDX-License-Identifier: Apache-2.0
"""What a machine boots from: the disk made of the node root, its kernel and a tiny initrd."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import Held
from tests.lab.process import LabError, run

#: Sparse; the root takes about 1 GB of it.
DISK_SIZE = "6G"


@dataclass(frozen=True)
class MachineImage:
    """`disk.img` (ext4), `vmlinuz` and `initrd`."""

    node: Held

    @property
    def name(self) -> str:
        return "image"

    @property
    def inputs(self) -> Sequence[str]:
        return (self.node.key, DISK_SIZE, "1")

    def build(self, target: Path) -> None:
        root = self.node.path / "root"
        kernels = sorted((root / "boot").glob("vmlinuz-*"))
        if not kernels:
            raise LabError(f"no kernel in {root}/boot: the node root is broken, remove it")
        version = kernels[-1].name.removeprefix("vmlinuz-")
        run(["cp", kernels[-1], target / "vmlinuz"])
        # Of all that the kernel needs to mount the disk, only this is a module.
        run([
            "unshare", "--mount", "sh", "-ec",
            'mount --bind "$1" "$2/mnt"; mount -t proc proc "$2/proc"; '
            'exec chroot "$2" mktirfs --auto-modules=no --include-modules=virtio_blk'
            ' --microcode=no -o /mnt/initrd "$3"',
            "sh", target, root, version,
        ])  # fmt: skip
        run([
            "mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "node", "-d", root,
            "-E", "lazy_itable_init=1,nodiscard", target / "disk.img", DISK_SIZE,
        ])  # fmt: skip
