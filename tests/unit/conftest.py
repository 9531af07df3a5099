# SPDX-License-Identifier: Apache-2.0
"""What all unit tests share."""

from hypothesis import settings

# A busy machine makes slow examples; that says nothing about the code.
settings.register_profile("netop", deadline=None, print_blob=True)
settings.load_profile("netop")
