# SPDX-License-Identifier: Apache-2.0
"""What the node tells the cluster of itself: one status object, and events on rejections."""
