# SPDX-License-Identifier: Apache-2.0
"""A VRF's unnumbered neighbors leave before it does, and nobody else's."""

from __future__ import annotations

from netop.frr_templater.farewell import farewell

RUNNING = """
router bgp 65000
 neighbor dv.red interface remote-as internal
exit
!
router bgp 65000 vrf vr.red
 bgp router-id 10.50.0.11
 neighbor vd.red interface remote-as internal
 !
 address-family ipv4 unicast
  neighbor vd.red route-map rm_red_export in
 exit-address-family
exit
!
router bgp 65000 vrf vr.blue
 neighbor vd.blue interface remote-as internal
exit
"""


def test_the_neighbor_of_a_vrf_that_goes_leaves_first() -> None:
    assert farewell(RUNNING, {"vr.red"}) == (
        "router bgp 65000 vrf vr.red",
        "no neighbor vd.red interface remote-as internal",
        "exit",
    )


def test_who_stays_keeps_its_neighbor() -> None:
    assert farewell(RUNNING, {"vr.green"}) == ()
