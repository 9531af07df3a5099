# SPDX-License-Identifier: Apache-2.0
"""frr.service over D-Bus: its state, its reload, and a wake-up when it changes.

The one place that imports sdbus. The interface is org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import sdbus
from sdbus import DbusInterfaceCommonAsync, dbus_method_async, dbus_property_async
from sdbus.exceptions import SdBusBaseError, SdBusLibraryError

_NAME = "org.freedesktop.systemd1"
_MANAGER_PATH = "/org/freedesktop/systemd1"
_MANAGER = "org.freedesktop.systemd1.Manager"

# frr.service allows a reload two minutes (TimeoutSec=2m); systemd then ends the job itself.
RELOAD_LIMIT = 180.0


class SystemdError(Exception):
    """systemd cannot be reached, or refuses."""


class _Manager(DbusInterfaceCommonAsync, interface_name=_MANAGER):
    @dbus_method_async(method_name="Subscribe")
    async def subscribe(self) -> None:
        raise NotImplementedError

    @dbus_method_async("s", "o", method_name="LoadUnit")
    async def load_unit(self, _name: str) -> str:
        raise NotImplementedError

    @dbus_method_async("ss", "o", method_name="ReloadUnit")
    async def reload_unit(self, _name: str, _mode: str) -> str:
        raise NotImplementedError


class _Unit(DbusInterfaceCommonAsync, interface_name="org.freedesktop.systemd1.Unit"):
    @dbus_property_async("s", property_name="ActiveState")
    def active_state(self) -> str:
        raise NotImplementedError


class Service:
    """One service of the node's systemd."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        """`changed` is called, in the loop's thread, whenever the unit may have changed."""
        self._name = name
        self._changed = changed
        self._results: dict[str, str] = {}
        self._removed = asyncio.Event()
        self._slots: list[Any] = []
        self._manager: _Manager | None = None
        self._unit: _Unit | None = None

    async def active_state(self) -> str:
        """Return "active", "reloading", "inactive", "failed" and so on; raises SystemdError."""
        try:
            _, unit = await self._connected()
            return str(await unit.active_state)
        except SdBusBaseError as error:
            raise self._lost(error, f"the state of {self._name} cannot be read") from error

    async def reload(self) -> str:
        """Reload the service and return the job's result: "done", "failed", "timeout" ...

        Raises SystemdError where no job came about, or none ended.
        """
        try:
            manager, _ = await self._connected()
            job = await manager.reload_unit(self._name, "replace")
        except SdBusBaseError as error:
            raise self._lost(error, f"{self._name} cannot be reloaded") from error
        try:
            return await asyncio.wait_for(self._result(job), RELOAD_LIMIT)
        except TimeoutError as error:
            raise SystemdError(
                f"the reload of {self._name} did not end in {RELOAD_LIMIT:g} s"
            ) from error

    async def _result(self, job: str) -> str:
        # JobRemoved may have come before the reply that names the job.
        while job not in self._results:
            self._removed.clear()
            await self._removed.wait()
        result = self._results[job]
        self._results.clear()
        return result

    async def _connected(self) -> tuple[_Manager, _Unit]:
        if self._manager is None or self._unit is None:
            bus = sdbus.sd_bus_open_system()
            manager = _Manager.new_proxy(_NAME, _MANAGER_PATH, bus)
            # Matches first: nothing that happens after this line goes unseen.
            self._slots = [
                await bus.match_signal_async(
                    _NAME, _MANAGER_PATH, _MANAGER, "JobRemoved", self._job_removed
                )
            ]
            await manager.subscribe()
            path = await manager.load_unit(self._name)
            self._slots.append(
                await bus.match_signal_async(
                    _NAME,
                    path,
                    "org.freedesktop.DBus.Properties",
                    "PropertiesChanged",
                    lambda _message: self._changed(),
                )
            )
            self._unit = _Unit.new_proxy(_NAME, path, bus)
            self._manager = manager
        return self._manager, self._unit

    def _job_removed(self, message: Any) -> None:
        _number, job, unit, result = message.get_contents()
        if unit == self._name:
            self._results[job] = result
            self._removed.set()

    def _lost(self, error: Exception, sentence: str) -> SystemdError:
        """Return what to raise; the next call connects anew, should the bus be gone."""
        self._manager = self._unit = None
        self._slots.clear()
        # The library's own errors are places in its source.
        why = "the bus is gone" if isinstance(error, SdBusLibraryError) else error
        return SystemdError(f"{sentence}: {why}")
