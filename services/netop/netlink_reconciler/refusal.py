# SPDX-License-Identifier: Apache-2.0
"""Why nothing is done about a VRF for now."""

from __future__ import annotations

from typing import Self

from netop.common.messages import Message


class Refusal(str):
    """The reason as a sentence, with its id in the catalogue of messages.

    `interface` is the link to blame, empty where it is none in particular.
    """

    __slots__ = ("interface", "message")

    message: Message
    interface: str

    def __new__(cls, reason: str, message: Message, interface: str = "") -> Self:
        """Return the reason with what belongs to it."""
        refusal = super().__new__(cls, reason)
        refusal.message = message
        refusal.interface = interface
        return refusal
