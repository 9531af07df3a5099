# SPDX-License-Identifier: Apache-2.0
"""What the journal is told of what happens once; what lasts are problems."""

from __future__ import annotations

from netop.common.documents import Served
from netop.common.journal import Journal
from netop.common.messages import Message
from netop.frr_templater.files import Files


def tell_made(journal: Journal, files: Files) -> None:
    """Tell that there is a template from now on."""
    journal.info(
        f"made {files.template} from {files.configuration}, once; "
        "from now on it is the one to edit",
        message=Message.TEMPLATE_MADE,
    )


def tell_life(journal: Journal, new: set[tuple[str, int]]) -> None:
    """Tell which daemons are new; of one that is gone and needed, `version` has told."""
    if new:
        journal.notice(
            f"FRR started anew ({', '.join(sorted(name for name, _ in new))}); "
            "looking what it serves",
            message=Message.FRR_STARTED_ANEW,
        )


def tell_served(journal: Journal, before: Served | None, after: Served) -> None:
    """Tell of each VRF that FRR serves from now on, or no more."""
    known = before.vrfs if before is not None else ()
    for vrf in after.vrfs:
        if vrf not in known:
            what = "its route-maps" if vrf.vni is None else f"VNI {vrf.vni}"
            sentence = f"VRF {vrf.name}: FRR serves {what}"
            journal.info(sentence, message=Message.VRF_SERVED, vrf=vrf.name)
    for name in sorted({vrf.name for vrf in known} - {vrf.name for vrf in after.vrfs}):
        sentence = f"VRF {name}: FRR has let go of it"
        journal.info(sentence, message=Message.VRF_GONE, vrf=name)
