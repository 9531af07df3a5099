# SPDX-License-Identifier: Apache-2.0
"""Measures netop beside what people would use instead; `make bench` writes docs/benchmarks.md."""
