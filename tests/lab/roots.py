# SPDX-License-Identifier: Apache-2.0
"""The file systems of the lab: the node's, and the workshop's as a layer on top of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import Mirror
from tests.lab.process import CommandError, LabError, Result, run

SUITE = "trixie"
TREE = Path(__file__).with_name("root")

BASE = (
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "polkitd", "openssh-server", "iproute2",
    "nftables", "iperf3", "iputils-ping", "traceroute", "tcpdump", "curl", "procps", "less",
    "ca-certificates", "frr", "frr-pythontools", "python3",
    # The cloud kernel has VRF, VXLAN, BPF and nftables, and needs one module to find its disk.
    "linux-image-cloud-amd64", "linux-headers-cloud-amd64", "tiny-initramfs",
)  # fmt: skip
NETOP_NEEDS = (
    "python3-pyroute2", "python3-systemd", "python3-sdbus", "python3-kubernetes",
    "python3-jinja2", "python3-yaml", "python3-watchdog", "python3-bpfcc", "libbpf1",
    "linux-libc-dev", "python3-prometheus-client", "python3-rich", "adduser",
)  # fmt: skip
FOR_TESTS = ("python3-pytest", "python3-pytest-asyncio", "python3-hypothesis")
WORKSHOP = (
    "build-essential", "debhelper", "dh-python", "pybuild-plugin-pyproject", "python3-all",
    "python3-setuptools", "lintian", "fakeroot", "git", "prometheus",
    "autopkgtest",
)  # fmt: skip

#: Left out while the root is made, so that it is small; packages installed later keep theirs.
EXCLUDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
#: What wakes up by the calendar would disturb a test, above all after a clock was set.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "logrotate.timer",
    "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "systemd-timesyncd.service",
    "systemd-pstore.service", "getty@tty1.service",
)  # fmt: skip
ENABLED = ("systemd-networkd.service", "lab-bpffs.service", "frr.service", "ssh.service")


@dataclass(frozen=True)
class NodeRoot:
    """Debian 13 as on a netop node: `root/`, and the key `id_ed25519` that may log in to it."""

    mirror: Mirror

    @property
    def name(self) -> str:
        return "node"

    @property
    def inputs(self) -> Sequence[str]:
        return (SUITE, *BASE, *NETOP_NEEDS, *FOR_TESTS, *EXCLUDED, *MASKED, *ENABLED,
                *contents_of(TREE), "2")  # fmt: skip

    def build(self, target: Path) -> None:
        root = target / "root"
        packages = ",".join((*BASE, *NETOP_NEEDS, *FOR_TESTS))
        options = ('Acquire::Languages "none"', 'APT::Install-Recommends "false"')
        run([
            # A mount namespace of its own: a build that is killed leaves no mount in the cache.
            "unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
            *(f"--aptopt={option}" for option in (*options, *self.mirror.options)),
            f"--include={packages}", SUITE, root, self.mirror.source(SUITE),
        ])  # fmt: skip
        (root / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").unlink()
        run(["cp", "-rT", "--no-preserve=ownership", TREE, root])
        run(["chroot", root, "systemctl", "--quiet", "mask", *MASKED])
        run(["chroot", root, "systemctl", "--quiet", "enable", *ENABLED])
        run(["chroot", root, "chown", "-R", "frr:frr", "/etc/frr"])
        # A node that was booted before: the first boot of a system enables all there is.
        (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")
        authorize(root, target / "id_ed25519")


@dataclass(frozen=True)
class WorkshopLayer:
    """What the workshop has more than the node: the upper directory of an overlay, `upper/`."""

    node: Path
    node_key: str
    mirror: Mirror

    @property
    def name(self) -> str:
        return "workshop"

    @property
    def inputs(self) -> Sequence[str]:
        return (self.node_key, *WORKSHOP, "2")

    def build(self, target: Path) -> None:
        (target / "upper").mkdir()
        script = (
            "apt-get update -q && "
            "apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "
            f"{' '.join(WORKSHOP)} && apt-get clean && rm -rf /var/lib/apt/lists/*"
        )
        spawn(
            layered_on(self.node / "root", target / "upper", target),
            ["--as-pid2", "--resolv-conf=copy-host", "--pipe",
             "--setenv=DEBIAN_FRONTEND=noninteractive", "--", "sh", "-ec", script],
        )  # fmt: skip
        for name in ("work", "merged"):
            run(["rm", "-rf", "--one-file-system", target / name])


@dataclass(frozen=True)
class Mounting:
    """Shell commands that mount a root, and where it is then."""

    script: str
    root: Path


def layered_on(lower: Path, upper: Path, beside: Path) -> Mounting:
    """`lower` with changes going to the directory `upper`, mounted beside it."""
    root = beside / "merged"
    return Mounting(
        f"mkdir -p {beside}/work {root}\n"
        f"mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={beside}/work"
        f" {root}\n",
        root,
    )


def discardable(lowers: Sequence[Path], place: Path) -> Mounting:
    """The layers `lowers`, top first, with changes in memory, gone with the mount namespace."""
    root = place / "root"
    return Mounting(
        f"mkdir -p {place}\n"
        f"mount -t tmpfs -o mode=755 tmpfs {place}\n"
        f"mkdir {place}/upper {place}/work {root}\n"
        f"mount -t overlay overlay -o lowerdir={':'.join(map(str, lowers))},"
        f"upperdir={place}/upper,workdir={place}/work {root}\n",
        root,
    )


def nspawn_command(mounting: Mounting, arguments: Sequence[str | Path]) -> list[str]:
    """systemd-nspawn on a root that is mounted in a namespace of its own.

    It needs no systemd on the host (`--register=no --keep-unit`).
    """
    nspawn = 'exec systemd-nspawn --quiet --register=no --keep-unit "$@"'
    script = f"set -e\n{mounting.script}{nspawn}"
    return [
        "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
        "--directory", str(mounting.root), *map(str, arguments),
    ]  # fmt: skip


def spawn(
    mounting: Mounting,
    arguments: Sequence[str | Path],
    input: bytes | None = None,  # noqa: A002
) -> Result:
    """Run one command in a root and wait for it. Raises CommandError, or LabError for a mount."""
    try:
        return run(nspawn_command(mounting, arguments), input=input)
    except CommandError as error:
        if "mount: " in error.result.stderr:
            raise LabError(
                f"cannot mount an overlay in {mounting.root.parent}: set NETOP_CACHE to a directory"
                f" on ext4 or xfs\n{error}"
            ) from None
        raise


def authorize(root: Path, key: Path) -> None:
    """Make a key that may log in to `root` as root."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key])
    directory = root / "root/.ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    authorized = directory / "authorized_keys"
    authorized.write_bytes(key.with_suffix(".pub").read_bytes())
    authorized.chmod(0o600)


def contents_of(tree: Path) -> list[str]:
    """Names and contents of all files below `tree`, for a recipe's inputs."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    return [f"{path.relative_to(tree)}\n{path.read_text(encoding='utf-8')}" for path in files]
