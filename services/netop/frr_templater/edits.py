# SPDX-License-Identifier: Apache-2.0
"""What somebody else wrote into frr.conf: it is put back, and not lost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from netop.common.journal import Journal
from netop.common.messages import Message
from netop.common.store import replace_file
from netop.frr_templater.files import Files
from netop.frr_templater.state import State


@dataclass(frozen=True)
class Edits:
    """Keeps a copy at `path` of a frr.conf that is not netop's."""

    path: Path
    files: Files
    journal: Journal

    def rescue(self, disk: str | None, known: Collection[str], state: State) -> None:
        """Keep a copy of `disk`, and say so, unless it is known or netop wrote it.

        Before netop wrote anything it is as provisioned. Raises OSError.
        """
        if disk is None or disk in known or not state.written or state.ours(disk):
            return
        replace_file(self.path, disk, mode=0o600)
        self.journal.warning(
            f"{self.files.configuration} was changed by somebody else and is put back; the "
            f"change is kept in {self.path}; make it in {self.files.template} instead",
            message=Message.HAND_EDIT_PUT_BACK,
        )
