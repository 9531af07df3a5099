# SPDX-License-Identifier: Apache-2.0
"""netopctl, the command for people. It reads what the daemons publish; `cleanup` alone acts."""
