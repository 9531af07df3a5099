# SPDX-License-Identifier: Apache-2.0
"""The lab: boots a netop node for the demo and the tests, as a container or as a machine.

It runs with the bare python3 of a Debian 12 or 13 host, as root, and installs what it needs.
"""
