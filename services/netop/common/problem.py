# SPDX-License-Identifier: Apache-2.0
"""What is wrong, with whom, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from netop.common.edge import Field, FieldError, encodable, show
from netop.common.messages import Message

#: Resources are subjects by their kind and name.
RESOURCE_KIND = "VRFRouteConfiguration"


# A complaint for people; the readers of documents take 4,096 characters.
_LONGEST = 1000


def cut(text: str) -> str:
    """Return a text for people within bounds, that every reader can write down."""
    text = encodable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@dataclass(frozen=True)
class Problem:
    """One complaint that a person can act on.

    `subject` names the object (``VRFRouteConfiguration red-a``, ``config.yaml``,
    ``vx.red``), `field` the place in it (may be empty), `value` what stands there
    (may be empty), `reason` why that cannot be, `remedy` the way out. `vrf` is the
    VRF that suffers from it, `interface` the link that it is about, both empty where it is
    none in particular. `message` is its id in the catalogue of messages.
    """

    subject: str
    reason: str
    field: str = ""
    value: str = ""
    remedy: str = ""
    vrf: str = ""
    interface: str = ""
    message: Message | None = None

    def __post_init__(self) -> None:
        # A document with one text that is too long for its readers is refused as a whole.
        for name in ("subject", "reason", "field", "value", "remedy"):
            object.__setattr__(self, name, cut(getattr(self, name)))

    @property
    def resource(self) -> str:
        """The name of the resource that it is about, empty where it is about none."""
        kind, _, rest = self.subject.partition(" ")
        return rest.partition(" ")[0] if kind == RESOURCE_KIND else ""

    @property
    def key(self) -> str:
        """What it is about, so that the same complaint is known again."""
        return f"{self.subject}: {self.field}" if self.field else self.subject

    def __str__(self) -> str:
        place = f"{self.subject}: {self.field}" if self.field else self.subject
        shown = f" {self.value!r}" if self.value and self.value not in self.reason else ""
        end = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{shown}: {self.reason}{end}"

    @classmethod
    def of(
        cls,
        subject: str,
        error: FieldError,
        remedy: str = "",
        vrf: str = "",
        *,
        message: Message | None = None,
    ) -> Problem:
        """Return the problem that a value at the edge poses."""
        value = error.value
        shown = value[:120] if isinstance(value, str) else ""
        if isinstance(value, int | float):
            shown = show(value)
        return cls(subject, error.reason, error.path, shown, remedy, vrf, message=message)

    @classmethod
    def parse(cls, field: Field) -> Problem:
        """Return the problem that a document carries; raises FieldError."""
        return cls(
            subject=field["subject"].text(),
            reason=field["reason"].text(),
            field=field["field"].text(),
            value=field["value"].text(),
            remedy=field["remedy"].text(),
            vrf=field["vrf"].text(),
            interface=field["interface"].optional_text() or "",
            message=_message(field["message"]),
        )


def _message(field: Field) -> Message | None:
    # A writer that is newer than its reader may know more of them.
    text = field.optional_text(longest=32)
    return Message(text) if text in set(Message) else None
