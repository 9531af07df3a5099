# SPDX-License-Identifier: Apache-2.0
"""What is measured: one noun a file, each a program that runs in a node and prints a Finding."""
