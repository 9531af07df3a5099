# SPDX-License-Identifier: Apache-2.0
"""netop-exporter: the documents, counts and units of this node as Prometheus metrics."""
