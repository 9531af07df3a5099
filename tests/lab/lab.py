# SPDX-License-Identifier: Apache-2.0
"""The lab's front door: nodes of both kinds, with everything they need made on the way."""

from collections.abc import Sequence
from functools import cached_property

from tests.lab.cache import Cache, Held
from tests.lab.container import Bind, Container
from tests.lab.fabric import FABRIC_INPUTS, join
from tests.lab.host import Host
from tests.lab.image import MachineImage
from tests.lab.progress import Progress
from tests.lab.qemu import Hardware
from tests.lab.roots import NodeRoot, WorkshopLayer
from tests.lab.rundir import sweep
from tests.lab.saved import SavedMachine, boot_afresh, start_saved
from tests.lab.vm import Source, VirtualMachine
from tests.lab.workshop import Workshop

#: Reads what an installation and the daemons will read: memory is saved with the machine, and an
#: emulated disk is slow.
WARMING = (
    "apt-get check -q && vtysh -c 'show version' && "
    "python3 -c 'import bcc, jinja2, pyroute2, sdbus, watchdog.observers, yaml' && "
    "cat /usr/lib/x86_64-linux-gnu/lib{LLVM,clang-cpp,bcc,bpf}*.so.* >/dev/null"
)


def prepare(machine: VirtualMachine) -> None:
    """What is done with a machine before it is saved."""
    join(machine)
    machine.run(["bash", "-c", WARMING])


class Lab:
    """Prepares the host when it is made; keeps what it obtained from the cache until it goes."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()
        self.host = Host(self.progress)
        self.host.prepare()
        self.cache = Cache(self.progress)
        sweep(self.cache)

    @cached_property
    def node_root(self) -> Held:
        return self.cache.obtain(NodeRoot(self.host.mirror))

    @cached_property
    def image(self) -> Held:
        return self.cache.obtain(MachineImage(self.node_root))

    @cached_property
    def workshop(self) -> Workshop:
        layer = WorkshopLayer(self.node_root.path, self.node_root.key, self.host.mirror)
        return Workshop(self.cache, self.node_root, self.cache.obtain(layer))

    @property
    def saved_machine(self) -> SavedMachine:
        key = self.node_root.path / "id_ed25519"
        source = Source(self.image, key, Hardware.here(), (self.node_root.lock, self.image.lock))
        return SavedMachine(self.cache, source, self.progress, prepare, (*FABRIC_INPUTS, WARMING))

    def prepare_node_root(self) -> None:
        """Obtain what workshop and machine share, before both are made at the same time."""
        assert self.node_root

    def prepare_machine(self) -> None:
        """Put into the cache what `machine` starts from."""
        self.cache.obtain(self.saved_machine).release()

    def container(self, binds: Sequence[Bind] = ()) -> Container:
        """A booted container."""
        return Container(self.cache, self.node_root, self.progress, binds)

    def booted_workshop(self, binds: Sequence[Bind] = ()) -> Container:
        """A booted container that has the workshop's tools, too."""
        layers = self.workshop.layers
        return Container(self.cache, self.node_root, self.progress, binds, layers)

    def machine(
        self, *, name: str = "vm", survives: bool = False, afresh: bool = False
    ) -> VirtualMachine:
        """A machine in its fabric; `afresh` boots it instead of loading a saved one."""
        start = boot_afresh if afresh else start_saved
        return start(self.saved_machine, name=name, survives=survives)
