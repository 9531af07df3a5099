# SPDX-License-Identifier: Apache-2.0
"""frr.conf for 500 resources with 100 prefixes each."""

from __future__ import annotations

import ipaddress
import subprocess
import tempfile
import time
from collections.abc import Callable

from netop.common.documents import DesiredVrf
from netop.common.policy import Action, PrefixRule, ResourcePolicy
from netop.frr_templater.lint import lint
from netop.frr_templater.model import route_maps, vrf_model
from netop.frr_templater.render import Intent, render
from netop.frr_templater.template import Template, make_template, parse_template
from tests.bench.figures import Aim, Finding, Line, say, tell
from tests.container.inside.frr_node import BASE

VRFS, EACH, PREFIXES = 50, 10, 100
RUNS = 9


def main() -> None:
    template = parse_template(make_template(BASE, "frr.conf"), "frr.conf")
    address = ipaddress.IPv4Address("192.0.2.1")
    intent = Intent(tuple(vrf(number) for number in range(VRFS)), "node", address, address)
    text = render(template, intent)
    say(f"{text.count(chr(10))} lines, {len(text) / 1e6:.1f} MB")
    rendering, floor, linting, checking = [], [], [], []
    for _ in range(RUNS):
        rendering.append(seconds(lambda: render(template, intent)))
        floor.append(seconds(lambda: plain(intent)))
        linting.append(seconds(lambda: look_over(text, template, intent)))
        checking.append(seconds(lambda: vtysh_check(text)))
    what = f"{VRFS * EACH} resources × {PREFIXES} prefixes"
    tell(Finding((
        Line(f"render, {what}", "s", tuple(rendering), "only the prefix-lists' lines, by f-strings",
             tuple(floor), Aim("below 1 s", plus=1.0)),
        Line(f"lint, {what}", "s", tuple(linting), "`vtysh -C` of the same file",
             tuple(checking)),
    ), (f"The file has {text.count(chr(10)):,} lines and {len(text) / 1e6:.1f} MB.",)))  # fmt: skip


def vrf(number: int) -> DesiredVrf:
    policies = tuple(policy(number, place) for place in range(EACH))
    return DesiredVrf(f"v{number:03}", 5000 + number, policies)


def policy(vrf_number: int, place: int) -> ResourcePolicy:
    first = (vrf_number * EACH + place) * PREFIXES
    rules = tuple(
        PrefixRule(network(first + item), item + 1, Action.PERMIT, le=32)
        for item in range(PREFIXES)
    )
    half = PREFIXES // 2
    return ResourcePolicy(f"r{vrf_number}-{place}", 10 + place, rules[:half], rules[half:])


def network(number: int) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(((10 << 24) + (number << 8), 24))


def plain(intent: Intent) -> str:
    """The least that Python has to do: one string for each rule."""
    return "\n".join(
        f"ip prefix-list pl_{vrf.name}_{direction}_{policy.seq} seq {rule.seq} permit {rule.cidr}"
        for vrf in intent.vrfs
        for policy in vrf.policies
        for direction, rules in (("import", policy.imports), ("export", policy.exports))
        for rule in rules
    )


def look_over(text: str, template: Template, intent: Intent) -> None:
    ours = route_maps(vrf_model(vrf, ipv6=template.ipv6) for vrf in intent.vrfs)
    assert not [issue for issue in lint(text, ours, None, "10.3") if not issue.harmless]


def vtysh_check(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        subprocess.run(["vtysh", "-C", "-f", file.name], check=True, capture_output=True)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
