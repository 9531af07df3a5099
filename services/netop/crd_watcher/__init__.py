# SPDX-License-Identifier: Apache-2.0
"""From VRFRouteConfiguration resources and config.yaml to the merged, validated intent."""
