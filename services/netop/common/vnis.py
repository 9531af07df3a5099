# SPDX-License-Identifier: Apache-2.0
"""`vnimap` of config.yaml: which VRF has which VNI, also where entries are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netop.common import names
from netop.common.edge import Field, FieldError, show


@dataclass(frozen=True)
class Slip:
    """An entry that cannot be used; `remedy` says what goes on, `vrf` whom it is about."""

    error: FieldError
    remedy: str
    vrf: str = ""


def read_vnis(field: Field, before: Mapping[str, int]) -> tuple[dict[str, int], tuple[Slip, ...]]:
    """Return the VNIs by VRF, and the entries that are wrong; raises FieldError where `field`
    is no mapping. `before` is what was in force, see `allot`.
    """
    if not isinstance(field.value, dict):
        raise field.misfit("not a mapping")
    slips: list[Slip] = []
    entries = dict(_entries(field, field.value, slips))
    wanted: dict[str, int | None] = {}
    errors: dict[str, FieldError] = {}
    for key, value in entries.items():
        try:
            wanted[names.vrf_name(Field(key, value.path))] = None
            wanted[key] = names.vni(value)
        except FieldError as error:
            errors[key] = error
    found = allot(wanted, before)
    holders = {vni: name for name, vni in found.items()}
    for name, vni in wanted.items():
        if vni is not None and holders[vni] != name:
            errors[name] = entries[name].fail(f"VNI {vni} already belongs to VRF {holders[vni]}")
    slips += (
        Slip(errors[key], _remedy(found.get(key)), key[:12]) for key in entries if key in errors
    )
    return found, tuple(slips)


def _remedy(vni: int | None) -> str:
    if vni is None:
        return "this VRF is left out until it is mended"
    return f"VNI {vni} stays in force meanwhile"


def _entries(
    field: Field, mapping: dict[object, object], slips: list[Slip]
) -> Iterator[tuple[str, Field]]:
    """Yield the entries whose keys are text, and add the others to `slips`."""
    seen: set[str] = set()
    for key, value in mapping.items():
        # As Kubernetes reads YAML. YAML 1.1 makes a bool of `no`, which nobody means.
        whole = isinstance(key, int) and not isinstance(key, bool)
        text = key if isinstance(key, str) else show(key) if whole else None
        if text is None or text in seen:
            wrong = "is not text; write it in quotes" if text is None else "stands twice"
            error = field.fail(f"the key {show(key)} {wrong}")
            slips.append(Slip(error, "this entry is left out until it is mended"))
            continue
        seen.add(text)
        yield text, Field(value, f"{field.path}.{text[:40]}")


def allot(wanted: Mapping[str, int | None], before: Mapping[str, int]) -> dict[str, int]:
    """Return the VNI of each VRF that can have one.

    `wanted` is in the order of the file, None where the entry cannot be used; `before` is
    what was in force. A VNI that is wanted twice stays with the VRF that had it, else it
    goes to the first. A VRF that does not get what it wants keeps what it had.
    """
    claims = {name: before.get(name) if vni is None else vni for name, vni in wanted.items()}
    while True:
        holders = _holders(claims, before)
        losers = [name for name, vni in claims.items() if vni and holders[vni] != name]
        if not losers:
            return {name: vni for vni, name in holders.items()}
        for name in losers:
            # What it had may be wanted by another one as well: hence the loop.
            had = before.get(name)
            claims[name] = had if had != claims[name] else None


def _holders(claims: Mapping[str, int | None], before: Mapping[str, int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, vni in claims.items():
        if vni and (vni not in found or before.get(name) == vni):
            found[vni] = name
    return found
