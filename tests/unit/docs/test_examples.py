# SPDX-License-Identifier: Apache-2.0
"""The example files do what the pages say of them, as far as no node is needed."""

from __future__ import annotations

import configparser
import ipaddress
import re
from pathlib import Path

import pytest

from netop.common.settings import Settings, parse_settings
from netop.crd_watcher.manifests import read_manifests
from netop.crd_watcher.merge import Merged, merge
from netop.ctl.validate import validate
from netop.frr_templater.lint import lint
from netop.frr_templater.model import route_maps, vrf_model
from netop.frr_templater.render import Intent, render
from netop.frr_templater.template import make_template, parse_template
from netop.netlink_reconciler.link import VXLAN_OVERHEAD
from netop.netlink_reconciler.wanted import router_mac
from tests.unit.docs.pages import SOURCE, page

EXAMPLES = SOURCE / "docs" / "examples"
NODE = EXAMPLES / "node"
NETWORK = NODE / "etc" / "systemd" / "network"
CONFIG = NODE / "opt" / "network-operator" / "config.yaml"
MANIFESTS = NODE / "etc" / "netop" / "manifests"
ASN = 4200065169
VTEP = ipaddress.IPv4Address("10.50.0.11")


def settings() -> Settings:
    return parse_settings(CONFIG.read_text(encoding="utf-8"), str(CONFIG))


def merged() -> Merged:
    return merge(read_manifests(MANIFESTS).resources, settings())


def network(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(NETWORK / name, encoding="utf-8")
    return parser


def test_every_file_is_told_of() -> None:
    told = page("examples/README.md").text
    for path in EXAMPLES.rglob("*"):
        # The management VRF's files are told of as a range.
        if path.is_file() and path.name != "README.md" and not re.match(r"4\d-", path.name):
            assert path.name in told or path.suffix in told, path


@pytest.mark.parametrize(
    "file", sorted(EXAMPLES.rglob("config.yaml")), ids=lambda file: file.parts[-4]
)
def test_config_yaml_has_no_slip(file: Path) -> None:
    found = parse_settings(file.read_text(encoding="utf-8"), str(file))
    assert found.problems == ()
    assert "br.mgmt_vrf" in found.bpf_interfaces


def test_the_manifests_pass_netopctl_validate() -> None:
    assert validate([MANIFESTS], CONFIG) == ([], 2)
    assert validate([SOURCE / "packaging/kubernetes/examples"], None) == ([], 3)


def test_frr_conf_becomes_a_template_and_renders_without_an_issue() -> None:
    origin = NODE / "etc/frr/frr.conf"
    template = parse_template(make_template(origin.read_text(encoding="utf-8"), "frr.conf"), "tpl")
    assert template.asn == ASN
    assert template.ipv6
    assert merged().rejected == ()
    vrfs = merged().vrfs
    text = render(template, Intent(vrfs, "node", VTEP, ipaddress.IPv4Address("10.60.0.1")))
    ours = route_maps(vrf_model(vrf, ipv6=True) for vrf in vrfs)
    assert lint(text, ours, ASN, "10.3") == ()
    assert "vrf vr.red\n vni 5001\n" in text


def test_the_underlay_has_one_address_and_room_for_the_tunnels() -> None:
    wide = int(network("10-dum.underlay.netdev")["NetDev"]["MTUBytes"])
    assert wide >= settings().node.mtu + VXLAN_OVERHEAD
    assert int(network("20-uplink.network")["Link"]["MTUBytes"]) >= wide
    assert network("10-dum.underlay.network")["Network"]["Address"] == f"{VTEP}/32"


def test_the_management_tunnel_is_as_netop_would_make_it() -> None:
    netdev = network("44-vx.200.netdev")
    assert netdev["NetDev"]["MACAddress"] == router_mac(VTEP)
    assert netdev["VXLAN"]["Local"] == str(VTEP)
    assert netdev["NetDev"]["MTUBytes"] == str(settings().node.mtu)


def test_the_management_table_is_none_of_netops() -> None:
    node = settings().node
    table = int(network("40-mgmt_vrf.netdev")["VRF"]["Table"])
    assert not node.table_first <= table <= node.table_last


def test_networkd_leaves_netops_links_alone_and_knows_its_own() -> None:
    assert sorted(NETWORK.glob("*.network"))[-1].name == "90-netop.network"
    kept = network("90-netop.network")["Match"]["Name"].split()
    assert kept == ["vr.*", "br.*", "vx.*", "vd.*", "dv.*"]
    # Files of its own come first, for br.cluster and the like match, too.
    for name in ("br.cluster", "br.mgmt_vrf", "vx.200"):
        assert any(f"Name={name}\n" in path.read_text() for path in NETWORK.glob("[0-8]*.network"))
