# SPDX-License-Identifier: Apache-2.0
"""Makes the kernel's links what `desired` and `served` ask for, and keeps them so."""
