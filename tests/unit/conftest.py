# SPDX-License-Identifier: Apache-2.0
"""What all unit tests share."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import settings

from netop.common.journal import Journal, Priority
from netop.common.messages import Message
from tests.unit.catalogue import ENTRIES

# A busy machine makes slow examples; that says nothing about the code.
settings.register_profile("netop", deadline=None, print_blob=True)
settings.load_profile("netop")


@pytest.fixture(autouse=True, scope="session")
def _entries_carry_what_the_catalogue_shows() -> Iterator[None]:
    """Have every story of every daemon prove it: @NETOP_VRF@ would be shown as it stands."""
    send = Journal._send

    def checked(
        self: Journal,
        priority: Priority,
        sentence: str,
        message: Message | None,
        fields: Mapping[str, object],
    ) -> None:
        sent = {f"NETOP_{key.upper()}" for key, value in fields.items() if value not in ("", ())}
        sent |= {"NETOP_GENERATION"} if self.generation is not None else set()
        shown = ENTRIES[message.value].fields if message is not None else frozenset()
        assert shown <= sent, f"{message!r} shows {sorted(shown - sent)}, not sent: {sentence}"
        send(self, priority, sentence, message, fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_send", checked)
        yield
