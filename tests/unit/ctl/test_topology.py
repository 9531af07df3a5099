# SPDX-License-Identifier: Apache-2.0
"""`netopctl topology` draws each VRF between the default VRF and the fabric."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree as ET

from netop.common.documents import VrfState
from netop.ctl.topology import svg, text
from netop.ctl.vrfs import Documents, VrfView, vrf_views
from tests.unit.ctl.documents import linked, well_documents

SVG = "{http://www.w3.org/2000/svg}"


def views(documents: Documents | None = None) -> tuple[VrfView, ...]:
    return vrf_views(documents or well_documents())


def test_the_text_shows_the_links_in_their_order() -> None:
    lines = list(text(views()))
    assert lines[0] == "default VRF"
    assert lines[1] == " ├─ dv.blue ═ vd.blue [vr.blue] br.blue ─ vx.blue ═ VNI 5002"
    assert lines[3] == " ├─ mgmt_vrf (links of provisioning)"
    assert lines[5].startswith(" └─ dv.red")
    assert list(text(())) == ["default VRF", " └─ no VRF"]


def test_the_image_is_well_formed_and_has_every_vrf() -> None:
    image = ET.fromstring("\n".join(svg(views())))
    words = [element.text for element in image.iter(f"{SVG}text")]
    assert {"VNI 5001", "vx.red", "dv.red", "vr.red, br.red"} <= set(words)
    assert "mgmt_vrf (links of provisioning)" in words
    assert len(list(image.iter(f"{SVG}g"))) == 3


def test_what_is_wrong_is_red_and_says_why() -> None:
    documents = well_documents()
    assert documents.links is not None
    failed = linked("red", 5001, VrfState.FAILED, "no <free> table")
    links = dataclasses.replace(documents.links, vrfs=(linked("blue", 5002), failed))
    image = ET.fromstring("\n".join(svg(views(dataclasses.replace(documents, links=links)))))
    (red,) = [
        group for group in image.iter(f"{SVG}g")
        if any(element.text == "vx.red" for element in group.iter(f"{SVG}text"))
    ]  # fmt: skip
    box, title = red.find(f"{SVG}rect"), red.find(f"{SVG}title")
    assert box is not None
    assert title is not None
    assert box.get("stroke") == "#c62828"
    assert "no <free> table" in (title.text or "")
