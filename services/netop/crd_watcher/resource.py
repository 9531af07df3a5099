# SPDX-License-Identifier: Apache-2.0
"""VRFRouteConfiguration, from an object of the API or of a file to a frozen dataclass.

Every check of the CRD's schema and rules is made again: an older schema may have let
the object in, and a file has met no schema at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from netop.common import names
from netop.common.edge import Field, FieldError
from netop.common.messages import Message
from netop.common.policy import SEQ_HIGHEST, PrefixRule, ResourcePolicy, rules
from netop.common.problem import Problem

GROUP = "network.schiff.telekom.de"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "VRFRouteConfiguration"
PLURAL = "vrfrouteconfigurations"

_SPEC = ("export", "import", "seq", "vrf")
_ITEM = ("action", "cidr", "ge", "le", "seq")


@dataclass(frozen=True)
class Resource:
    """One VRFRouteConfiguration, checked.

    `created` is its creationTimestamp in ISO 8601, UTC, and empty where it has none, as
    in files; `generation` is its metadata.generation, 0 there. `origin` is the path of its
    file, empty where it comes from the API.
    """

    name: str
    uid: str
    created: str
    origin: str
    vrf: str
    seq: int
    imports: tuple[PrefixRule, ...]
    exports: tuple[PrefixRule, ...]
    generation: int = 0

    @property
    def age_order(self) -> tuple[bool, str, str]:
        """Sorts the older first: by creationTimestamp where there is one, then by name."""
        return (not self.created, self.created, self.name)

    @property
    def policy(self) -> ResourcePolicy:
        """What it adds to its VRF."""
        return ResourcePolicy(self.name, self.seq, self.imports, self.exports)

    @property
    def subject(self) -> str:
        """What messages call it."""
        return subject_of(self.name, self.origin)

    @classmethod
    def parse(cls, field: Field) -> Resource:
        """Return a resource of the last good set; raises FieldError."""
        return cls(
            name=names.object_name(field["name"]),
            uid=field["uid"].text(),
            created=field["created"].text(),
            origin=field["origin"].text(),
            vrf=names.vrf_name(field["vrf"]),
            seq=field["seq"].integer(1, SEQ_HIGHEST),
            imports=rules(field["imports"]),
            exports=rules(field["exports"]),
            # A set that was saved by an older netop has none.
            generation=_generation(field["generation"]),
        )


def subject_of(name: str, origin: str) -> str:
    """Return what messages call the resource `name` from the file `origin`."""
    return f"{KIND} {name} ({origin})" if origin else f"{KIND} {name}"


def resource_of(subject: str) -> str:
    """Return the name of the resource that `subject_of` made a subject of, or an empty text."""
    kind, _, rest = subject.partition(" ")
    return rest.partition(" ")[0] if kind == KIND else ""


def origin_of(subject: str) -> str:
    """Return the file that `subject_of` made a subject with, or an empty text."""
    return subject.partition(" (")[2].removesuffix(")") if resource_of(subject) else ""


def read_resource(body: Field, name: str, origin: str) -> Resource:
    """Return the resource `name` that an object of the API or of a file describes.

    Raises FieldError at the first thing that is wrong with it.
    """
    metadata, spec = body["metadata"], body["spec"]
    _check_keys(spec, _SPEC)
    for direction in ("import", "export"):
        for item in spec[direction].items():
            _check_keys(item, _ITEM)
    return Resource(
        name=name,
        uid=metadata["uid"].optional_text() or "",
        created=_time(metadata["creationTimestamp"]),
        origin=origin,
        vrf=names.vrf_name(spec["vrf"]),
        seq=spec["seq"].integer(1, SEQ_HIGHEST),
        imports=rules(spec["import"]),
        exports=rules(spec["export"]),
        generation=_generation(metadata["generation"]),
    )


def problem_of(body: Field, name: str, origin: str, error: FieldError) -> Problem:
    """Return the complaint about an object that cannot be read."""
    try:
        vrf = names.vrf_name(body["spec"]["vrf"])
    except FieldError:
        vrf = ""
    remedy = f"mend it in {origin}" if origin else f"mend it: kubectl edit {PLURAL} {name}"
    subject = subject_of(name, origin)
    return Problem.of(subject, error, remedy, vrf, message=Message.RESOURCE_REJECTED)


def _check_keys(field: Field, known: tuple[str, ...]) -> None:
    """Refuse a field that we do not know: to ignore it would serve what nobody asked for.

    The API server drops what its schema does not know, so this meets slips of the pen in
    files, and objects of a schema that is newer than this netop.
    """
    for key in field.keys():  # noqa: SIM118  # a Field is no dictionary
        if key not in known and not field[key].absent:
            shown = key if key.isprintable() and len(key) <= 40 else repr(key)[:40]
            place = f"{field.path}.{shown}"
            raise FieldError(place, None, f"is no field of {KIND}; known are {', '.join(known)}")


def _generation(field: Field) -> int:
    return field.optional_integer(0, (1 << 63) - 1) or 0


def _time(field: Field) -> str:
    text = field.optional_text(longest=64)
    if text is None:
        return ""
    try:
        time = datetime.fromisoformat(text)
        # Text of one form and one zone sorts as the times do.
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise field.fail(f"{text!r} is no time such as 2024-01-31T12:00:00Z") from error
