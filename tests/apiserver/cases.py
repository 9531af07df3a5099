# SPDX-License-Identifier: Apache-2.0
"""What the CRD takes and what it refuses: the changes to a good spec, and the complaint."""

from dataclasses import dataclass
from typing import Any

ABSENT = object()


@dataclass(frozen=True)
class Refused:
    """A change to a good spec, the field that the complaint names, and a part of its text."""

    name: str
    change: dict[str, Any]
    field: str
    message: str


def entry(cidr: object = "10.0.0.0/8", **rest: Any) -> dict[str, Any]:
    """An entry of a list; a value that is ABSENT is left out."""
    whole = {"cidr": cidr, "action": "permit", **rest}
    return {key: value for key, value in whole.items() if value is not ABSENT}


def imports(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"import": list(entries)}


def of_vrf(name: str, vrf: object, message: str) -> Refused:
    return Refused(f"vrf {name}", {"vrf": vrf}, "spec.vrf", message)


def of_cidr(cidr: str) -> Refused:
    wanted = "must be an IPv4 or IPv6 prefix with its length in bits"
    return Refused(f"cidr {cidr!r}", imports(entry(cidr)), "spec.import[0].cidr", wanted)


def of_item(name: str, item: dict[str, Any], field: str, message: str) -> Refused:
    return Refused(name, imports(item), f"spec.import[0].{field}", message)


REFUSED = (
    Refused("no seq", {"seq": ABSENT}, "spec.seq", "Required value"),
    Refused("seq 0", {"seq": 0}, "spec.seq", "greater than or equal to 1"),
    Refused("seq 65535", {"seq": 65535}, "spec.seq", "less than or equal to 65534"),
    Refused("seq as text", {"seq": "10"}, "spec.seq", "must be of type integer"),
    of_vrf("missing", ABSENT, "Required value"),
    of_vrf("empty", "", "at least 1 chars long"),
    of_vrf("of 13 characters", "a" * 13, "may not be more than 12"),
    *(
        of_vrf(name, vrf, "must be letters, digits, '_', '-' and '.'")
        for name, vrf in {
            "with a space": "a b", "with a slash": "a/b", "with a line break": "a\nb",
            "ending in a line break": "red\n", "of an option": "-a", "hidden": ".a",
            "not ASCII": "rød", "with a comment": "a!", "with a colon": "a:b",
        }.items()
    ),
    *map(of_cidr, (
        "", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "10.0.0.256/8", "010.0.0.0/8",
        "10.0.0.0/255.0.0.0", "10.0.0.0/8 le 32", "10.0.0.0/8\n", "any", "2001:db8::/129",
        "2001:db8:::/32", "fe80::1%eth0/64", "::ffff:10.0.0.0/104", "2001:db8::", "10.0.0.0/08",
    )),
    of_item("no cidr", entry(ABSENT), "cidr", "Required value"),
    of_item("no action", entry(action=ABSENT), "action", "Required value"),
    of_item("another action", entry(action="allow"), "action", '"permit", "deny"'),
    of_item("ge below the length", entry(ge=7), "ge", "below the prefix length of 10.0.0.0/8"),
    of_item("le below the length", entry(le=7), "le", "below the prefix length of 10.0.0.0/8"),
    of_item("le below ge", entry(ge=24, le=16), "le", "le is below ge of 10.0.0.0/8"),
    of_item("ge beyond IPv4", entry(ge=33), "ge", "beyond the 32 bits of an IPv4 address"),
    of_item("le beyond IPv4", entry(le=33), "le", "beyond the 32 bits of an IPv4 address"),
    of_item("le of IPv6 on IPv4", entry(le=128), "le", "beyond the 32 bits of an IPv4 address"),
    of_item("le beyond IPv6", entry("2001:db8::/32", le=129), "le", "less than or equal to 128"),
    of_item("ge beyond IPv6", entry("2001:db8::/32", ge=129), "ge", "less than or equal to 128"),
    of_item("ge below the length of IPv6", entry("2001:db8::/32", ge=24), "ge",
            "below the prefix length of 2001:db8::/32"),
    of_item("negative ge", entry(ge=-1), "ge", "greater than or equal to 0"),
    of_item("negative le", entry(le=-1), "le", "greater than or equal to 0"),
    of_item("seq 0 of an entry", entry(seq=0), "seq", "greater than or equal to 1"),
    of_item("seq 2^32 of an entry", entry(seq=1 << 32), "seq", "less than or equal to 4294967295"),
    Refused("the same seq twice", imports(entry(seq=5), entry(seq=7), entry(seq=5)), "spec.import",
            "two entries of the list have the same seq"),
    Refused("a seq that an earlier place has", imports(entry(), entry(seq=1)), "spec.import",
            "the seq of an entry is also the place of an entry without seq"),
    Refused("a seq that a later place has", imports(entry(seq=2), entry()), "spec.import",
            "the seq of an entry is also the place of an entry without seq"),
    Refused("a list that is an object", {"import": {}}, "spec.import", "must be of type array"),
    Refused("an entry that is text", {"import": ["10.0.0.0/8"]}, "spec.import[0]",
            "must be of type object"),
    Refused("the second of an export list", {"export": [entry(), entry(le=4)]}, "spec.export[1].le",
            "below the prefix length of 10.0.0.0/8"),
    Refused("the same seq twice in export", {"export": [entry(seq=5), entry(seq=5)]}, "spec.export",
            "two entries of the list have the same seq"),
)  # fmt: skip

#: What the node, which checks again, would take: it reads `::ffff:10.0.0.0/104` as IPv6.
STRICTER_THAN_NODE = {"cidr '::ffff:10.0.0.0/104'", "cidr '10.0.0.0/08'"}

ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": {},
    "without lists": {"import": ABSENT, "export": ABSENT},
    "the lowest seq": {"seq": 1},
    "the highest seq": {"seq": 65534},
    "a vrf of 12 characters": {"vrf": "abc_DEF.1-23"},
    "a vrf of one character": {"vrf": "7"},
    "ge at the length": imports(entry(ge=8)),
    "le at the length": imports(entry(le=8)),
    "ge and le alike": imports(entry(ge=24, le=24)),
    "le at the end of IPv4": imports(entry(le=32)),
    "ge beyond 32 for IPv6": imports(entry("2001:db8::/32", ge=48, le=128)),
    "bits behind the length": imports(entry("10.1.2.3/8"), entry("2001:db8::1/32")),
    "everything": imports(entry("0.0.0.0/0", le=32), entry("::/0", le=128)),
    "one address": imports(entry("192.0.2.1/32"), entry("2001:db8::1/128")),
    "long ways to write": imports(entry("2001:0db8:0000:0000:0000:ffff:255.255.255.255/128")),
    "the highest seq of an entry": imports(entry(seq=(1 << 32) - 1)),
    "the own place as seq": imports(entry(seq=1), entry(seq=2)),
    "seq out of order": imports(entry(seq=20), entry(seq=10)),
    "some seq, out of the way": imports(entry(), entry(seq=10), entry()),
    "the same seq in both lists": {"import": [entry(seq=1)], "export": [entry(seq=1)]},
    "the same cidr twice": imports(entry(), entry(action="deny")),
    "both families in one list": imports(entry(), entry("2001:db8::/32")),
}
