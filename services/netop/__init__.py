# SPDX-License-Identifier: Apache-2.0
"""netop puts a Linux node into an EVPN fabric; see README.md."""

__version__ = "0.1.0"
