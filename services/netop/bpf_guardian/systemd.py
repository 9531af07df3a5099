# SPDX-License-Identifier: Apache-2.0
"""systemd's file descriptor store, by python-systemd."""

from __future__ import annotations


class SystemdKeeper:
    """Keeps descriptors in the store of this unit (FileDescriptorStoreMax=)."""

    def keep(self, name: str, descriptor: int) -> None:
        """Store a duplicate of `descriptor` under `name`."""
        # BPF objects cannot be polled, and are never to be dropped for a hang-up.
        self._notify(f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", [descriptor])

    def forget(self, name: str) -> None:
        """Remove what is stored under `name`."""
        self._notify(f"FDSTOREREMOVE=1\nFDNAME={name}", [])

    @staticmethod
    def _notify(state: str, descriptors: list[int]) -> None:
        # Imported here: the binding exists only where systemd does, the tests run anywhere.
        from systemd import daemon

        if descriptors:
            daemon.notify(state, fds=descriptors)
        else:
            daemon.notify(state)


def given_descriptors() -> dict[str, int]:
    """Return the stored descriptors that systemd handed over at the start, by name."""
    from systemd import daemon

    return {name: number for number, name in daemon.listen_fds_with_names().items()}
