# SPDX-License-Identifier: Apache-2.0
"""Each VRF on its way from resource to FRR. Pure: documents in, findings out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netop.common.documents import (
    Attached,
    Attachment,
    Desired,
    DesiredVrf,
    LinkedVrf,
    Links,
    Served,
    ServedVrf,
    VrfState,
)
from netop.common.names import LinkNames
from netop.ctl.health import Finding, Health, broken, waiting, well, worst
from netop.ctl.sessions import ESTABLISHED, Session

#: Where a stage has nothing to do.
NOTHING = well("-")


@dataclass(frozen=True)
class Documents:
    """What the daemons have published; None where a document is not there or is damaged.

    `sessions` are FRR's own word, and None for whom FRR does not answer.
    """

    desired: Desired | None
    links: Links | None
    served: Served | None
    attached: Attached | None
    sessions: Mapping[str, Session] | None = None


@dataclass(frozen=True)
class VrfView:
    """One VRF, stage by stage in the order of work; `vni` None: route-maps only."""

    name: str
    vni: int | None
    resources: Finding
    links: Finding
    bpf: Finding
    frr: Finding
    bgp: Finding

    @property
    def stages(self) -> tuple[tuple[str, Finding], ...]:
        """The stages by name, in order."""
        return (
            ("resources", self.resources),
            ("links", self.links),
            ("bpf", self.bpf),
            ("frr", self.frr),
            ("bgp", self.bgp),
        )

    @property
    def health(self) -> Health:
        """The worst of all stages."""
        return worst(finding for _, finding in self.stages)

    @property
    def trouble(self) -> str:
        """What keeps it from being served: the reason of the first of the worst stages."""
        if self.health == Health.WELL:
            return ""
        return next(str(finding) for _, finding in self.stages if finding.health == self.health)


def vrf_views(documents: Documents) -> tuple[VrfView, ...]:
    """Return a view of each VRF that any document knows, in the order of their names."""
    desired, links, served = documents.desired, documents.links, documents.served
    names: set[str] = set()
    if desired is not None:
        names |= {vrf.name for vrf in desired.vrfs}
        names |= {problem.vrf for problem in desired.rejected if problem.vrf}
    names |= {vrf.name for vrf in links.vrfs} if links else set()
    names |= {vrf.name for vrf in served.vrfs} if served else set()
    return tuple(_Vrf(name, documents).view() for name in sorted(names))


@dataclass(frozen=True)
class _Vrf:
    name: str
    documents: Documents

    def view(self) -> VrfView:
        wanted = self._desired()
        return VrfView(
            name=self.name,
            vni=wanted.vni if wanted else self._linked_vni(),
            resources=self._resources(wanted),
            links=self._links(wanted),
            bpf=self._bpf(wanted),
            frr=self._frr(wanted),
            bgp=self._bgp(wanted),
        )

    def _desired(self) -> DesiredVrf | None:
        return self.documents.desired.vrf(self.name) if self.documents.desired else None

    def _linked(self) -> LinkedVrf | None:
        return self.documents.links.vrf(self.name) if self.documents.links else None

    def _linked_vni(self) -> int | None:
        linked = self._linked()
        return (linked.vni or None) if linked else None

    def _generation(self) -> int:
        return self.documents.desired.generation if self.documents.desired else 0

    def _resources(self, wanted: DesiredVrf | None) -> Finding:
        desired = self.documents.desired
        if desired is None:
            return waiting("unknown", _silent("crd-watcher"))
        rejected = [problem for problem in desired.rejected if problem.vrf == self.name]
        count = len(wanted.policies) if wanted else 0
        if rejected:
            return broken(f"{count}, {len(rejected)} rejected", str(rejected[0]))
        return well(str(count)) if wanted else waiting("none", "no resource names it any more")

    def _links(self, wanted: DesiredVrf | None) -> Finding:
        linked = self._linked()
        if wanted is not None and wanted.vni is None:
            return NOTHING
        if linked is None:
            return self._absent_links(wanted)
        match linked.state:
            case VrfState.FAILED:
                return broken("failed", linked.error)
            case VrfState.LEAVING:
                return waiting("leaving", "its links stay until FRR has let go of it")
            case VrfState.RENEWING:
                return waiting("renewing", linked.error)
            case VrfState.PREPARED:
                return waiting("prepared", f"down until FRR serves VNI {linked.vni}")
        if wanted is not None and linked.vni != wanted.vni:
            return waiting("up", f"up with VNI {linked.vni}, to become {wanted.vni}")
        return well("up")

    def _absent_links(self, wanted: DesiredVrf | None) -> Finding:
        links = self.documents.links
        if wanted is None:
            return NOTHING
        if links is None or links.generation < self._generation():
            behind = f"netop-netlink-reconciler has not come to generation {self._generation()}"
            return waiting("none yet", behind)
        return broken("none", "has no links; see journalctl -u netop-netlink-reconciler")

    def _bpf(self, wanted: DesiredVrf | None) -> Finding:
        linked = self._linked()
        if linked is None or (wanted is not None and wanted.vni is None):
            return NOTHING
        if self.documents.attached is None:
            return waiting("unknown", _silent("bpf-guardian"))
        names = LinkNames.of(self.name)
        places = (names.vxlan, names.bridge, names.veth_vrf)
        found = [item for item in self.documents.attached.interfaces if item.interface in places]
        told = f"{sum(1 for item in found if item.program)} of {len(places)}"
        for item in found:
            finding = attachment(item)
            if finding.health != Health.WELL:
                return Finding(finding.health, told, f"{item.interface}: {finding}")
        if len(found) < len(places):
            return waiting(told, "netop-bpf-guardian has not come to it")
        return well(told)

    def _frr(self, wanted: DesiredVrf | None) -> Finding:
        served = self.documents.served
        if served is None:
            return waiting("unknown", _silent("frr-templater"))
        now = next((vrf for vrf in served.vrfs if vrf.name == self.name), None)
        if wanted is None:
            return waiting("leaving", "FRR still serves it") if now else NOTHING
        if problem := next((item for item in served.problems if item.vrf == self.name), None):
            return broken("refused" if now is None else "problem", str(problem))
        # What is wrong with another VRF does not explain this one.
        general = next((item for item in served.problems if not item.vrf), None)
        if not served.alive:
            return broken("down", str(general) if general else "FRR does not run")
        behind = served.generation < self._generation()
        if not behind and served.serves(wanted.name, wanted.vni):
            return well("served" if wanted.vni else "route-maps")
        text = self._not_yet(now, wanted)
        if general is not None:
            return broken(text, str(general))
        if behind:
            late = f"netop-frr-templater has not come to generation {self._generation()} yet"
            return waiting(text, late)
        what = f"VNI {wanted.vni}" if wanted.vni else "its route-maps"
        return waiting(text, f"FRR does not serve {what} yet")

    def _not_yet(self, now: ServedVrf | None, wanted: DesiredVrf) -> str:
        """Say in a word what FRR has instead of what is wanted."""
        if now is None:
            return "not served"
        return "behind" if now.vni == wanted.vni else f"VNI {now.vni or '-'}"

    def _bgp(self, wanted: DesiredVrf | None) -> Finding:
        sessions = self.documents.sessions
        served = self.documents.served
        if wanted is None or wanted.vni is None or sessions is None or served is None:
            return NOTHING
        if not any(vrf.name == self.name for vrf in served.vrfs):
            return NOTHING
        name = LinkNames.of(self.name).veth_default
        session = sessions.get(name)
        if session is None:
            return broken(
                "none", f"FRR has no session over {name}; see vtysh -c 'show bgp summary'"
            )
        if session.state != ESTABLISHED:
            return waiting(session.state, f"the BGP session over {name} is {session.state}")
        return well(f"{session.received} in, {session.sent} out")


def attachment(item: Attachment) -> Finding:
    """Return how an interface is served by the eBPF router."""
    # It may come yet, or come back: the guardian waits for it.
    if not item.ifindex:
        return waiting("absent", "does not exist yet")
    if item.error:
        return broken("refused", item.error)
    return well("attached") if item.program else waiting("not attached", "is not attached yet")


def _silent(daemon: str) -> str:
    return f"netop-{daemon} has published nothing yet; its status says why"
