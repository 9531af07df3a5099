# SPDX-License-Identifier: Apache-2.0
"""A machine saved while it ran, so that the next one is there within seconds of its start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.cache import Cache, Held
from tests.lab.process import LabError, run
from tests.lab.progress import Progress
from tests.lab.vm import Source, VirtualMachine

#: What to do with the machine before it is saved.
Preparation = Callable[[VirtualMachine], None]


@dataclass(frozen=True)
class SavedMachine:
    """`disk.qcow2` and `state`, of a machine that has booted and was prepared."""

    cache: Cache
    source: Source
    progress: Progress
    prepare: Preparation
    prepare_inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return "machine"

    @property
    def inputs(self) -> Sequence[str]:
        return (self.source.image.key, *self.source.hardware.inputs, *self.prepare_inputs, "1")

    def build(self, target: Path) -> None:
        machine = VirtualMachine.boot(self.cache, self.source, self.progress, name="build")
        disk = machine.directory / "disk.qcow2"
        with machine:
            self.progress.say("  the machine is up")
            self.prepare(machine)
            machine.freeze(target / "state")
            run(["mv", disk, target / "disk.qcow2"])


def start_saved(recipe: SavedMachine, *, name: str, survives: bool) -> VirtualMachine:
    """A machine from its saved state; booted afresh where QEMU cannot load that."""
    held = recipe.cache.obtain(recipe)
    locks = (*recipe.source.locks, held.lock)
    try:
        return VirtualMachine.boot(
            recipe.cache, replace(recipe.source, saved=held, locks=locks), recipe.progress,
            name=name, survives=survives,
        )  # fmt: skip
    except LabError as error:
        recipe.progress.say(f"the saved machine did not start, booting a new one: {error}")
        recipe.cache.discard(held)
    return boot_afresh(recipe, name=name, survives=survives)


def boot_afresh(recipe: SavedMachine, *, name: str, survives: bool) -> VirtualMachine:
    """A machine from its image, prepared in the same way."""
    machine = VirtualMachine.boot(
        recipe.cache, recipe.source, recipe.progress, name=name, survives=survives
    )
    try:
        recipe.prepare(machine)
    except BaseException:
        machine.stop()
        raise
    return machine


def release(held: Sequence[Held]) -> None:
    """Let go of artefacts; what a machine still uses stays held by it."""
    for artefact in held:
        artefact.release()
