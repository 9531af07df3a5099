# SPDX-License-Identifier: Apache-2.0
"""What a pass came to, as attached.json, as status line and as journal entries. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netop.bpf_guardian.links import LinkTable
from netop.bpf_guardian.plan import Attach, Cause
from netop.bpf_guardian.program import DECISIONS, FIB_RESULTS, Router
from netop.bpf_guardian.wishes import Wishes
from netop.bpf_guardian.workshop import Complaint
from netop.common.documents import Attached, Attachment, Counters
from netop.common.journal import Journal
from netop.common.messages import Message
from netop.common.problem import Problem

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """One pass. `refused` and `fights` go by interface name, `held` by ifindex."""

    wishes: Wishes
    failure: str = ""
    waiting: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    links: LinkTable = field(default_factory=dict)
    held: Mapping[int, int] = field(default_factory=dict)
    complaint: Complaint | None = None
    busy: bool = False
    fights: Mapping[str, int] = field(default_factory=dict)


def attached_document(router: Router | None, outcome: Outcome) -> Attached:
    """Return the document that a pass publishes."""
    by_name = {link.name: link for link in outcome.links.values()}
    interfaces = []
    for name in outcome.wishes.names:
        link = by_name.get(name)
        index = link.index if link is not None else 0
        error = "does not exist (yet)" if link is None else outcome.refused.get(name, "")
        program = 0 if error or name in outcome.resting else outcome.held.get(index, 0)
        interfaces.append(Attachment(name, index, program, error))
    counters = [router.maps[name] for name in (DECISIONS, FIB_RESULTS)] if router else []
    return Attached(
        generation=outcome.wishes.generation,
        program=router.info.id if router is not None else 0,
        tag=router.info.tag if router is not None else "",
        source=router.source if router is not None else "",
        interfaces=tuple(interfaces),
        counters=tuple(Counters(map_.name, map_.id) for map_ in counters),
        problems=tuple(_problems(router, outcome)),
    )


def _problems(router: Router | None, outcome: Outcome) -> Iterable[Problem]:
    if outcome.failure:
        message = Message.KERNEL_UNREADABLE
        yield Problem("kernel", outcome.failure, remedy="it is tried again", message=message)
    if outcome.complaint is not None:
        meanwhile = "" if router is None else f"; program {router.info.id} goes on meanwhile"
        reason = f"{outcome.complaint.reason}{meanwhile}"
        yield Problem(
            "router.c",
            reason,
            remedy=outcome.complaint.remedy,
            message=outcome.complaint.message,
        )
    for name, reason in outcome.refused.items():
        yield Problem(name, reason, interface=name, message=Message.PROGRAM_NOT_ATTACHED)
    for name in outcome.fights:
        yield Problem(
            name,
            "something removes the filter again and again",
            remedy="find it with 'tc monitor'; it is put back, but more slowly",
            interface=name,
            message=Message.PROGRAM_FOUGHT_OVER,
        )
    yield from outcome.wishes.problems


def status_line(router: Router | None, outcome: Outcome, problems: Sequence[Problem]) -> str:
    """Return the sentence for `systemctl status`."""
    if not outcome.wishes.names:
        first = (
            "no interface to attach to"
            if outcome.wishes.sources
            else "waiting for config.yaml or links.json, which name interfaces"
        )
    else:
        first = _progress(router, outcome)
    parts = [first]
    if outcome.wishes.generation:
        parts[0] += f", generation {outcome.wishes.generation}"
    if outcome.waiting:
        parts.append(f"waiting for {_shown(outcome.waiting)}")
    if outcome.busy:
        parts.append("compiling a changed program" if router else "compiling the program")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        parts.append(f"{problems[0]}{more}")
    return "; ".join(parts)


def _progress(router: Router | None, outcome: Outcome) -> str:
    held = sum(1 for link in outcome.links.values() if _is_held(link.name, outcome))
    where = f"on {held} of {len(outcome.wishes.names)} interfaces"
    if router is not None:
        return f"program {router.info.id} {where}"
    if held:
        return f"an earlier program goes on {where}"
    return "without a program yet, the stack routes alone"


def tell_attached(journal: Journal, done: Sequence[Attach], owners: Mapping[str, str]) -> None:
    """Write an entry for each repair, and one for all interfaces that another cause has.

    `owners` are the VRFs by the names of their interfaces.
    """
    for cause in Cause:
        names = [step.link.name for step in done if step.cause is cause]
        if cause.repair:
            for name in names:
                sentence = f"attached to {name}, because {cause.value}"
                about = _about([name], owners)
                journal.notice(sentence, message=Message.PROGRAM_REATTACHED, **about)
        elif names:
            sentence = f"attached to {_shown(names)}, because {cause.value}"
            about = _about(names, owners)
            journal.info(sentence, message=Message.PROGRAM_ATTACHED, **about)


def _about(names: Sequence[str], owners: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    vrfs = dict.fromkeys(owners[name] for name in names if name in owners)
    return {"interface": tuple(names), "vrf": tuple(vrfs)}


def _is_held(name: str, outcome: Outcome) -> bool:
    if name not in outcome.wishes.names or name in outcome.refused or name in outcome.resting:
        return False
    return any(link.name == name and link.index in outcome.held for link in outcome.links.values())


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
