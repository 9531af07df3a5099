# SPDX-License-Identifier: Apache-2.0
"""What systemd says of the daemons, as findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netop.common.units import DAEMONS, FRR, TARGET, Ask, UnitState, parse_units
from netop.ctl.health import Finding, broken, waiting, well

OFF = well("off")


@dataclass(frozen=True)
class DaemonView:
    """One daemon: whether it runs, and its own word on what it does."""

    name: str
    finding: Finding
    status: str


def read_units(ask: Ask) -> dict[str, UnitState]:
    """Return the units of netop and frr.service by name; raises OSError where systemd is not."""
    services = [f"netop-{daemon}.service" for daemon in DAEMONS]
    paths = [f"netop-{daemon}.path" for daemon in DAEMONS]
    units = parse_units(ask([*services, *paths, TARGET, FRR]))
    return {unit.name: unit for unit in units}


def daemon_views(units: Mapping[str, UnitState]) -> tuple[DaemonView, ...]:
    """Return one view a daemon, and one for FRR, without which none of it is of use.

    A daemon that is switched off, service and path unit both, counts as well where
    netop.target is off too: a control-plane node runs the guardian alone.
    """
    wanted = units[TARGET].active == "active"
    views = [
        _daemon(units[f"netop-{daemon}.service"], units[f"netop-{daemon}.path"], wanted=wanted)
        for daemon in DAEMONS
    ]
    return (*views, _frr(units[FRR], wanted=wanted))


def _daemon(service: UnitState, path: UnitState, *, wanted: bool) -> DaemonView:
    name = service.name.removesuffix(".service")
    # What a daemon said last before it was stopped is no news.
    status = service.status if service.active in {"active", "activating"} else ""
    return DaemonView(name, _running(service, path, wanted=wanted), status)


def _running(service: UnitState, path: UnitState, *, wanted: bool) -> Finding:
    look = f"see journalctl -u {service.name.removesuffix('.service')}"
    match (service.active, service.sub):
        case ("active" | "reloading", _):
            return well("running")
        case ("activating", "auto-restart" | "auto-restart-queued"):
            reason = f"ended with {service.result}, restart {service.restarts + 1} follows; {look}"
            return broken("crashed", reason)
        case ("activating", _) if service.restarts:
            return broken("starting", f"again, after {service.restarts} crashes; {look}")
        case ("activating", _):
            return waiting("starting", "not ready yet")
        case ("deactivating", _):
            return waiting("stopping", "on its way down")
        case ("failed", _):
            return broken("failed", f"ended with {service.result}; {look}")
    return _resting(service, path, wanted=wanted)


def _resting(service: UnitState, path: UnitState, *, wanted: bool) -> Finding:
    if service.load == "not-found":
        return broken("absent", "not installed")
    if path.active == "failed":
        return broken("failed", f"its path unit failed; see systemctl status {path.name}")
    if path.active == "active":
        return waiting("waiting", f"waits for {' or '.join(path.paths)}")
    if wanted:
        return waiting("stopped", f"stopped; systemctl start {service.name} starts it")
    return OFF


def _frr(service: UnitState, *, wanted: bool) -> DaemonView:
    if service.active in {"active", "reloading"}:
        return DaemonView("frr", well(service.sub), service.status)
    if not wanted:
        return DaemonView("frr", OFF, "")
    return DaemonView("frr", broken(service.active, "see systemctl status frr"), "")
