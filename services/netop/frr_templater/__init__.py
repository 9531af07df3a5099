# SPDX-License-Identifier: Apache-2.0
"""frr-templater: turns `desired` into frr.conf, and proves that FRR serves it."""
