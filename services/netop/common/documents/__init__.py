# SPDX-License-Identifier: Apache-2.0
"""The documents in the state directory, as the daemons exchange them.

Each has one writer. A reader parses it whole or not at all, and checks names and
prefixes again: they end up in netlink messages and in frr.conf.
"""

from netop.common.documents.attached import Attached, Attachment, Counters
from netop.common.documents.desired import Desired, DesiredVrf, Source
from netop.common.documents.document import Document, parse_generation
from netop.common.documents.links import Link, LinkedVrf, Links, VrfState
from netop.common.documents.served import Reload, ReloadResult, Served, ServedVrf

__all__ = [
    "Attached",
    "Attachment",
    "Counters",
    "Desired",
    "DesiredVrf",
    "Document",
    "Link",
    "LinkedVrf",
    "Links",
    "Reload",
    "ReloadResult",
    "Served",
    "ServedVrf",
    "Source",
    "VrfState",
    "parse_generation",
]
