# SPDX-License-Identifier: Apache-2.0
"""Every metric there is. docs/metrics.md shows the same table."""

from __future__ import annotations

from netop.exporter.metric import Metric, counter, gauge

BUILD = gauge("netop_build_info", "1; the label is the version of netop.", "version")

# Where the numbers come from.
DOCUMENT_READABLE = gauge(
    "netop_document_readable",
    "1 where a document is there and can be used, 0 where it is damaged or absent.",
    "document",
)
DOCUMENT_PRESENT = gauge(
    "netop_document_present", "1 where the file of a document is there.", "document"
)
DOCUMENT_CHANGED = gauge(
    "netop_document_last_change_timestamp_seconds",
    "When a document last said something new.",
    "document",
)
SYSTEMD_READABLE = gauge("netop_systemd_readable", "1 where systemd answered this scrape.")
COUNTERS_READABLE = gauge(
    "netop_bpf_counters_readable", "1 where bpf-guardian answered this scrape."
)

# Generations: the story of one change through all daemons.
GENERATION = gauge(
    "netop_generation",
    "The generation of the intent that a daemon has come to; crd-watcher's is the newest.",
    "daemon",
)
GENERATION_LAG = gauge(
    "netop_generation_lag", "How many generations a daemon is behind crd-watcher.", "daemon"
)
PROBLEMS = gauge(
    "netop_problems", "Problems that a document tells of, rejected resources left out.", "document"
)

# Resources and VRFs.
RESOURCES = gauge(
    "netop_resources",
    "Resources: accepted, which are in force; rejected, as they stand now.",
    "state",
)
SOURCE = gauge(
    "netop_resources_source",
    "1 for where the resources came from: kubernetes, manifests, or last-good.",
    "source",
)
VRFS = gauge(
    "netop_vrfs",
    "VRFs by the state of their links: prepared, up, leaving, renewing, failed; or policy-only.",
    "state",
)
VRF_SERVED = gauge(
    "netop_vrf_served",
    "1 where a VRF that is wanted is served: FRR was verified to, and its links are up.",
    "vrf",
)
TABLES = gauge("netop_routing_tables", "Routing tables that config.yaml allows for VRFs.")
TABLES_USED = gauge("netop_routing_tables_used", "Routing tables that VRFs have taken of them.")
REPAIRS = counter(
    "netop_link_repairs_total",
    "How often links of a VRF had to be put right that somebody else had changed.",
    "vrf",
)

# FRR.
FRR_ALIVE = gauge(
    "netop_frr_alive",
    "1 while FRR runs with the daemons that netop needs; frr.service may be active without them.",
)
FRR_PROBLEMS = gauge(
    "netop_frr_problems",
    "What stands between FRR and its configuration: change_refused, and rolled back; "
    "candidate_refused, left out; died_of_change; not_repaired, not even by a roll-back; "
    "down, or hung.",
    "kind",
)
RELOADS = counter(
    "netop_frr_reloads_total",
    "Reloads of FRR by result: verified, rolled-back, failed (neither), died (FRR, of it).",
    "result",
)
RELOAD_SECONDS = counter(
    "netop_frr_reload_seconds_total", "Time that reloads of FRR took, verification included."
)
RELOAD_PASSES = counter(
    "netop_frr_reload_passes_total",
    "Passes of frr-reload.py; more than one a reload is FRR's own slip.",
)
LAST_RELOAD = gauge("netop_frr_last_reload_timestamp_seconds", "When the last reload of FRR ended.")
LAST_RELOAD_RESULT = gauge(
    "netop_frr_last_reload_result",
    "1 for how the last reload ended: none, verified, rolled-back, failed.",
    "result",
)
LAST_RELOAD_SECONDS = gauge(
    "netop_frr_last_reload_duration_seconds",
    "How long the last reload took, verification included.",
)
LAST_RELOAD_PASSES = gauge("netop_frr_last_reload_passes", "Passes that the last reload needed.")
LAST_RELOAD_RESIDUALS = gauge(
    "netop_frr_last_reload_residuals",
    "What FRR still lacked, or had too much of, when the last reload ended.",
)

# The eBPF router.
BPF_PROGRAM = gauge(
    "netop_bpf_program_info", "1; the kernel's tag of the program's instructions.", "tag"
)
BPF_INTERFACE = gauge(
    "netop_bpf_interface_attached",
    "1 where the program is attached to an interface that shall have it.",
    "interface",
)
BPF_INTERFACES = gauge(
    "netop_bpf_interfaces",
    "Interfaces that shall have the program: attached, waiting (absent, or not yet), refused.",
    "state",
)
BPF_ATTACHMENTS = counter(
    "netop_bpf_attachments_total",
    "Times the program was attached, by cause; gone and replaced undo what somebody else did.",
    "cause",
)
BPF_PROGRAMS = counter("netop_bpf_programs_total", "Programs that were loaded and proved.")
BPF_PACKETS = counter(
    "netop_bpf_packets_total", "Packets that the program saw, by its decision.", "decision"
)
BPF_BYTES = counter("netop_bpf_bytes_total", "Their bytes.", "decision")
BPF_FIB_PACKETS = counter(
    "netop_bpf_fib_packets_total", "Route lookups of the program, by result.", "result"
)
BPF_FIB_BYTES = counter("netop_bpf_fib_bytes_total", "Bytes of the packets looked up.", "result")

# The API server.
API_CONNECTED = gauge(
    "netop_api_watch_connected", "1 while the watch of the API server stands; absent without one."
)
API_WATCHED_AT = gauge(
    "netop_api_last_watch_timestamp_seconds", "When a watch of the API server was last begun."
)
API_LISTED_AT = gauge(
    "netop_api_last_list_timestamp_seconds", "When the resources were last listed in full."
)
API_WATCHES = counter("netop_api_watches_total", "Watches of the API server that were begun.")
API_LISTS = counter("netop_api_lists_total", "Full lists of the resources.")
API_FAILURES = counter(
    "netop_api_failures_total", "Lists and watches that failed, by the kind of fault.", "fault"
)

# The daemons, in the eyes of systemd.
TARGET_ACTIVE = gauge("netop_target_active", "1 while netop.target is on.")
DAEMON_UP = gauge(
    "netop_daemon_up", "1 while a daemon runs and has said that it is ready.", "daemon"
)
DAEMON_RESTARTS = counter(
    "netop_daemon_restarts_total", "Times that systemd had to start a daemon anew.", "daemon"
)
DAEMON_MEMORY = gauge("netop_daemon_memory_bytes", "Memory of a daemon's unit.", "daemon")
DAEMON_CPU = counter(
    "netop_daemon_cpu_seconds_total", "Processor time of a daemon's unit.", "daemon"
)
FRR_UP = gauge("netop_frr_up", "1 while frr.service is active.")

ALL = tuple(each for each in globals().values() if isinstance(each, Metric))
