# SPDX-License-Identifier: Apache-2.0
"""bpf-guardian: keeps the eBPF router attached where it belongs."""
