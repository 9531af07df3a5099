# SPDX-License-Identifier: Apache-2.0
"""What the daemons share: documents, settings, the loop. It never imports a daemon."""
