# SPDX-License-Identifier: Apache-2.0
"""The one place that imports pyroute2.

0.9 and later is an asyncio rewrite; keeping the import here keeps the move small.
"""

from __future__ import annotations

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

__all__ = ["IPRoute", "NetlinkError"]
