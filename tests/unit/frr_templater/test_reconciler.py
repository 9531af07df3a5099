# SPDX-License-Identifier: Apache-2.0
"""The daemon on a node by hand: from documents to an FRR that serves them, and every fault."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from netop.common.documents import Links, Served, VrfState
from netop.common.messages import Message
from netop.common.tally import FILE, Tally, read_numbers
from netop.frr_templater.configuration import statements
from netop.frr_templater.files import Files
from netop.frr_templater.state import StateFile
from netop.frr_templater.systemd1 import SystemdError
from tests.unit.frr_templater.fakes import BASE, Node, desired, lines_of, links, vrf

RED, BLUE, MGMT = vrf("red", 5001), vrf("blue", 5002, 10, 20), vrf("mgmt_vrf", None)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_before_anything_is_desired_the_template_is_made_and_nothing_else(
    node: Node,
) -> None:
    status = await node.settle()
    assert status == "waiting for desired.json from netop-crd-watcher"
    assert node.files.template.exists()
    assert node.text == BASE
    assert node.frr.reloads == 0
    assert not (node.root / "run/frr-templater/served.json").exists()
    assert "made" in node.told.text


async def test_a_vrf_is_served_and_leaves_again(node: Node) -> None:
    node.want(1, BLUE, RED, MGMT)
    assert await node.settle() == "3 VRFs served, generation 1"
    assert node.served == {"blue": 5002, "mgmt_vrf": None, "red": 5001}
    assert node.frr.bindings() == {"vr.blue": 5002, "vr.red": 5001}
    assert node.frr.reloads == 1
    assert node.files.configuration.stat().st_mode & 0o777 == 0o640
    node.want(2, BLUE)
    assert await node.settle() == "1 VRF served, generation 2"
    assert node.served == {"blue": 5002}
    assert node.frr.bindings() == {"vr.blue": 5002}
    assert "reloaded and verified" in node.told.text
    assert "no longer mgmt_vrf, red" in node.told.text


async def test_each_vrf_has_entries_of_its_own(node: Node) -> None:
    node.want(1, BLUE, RED)
    await node.settle()
    node.want(2, BLUE, vrf("red", 5003))
    await node.settle()
    node.want(3, BLUE)
    await node.settle()
    assert node.told.about(Message.VRF_SERVED) == [("blue", "1"), ("red", "1"), ("red", "2")]
    assert node.told.about(Message.VRF_GONE) == [("red", "3")]
    assert node.told.about(Message.FRR_RELOADED) == [
        (("blue", "red"), "1"), ("red", "2"), ("red", "3")
    ]  # fmt: skip


async def test_what_changes_nothing_reloads_nothing_and_says_nothing(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    told, checks = len(node.told.entries), node.frr.checks
    inode = node.files.configuration.stat().st_ino
    node.want(2, BLUE)
    assert await node.settle() == "1 VRF served, generation 2"
    for _ in range(5):
        await node.templater.reconcile()
    assert node.frr.reloads == 1
    assert node.files.configuration.stat().st_ino == inode
    assert len(node.told.entries) == told
    assert node.frr.checks <= checks + 1


async def test_a_text_that_was_checked_and_served_is_not_checked_again(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    checks = node.frr.checks
    node.want(2, BLUE, RED)
    for _ in range(4):
        await node.templater.reconcile()
    assert (node.served, node.frr.checks) == ({"blue": 5002, "red": 5001}, checks + 1)


async def test_links_of_another_generation_are_waited_for(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.want(2, BLUE, RED)
    node.put(links(1, ("blue", 5002)))
    status = await node.settle()
    assert status.startswith("1 VRF served, generation 1; waiting for links.json of generation 2")
    assert node.served == {"blue": 5002}
    node.put(links(2, ("blue", 5002)))
    assert await node.settle() == "1 VRF served, generation 2; waiting for the links of red"
    node.want(2, BLUE, RED)
    assert await node.settle() == "2 VRFs served, generation 2"


async def test_a_served_vrf_stays_while_its_links_fail(node: Node) -> None:
    node.want(1, BLUE, RED)
    await node.settle()
    node.put(links(1, ("blue", 5002), ("red", 5001), state=VrfState.FAILED))
    await node.settle()
    assert node.served == {"blue": 5002, "red": 5001}
    assert node.frr.reloads == 1


async def test_what_frr_had_before_the_first_look_stays_while_its_links_are_refused(
    tmp_path: Path,
) -> None:
    """A node that another operator configured: its links are foreign, its traffic is not."""
    before = BASE.replace("#++{{.VRFs}}", "vrf vr.red\n vni 5001\nexit-vrf\n#++{{.VRFs}}")
    node = Node(tmp_path, before)
    node.files.template.write_text(BASE.replace("#++", ""))
    node.put(desired(1, BLUE, RED))
    node.put(links(1, ("blue", 0), ("red", 0), state=VrfState.FAILED))
    assert "waiting for the links of blue" in await node.settle()
    assert node.served == {"red": 5001}
    assert node.frr.bindings() == {"vr.red": 5001}
    assert "neighbor dv.red interface remote-as internal" in node.text
    node.want(1, BLUE, RED)
    await node.settle()
    assert node.served == {"blue": 5002, "red": 5001}


async def test_vnis_are_swapped(node: Node) -> None:
    node.want(1, vrf("a", 1), vrf("b", 2))
    await node.settle()
    node.want(2, vrf("a", 2), vrf("b", 1))
    await node.settle()
    assert node.served == {"a": 2, "b": 1}


async def test_a_second_pass_brings_what_the_first_left(node: Node) -> None:
    node.frr.slow = "^vni 5002"
    node.want(1, BLUE)
    assert await node.settle() == "1 VRF served, generation 1"
    assert node.frr.reloads == 2
    assert "and 2 passes" in node.told.text


async def test_what_frr_does_not_take_is_rolled_back_and_left_alone(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    node.frr.refused = "vni 5001"
    node.frr.said = ["% VNI 5001 is already configured as L3-VNI"]
    node.want(2, BLUE, RED)
    status = await node.settle()
    # Three passes, the roll-back, and then nothing any more.
    assert node.frr.reloads == 1 + 3 + 1
    assert node.text == good
    assert lines_of(node.text) == node.frr.running
    assert node.served == {"blue": 5002}
    assert status.startswith("1 VRF served, generation 2; VRF red: FRR cannot serve it: % VNI 5001")
    assert "it is left out" in status
    assert "already configured as L3-VNI" in node.told.text
    reload = node.published["reload"]
    assert isinstance(reload, dict)
    assert reload["result"] == "rolled-back"
    for _ in range(5):
        await node.settle()
    assert node.frr.reloads == 5, "no loop"
    # The rest goes on without it.
    green = vrf("green", 7)
    node.want(3, BLUE, green, RED)
    await node.settle()
    assert node.served == {"blue": 5002, "green": 7}
    # And a change of the resource is tried.
    node.frr.refused = ""
    node.want(4, BLUE, green, vrf("red", 5001, 30))
    assert await node.settle() == "3 VRFs served, generation 4"


async def test_a_refused_vrf_takes_no_innocent_one_with_it(node: Node) -> None:
    """vtysh stops at the line that FRR refuses, so what stands behind it is missing too."""
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "^vni 7|green|red|^vni 5001"
    node.frr.said = [
        "BGP instance is already running; AS is 65000",
        "line 7: Failure to communicate[13] to bgpd, line: router bgp 64512 vrf vr.green",
    ]

    def relent() -> None:
        if "vr.green" not in node.text:
            node.frr.refused = ""

    node.frr.before_reload = relent
    node.want(2, BLUE, vrf("green", 7), RED)
    status = await node.settle()
    assert node.served == {"blue": 5002, "red": 5001}
    assert "VRF green: FRR cannot serve it: BGP instance is already running" in status


async def test_a_refused_change_of_a_served_vrf_keeps_its_last_good_one(node: Node) -> None:
    node.want(1, BLUE, RED)
    await node.settle()
    node.frr.refused = "rm_red_export permit 40"
    node.want(2, vrf("blue", 5002, 10), vrf("red", 5001, 10, 40))
    status = await node.settle()
    assert "VRF red: FRR cannot serve it" in status
    assert "its last good configuration stays" in status
    assert node.served == {"blue": 5002, "red": 5001}
    assert "rm_red_export permit 10" in node.text
    assert "rm_red_export permit 40" not in node.text
    assert "rm_blue_export permit 20" not in node.text, "the change of blue went through"


async def test_a_refusal_survives_a_restart_and_ends_with_another_frr(node: Node) -> None:
    node.frr.refused = "vni 5001"
    node.want(1, BLUE, RED)
    await node.settle()
    reloads = node.frr.reloads
    node.start()
    await node.settle()
    assert node.frr.reloads == reloads
    assert node.served == {"blue": 5002}
    node.frr.refused, node.frr.number = "", "10.4"
    node.frr.boot()
    assert (await node.settle()).startswith("2 VRFs served, generation 1")


async def test_one_resource_that_vtysh_refuses_is_left_out_alone(node: Node) -> None:
    node.frr.invalid = "pl_blue_export_20"
    node.want(1, BLUE, RED)
    status = await node.settle()
    assert status.startswith(
        "2 VRFs served, generation 1; VRFRouteConfiguration blue-20: FRR cannot serve it: line "
    )
    assert "pl_blue_export_10" in node.text
    assert "pl_blue_export_20" not in node.text
    assert node.frr.reloads == 1


async def test_a_vni_that_the_operator_uses_is_refused_for_its_vrf_alone(tmp_path: Path) -> None:
    node = Node(tmp_path, "vrf mgmt\n vni 5001\nexit-vrf\n" + BASE)
    node.want(1, BLUE, RED)
    status = await node.settle()
    assert node.served == {"blue": 5002}
    assert "VRF red: FRR cannot serve it: VNI 5001 of `vrf vr.red` already belongs" in status


async def test_the_as_number_must_be_that_of_config_yaml(node: Node) -> None:
    node.want(1, BLUE, asn=64513)
    assert "the default VRF has AS 64512, config.yaml says 64513" in await node.settle()
    assert node.frr.reloads == 0


async def test_a_template_change_is_taken_up_and_a_bad_one_is_not(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    template = node.files.template
    good = template.read_text()
    template.write_text(good + "ip route 203.0.113.0/24 Null0\n")
    await node.settle()
    assert ((), "ip route 203.0.113.0/24 Null0") in node.frr.running
    for bad, word in [
        (good.replace("{{.BGP}}", ""), "the hint #++{{.BGP}} is missing"),
        (good.replace(" vrf default", ""), "lacks `vrf default`"),
        ("", "there is no `router bgp"),
    ]:
        template.write_text(bad)
        status = await node.settle()
        assert status.startswith("1 VRF served, generation 1; ")
        assert word in node.told.text
        assert str(template) in status
    assert node.frr.reloads == 2
    template.write_text(good)
    assert await node.settle() == "1 VRF served, generation 1"
    assert ((), "ip route 203.0.113.0/24 Null0") not in node.frr.running


async def test_a_bad_template_does_not_hold_up_the_vrfs_of_the_same_moment(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "203.0.113.0"
    node.files.template.write_text(node.files.template.read_text() + "ip route 203.0.113.0/24 x\n")
    node.want(2, RED)
    await node.settle()
    assert node.served == {"blue": 5002}
    assert "203.0.113.0" not in node.text
    node.files.template.write_text(BASE)
    await node.settle()
    assert node.served == {"red": 5001}


async def test_swapped_vnis_of_many_vrfs_are_not_torn_apart(node: Node) -> None:
    one = [vrf(f"v{n:02}", n + 1, *range(1, 11)) for n in range(40)]
    node.want(1, *one)
    await node.settle()
    back = [vrf(f"v{n:02}", 40 - n, *range(1, 11)) for n in range(40)]
    node.want(2, *back)
    await node.settle()
    assert node.served == {v.name: v.vni for v in back}


async def test_a_template_line_that_vtysh_refuses_is_the_operators(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.invalid = "rouXe"
    node.files.template.write_text(node.files.template.read_text() + "ip rouXe\n")
    status = await node.settle()
    assert f"{node.files.template}: line " in status
    assert "% Unknown command: ip rouXe" in status
    assert node.frr.reloads == 1


async def test_a_template_line_that_frr_does_not_take_over_is_rolled_back(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    node.frr.refused = "203.0.113.0"
    node.files.template.write_text(node.files.template.read_text() + "ip route 203.0.113.0/24 x\n")
    status = await node.settle()
    assert node.text == good
    assert "FRR lacks `ip route 203.0.113.0/24 x`" in status
    assert node.frr.reloads == 1 + 3 + 1
    await node.settle()
    assert node.frr.reloads == 5


async def test_passwords_of_the_template_are_told_to_nobody(tmp_path: Path) -> None:
    password = " neighbor 192.0.2.254 password"
    base = BASE.replace(" !\n", f"{password} first secret\n !\n", 1)
    node = Node(tmp_path, base)
    node.want(1, BLUE)
    await node.settle()
    template = node.files.template
    template.write_text(template.read_text().replace("first secret", "second secret"))
    await node.settle()
    assert "second secret" in node.text
    diff = str(node.published["reload"])
    assert "-  neighbor" not in diff
    assert diff.count("password <hidden>") == 2
    node.frr.refused = "third secret"
    node.frr.said = [f"% refused: {password} third secret"]
    template.write_text(template.read_text().replace("second secret", "third secret"))
    status = await node.settle()
    assert "password <hidden>" in status
    node.frr.running = {line for line in node.frr.running if "secret" not in line[1]}
    node.frr.lives += 1
    await node.settle()
    told = [status, node.told.text, str(node.told.fields), str(node.published)]
    assert "secret" not in "".join(told)


async def test_what_the_provisioned_text_never_did_is_no_fault_of_a_change(tmp_path: Path) -> None:
    node = Node(tmp_path, BASE + "ip route 203.0.113.0/24 x\n")
    node.frr.running.discard(((), "ip route 203.0.113.0/24 x"))
    node.frr.refused = "203.0.113.0"
    node.want(1, BLUE)
    status = await node.settle()
    assert node.served == {"blue": 5002}
    assert node.frr.reloads == 1
    assert "FRR runs differently from the operator's own text" in status


async def test_a_hand_edit_of_ours_is_put_back_and_reported(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    [lost] = [line for line in node.frr.running if line[1] == "vni 5002"]
    node.frr.running.discard(lost)
    await node.settle()
    assert lost not in node.frr.running, "nobody looks before the slow resync"
    node.time += 900
    await node.settle()
    assert lost in node.frr.running
    assert "put FRR back to the last good configuration: VNI 5002 is not bound" in node.told.text
    assert node.frr.reloads == 2


async def test_a_pass_in_between_puts_no_look_off(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    whole = node.frr.running
    node.frr.running = {line for line in whole if line[1] != "vni 5002"}
    node.time += 599
    report = await node.templater.reconcile()
    assert report.retry == pytest.approx(301)
    node.time += 301
    await node.settle()
    assert node.frr.running == whole


async def test_a_hand_edit_of_the_rest_is_only_told(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.running.add(((), "debug bgp updates"))
    node.time += 900
    status = await node.settle()
    assert "FRR runs differently from the operator's own text: `no debug bgp updates`" in status
    assert node.frr.reloads == 1
    assert node.served == {"blue": 5002}


async def test_an_administrators_frr_conf_is_put_back_and_kept_aside(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    node.files.configuration.write_text(good + "ip route 203.0.113.0/24 Null0\n")
    await node.settle()
    assert node.text == good
    assert (node.root / "state/frr.conf.edited").read_text().endswith("Null0\n")
    assert "was changed by somebody else and is put back" in node.told.text
    node.files.configuration.unlink()
    await node.settle()
    assert node.text == good


@pytest.mark.parametrize("lacks", ["links.json", "a template", "a generation"])
async def test_what_is_served_is_kept_while_nobody_knows_what_is_wanted(
    node: Node, lacks: str
) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    if lacks == "links.json":
        node.store.path(Links).write_text('{"version": 2}')
    elif lacks == "a template":
        node.files.template.write_text("")
    else:
        node.put(desired(2, BLUE, RED))
    node.files.configuration.write_text(good.replace(" vni 5002\n", ""))
    await node.frr.reload()
    await node.settle()
    assert node.text == good
    assert lines_of(good) == node.frr.running
    assert "was changed by somebody else and is put back" in node.told.text
    assert (node.served, node.published["generation"]) == ({"blue": 5002}, 1)
    node.frr.running = {line for line in node.frr.running if line[1] != "vni 5002"}
    node.time += 900
    await node.settle()
    assert lines_of(good) == node.frr.running


async def test_a_frr_conf_that_a_template_is_yet_to_be_made_from_is_left_alone(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.files.template.unlink()
    half = BASE.replace("#++{{.BGP}}\n", "")
    node.files.configuration.write_text(half)
    await node.settle()
    assert node.text == half
    node.files.configuration.write_text(BASE + "ip route 203.0.113.0/24 Null0\n")
    assert await node.settle() == "1 VRF served, generation 1"
    assert "203.0.113.0/24" in node.text


async def test_a_frr_conf_that_cannot_be_read_is_not_put_back_before_it_is_needed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.store.path(Links).write_text('{"version": 2}')

    def fail(_: object) -> str:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(type(node.files), "read", fail)
        await node.settle()
    assert "frr.conf: cannot be read" in node.told.text
    assert node.frr.reloads == 1


async def test_what_netop_wrote_itself_is_nobody_elses_edit(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would take the place of a real edit that is kept."""
    node.want(1, BLUE)
    await node.settle()
    good, write = node.text, type(node.files).write
    node.files.configuration.write_text(good + "ip route 192.0.2.0/24 Null0\n")
    await node.settle()
    node.frr.refused = "203.0.113.0"
    template = node.files.template
    template.write_text(template.read_text() + "ip route 203.0.113.0/24 x\n")
    fails = 3

    def failing(self: Files, text: str) -> None:
        nonlocal fails
        if text == good and fails:
            fails -= 1
            raise OSError(28, "No space left on device", str(self.configuration))
        write(self, text)

    monkeypatch.setattr(Files, "write", failing)
    await node.settle()
    assert (fails, node.text) == (0, good)
    assert node.told.text.count("was changed by somebody else") == 1
    assert (node.root / "state/frr.conf.edited").read_text().endswith("192.0.2.0/24 Null0\n")


async def test_frr_away_keeps_the_list_and_comes_back(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.state = "failed"
    node.want(2, RED)
    status = await node.settle()
    assert "FRR: frr.service is failed; waiting for it to start" in status
    assert node.served == {"blue": 5002}
    assert node.published["alive"] is False
    assert "vni 5002" in node.text, "nothing unproven is written for FRR to start with"
    node.frr.state = "active"
    node.frr.boot()
    assert await node.settle() == "1 VRF served, generation 2"
    assert node.served == {"red": 5001}
    assert node.published["alive"] is True


async def test_a_bgpd_that_came_back_empty_is_filled_again(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.lives += 1
    node.frr.running = {line for line in node.frr.running if "dv.blue" not in line[1]}
    await node.settle()
    assert lines_of(node.text) == node.frr.running
    assert "FRR started anew (bgpd)" in node.told.text


async def test_what_frr_is_about_to_get_is_published_before_it_gets_it(node: Node) -> None:
    """Or its links would go from under FRR when the daemon dies meanwhile and the VRF leaves."""
    node.want(1, BLUE)
    await node.settle()
    told: list[tuple[object, bool]] = []

    def look() -> None:
        told.append((node.published["trying"], "vni 5001" in node.text))

    node.frr.before_reload = look
    node.want(2, BLUE, RED)
    await node.settle()
    assert told == [(["blue", "red"], True)]
    assert node.published["trying"] == []


async def test_what_frr_is_about_to_lose_is_called_leaving_before(node: Node) -> None:
    """Or its links would go up when the daemon dies meanwhile and the VRF comes back."""
    node.want(1, BLUE, RED)
    await node.settle()
    told: list[object] = []

    def look() -> None:
        served = node.store.read(Served)
        assert served is not None
        told.append((len(served.vrfs), served.leaving, served.serves("red", RED.vni)))

    node.frr.before_reload = look
    node.want(2, BLUE)
    await node.settle()
    assert told == [(2, ("red",), False)]
    assert (node.published["vrfs"], node.published["leaving"]) == (
        [{"name": "blue", "vni": BLUE.vni}],
        [],
    )


async def test_a_daemon_killed_in_a_reload_leaves_word_of_it(node: Node) -> None:
    class KilledError(Exception):
        pass

    def kill() -> None:
        raise KilledError

    node.frr.before_reload = kill
    node.want(1, BLUE)
    with pytest.raises(KilledError):
        await node.settle()
    assert (node.published["vrfs"], node.published["trying"]) == ([], ["blue"]), "the first ever"
    node.frr.before_reload = lambda: None
    node.start()
    node.want(2)
    await node.settle()
    assert node.published["trying"] == []
    assert "blue" not in node.text


async def test_a_zebra_that_ends_alone_is_noticed_in_a_unit_that_stays_active(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.dead = True
    assert "FRR: bgpd of FRR does not run" in await node.settle(1)
    assert node.published["alive"] is False
    node.frr.dead = False
    node.frr.boot()
    assert await node.settle() == "1 VRF served, generation 1"
    assert lines_of(node.text) == node.frr.running


async def test_an_frr_that_is_still_reading_its_file_is_given_time(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    whole = node.frr.running
    node.frr.lives += 1
    node.frr.running = set()
    report = await node.templater.reconcile()
    assert report.retry is not None
    node.frr.running = whole
    node.time += report.retry
    assert await node.settle() == "1 VRF served, generation 1"
    assert node.frr.reloads == 1


async def test_a_hung_frr_is_told_and_waited_for(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.hung = True
    node.want(2, RED)
    for _ in range(4):
        await node.templater.reconcile()
    status = await node.settle(1)
    assert "gave no answer in 30 s" in status
    assert node.served == {"blue": 5002}
    assert node.published["alive"] is True, "who hangs may go on"
    node.frr.hung = False
    assert await node.settle() == "1 VRF served, generation 2"


async def test_a_text_that_ends_frr_is_tried_more_and_more_rarely(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    node.frr.deadly = "vni 5001"
    node.want(2, BLUE, RED)
    await node.templater.reconcile()
    assert node.text == good, "the file is good again before FRR starts anew"
    told = (each for each in node.told.fields if each["MESSAGE_ID"] == Message.FRR_DIED_OF_CHANGE)
    assert "+ vni 5001" in next(told)["NETOP_DIFF"], "for the report"
    for _ in range(5):
        node.frr.boot()
        status = await node.settle()
        node.time += 2
    assert node.frr.reloads == 1 + 2
    assert "FRR ended or hung 2 times while it took over a change" in status
    assert node.served == {"blue": 5002}
    assert lines_of(good) == node.frr.running
    node.time += 60
    node.frr.deadly = ""
    assert await node.settle() == "2 VRFs served, generation 2"


async def test_reloads_are_counted_by_how_they_end(node: Node) -> None:
    path = node.store.path(Served).with_name(FILE)
    node.templater.keeper.reloads.tally = Tally(path)
    node.frr.slow = "^vni 5002"
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "vni 5001"
    node.want(2, BLUE, RED)
    await node.settle()
    numbers = read_numbers(path)
    assert numbers is not None
    assert numbers["frr_reloads"] == {"verified": 1, "rolled-back": 1}
    assert numbers["frr_reload_passes"] == {"": 2 + 3}
    assert numbers["frr_residuals"][""] > 0
    node.frr.refused, node.frr.deadly = "", "vni 5003"
    node.want(3, BLUE, dataclasses.replace(RED, vni=5003))
    await node.templater.reconcile()
    numbers = read_numbers(path)
    assert numbers is not None
    assert numbers["frr_reloads"] == {"verified": 1, "rolled-back": 1, "died": 1}


async def test_an_frr_that_hangs_in_the_middle_is_not_held_against_the_text(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    good = node.text
    node.want(2, BLUE, RED)

    def hang() -> None:
        node.frr.hung = True

    node.frr.before_reload = hang
    await node.settle(3)
    assert node.text == good
    node.frr.before_reload = lambda: None
    node.frr.hung = False
    assert await node.settle() == "2 VRFs served, generation 2"


async def test_an_frr_that_cannot_be_brought_back_is_told_and_tried_again(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "vni"
    node.frr.running = {line for line in node.frr.running if not line[1].startswith("vni")}
    node.time += 900
    status = await node.settle(2)
    assert "frr.service: does not come to its configuration: VNI 5002 is not bound" in status
    assert node.published["reload"]["result"] == "failed"  # type: ignore[index]
    node.frr.refused = ""
    node.time += 120
    assert await node.settle() == "1 VRF served, generation 1"


async def test_an_frr_that_stays_different_is_not_reloaded_at_each_wake_up(node: Node) -> None:
    """Its own reloads are what wakes the daemon: systemd tells of them."""
    node.want(1, BLUE)
    await node.settle()
    node.frr.reloads = 0
    node.frr.refused = "vni 5002"
    node.frr.running = {line for line in node.frr.running if line[1] != "vni 5002"}
    node.time += 900
    for _ in range(600):
        status = (await node.templater.reconcile()).status
        node.time += 1
    assert "does not come to its configuration" in status
    assert node.frr.reloads <= 40, "in ten minutes, three to each attempt"
    node.frr.refused = ""
    node.time += 120
    assert await node.settle() == "1 VRF served, generation 1"


async def test_what_is_not_repaired_is_not_well_again_in_between(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "vni 5002"
    node.frr.running = {line for line in node.frr.running if line[1] != "vni 5002"}
    node.time += 900
    for _ in range(20):
        await node.templater.reconcile()
        node.time += 1
    assert node.told.text.count("does not come to its configuration") == 1
    assert "is well again" not in node.told.text
    node.frr.refused = ""
    node.time += 120
    assert await node.settle() == "1 VRF served, generation 1"
    assert node.told.text.count("frr.service: is well again") == 1


async def test_what_nobody_looked_at_is_not_well_again(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.frr.refused = "vni 5001"
    node.want(2, BLUE, RED)
    await node.settle()
    node.frr.dead = True
    await node.settle(3)
    node.put(desired(3, BLUE, RED))
    await node.settle(3)
    assert "VRF red: FRR cannot serve it" in str(node.told.entries)
    assert "is well again" not in node.told.text
    assert "VRF red" in str(node.published["problems"])
    node.frr.refused, node.frr.number = "", "10.4"
    node.frr.boot()
    node.want(3, BLUE, RED)
    assert await node.settle() == "2 VRFs served, generation 3"
    assert "VRF red: is well again" in node.told.text


async def test_an_frr_that_hangs_in_a_change_is_not_well_again_in_between(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()

    def hang() -> None:
        node.frr.hung = True

    node.want(2, BLUE, RED)
    node.frr.before_reload = hang
    await node.settle(6)
    assert "is well again" not in node.told.text
    node.frr.before_reload, node.frr.hung = lambda: None, False
    node.time += 60
    assert await node.settle() == "2 VRFs served, generation 2"
    assert "frr.service: is well again" in node.told.text


async def test_damaged_documents_change_nothing(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.store.path(Links).write_text("{")
    status = await node.settle()
    assert "links.json: is not JSON" in node.told.text
    assert status.startswith("1 VRF served, generation 1; ")
    assert node.frr.reloads == 1


async def test_rubbish_in_a_name_rejects_the_document(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    for path in node.root.glob("run/*/*.json"):
        if path.name != "served.json":
            path.write_text(path.read_text().replace('"blue"', '"blue\\n vni 7"'))
    node.time += 900
    await node.settle()
    assert "is no VRF name" in node.told.text
    assert "vni 7" not in node.text


async def test_a_full_disk_is_told_and_survived(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.want(1, BLUE)
    await node.settle()
    node.want(2, RED)
    with monkeypatch.context() as patch:

        def full(_: str, target: str) -> None:
            raise OSError(28, "No space left on device", str(target))

        patch.setattr(os, "replace", full)
        status = await node.settle(3)
        assert "cannot be written: No space left on device" in status
    assert node.served == {"blue": 5002}
    assert await node.settle() == "1 VRF served, generation 2"
    assert not list(node.root.rglob(".*"))


async def test_many_vrfs_leave_in_several_reloads(node: Node) -> None:
    many = [vrf(f"v{n:02}", n + 1, *range(1, 11)) for n in range(60)]
    node.want(1, *many)
    await node.settle()
    assert node.frr.reloads == 1
    node.want(2)
    assert await node.settle() == "0 VRFs served, generation 2"
    assert node.frr.reloads >= 4
    assert "(1 of" in node.told.text


async def test_ipv6_without_a_place_is_told_and_ipv4_goes_on(node: Node) -> None:
    node.want(1, BLUE, vrf("six", 6, cidr="2001:db8::/32"))
    status = await node.settle()
    assert node.served == {"blue": 5002, "six": 6}
    assert "VRF six: its IPv6 rules have no effect" in status
    assert not [s for s in statements(node.text) if s.text.startswith("ipv6 ")]


async def test_router_ids_are_remembered_when_the_underlay_goes_away(node: Node) -> None:
    node.want(1, BLUE)
    await node.settle()
    lost = Links(1, None, None, links(1, ("blue", 5002), state=VrfState.FAILED).vrfs, ())
    node.put(lost)
    node.start()
    await node.settle()
    assert node.served == {"blue": 5002}
    assert node.frr.reloads == 1


async def test_no_router_id_at_all_is_told(node: Node) -> None:
    node.want(1, BLUE)
    node.put(Links(1, None, None, links(1, ("blue", 5002)).vrfs, ()))
    status = await node.settle()
    assert "{{.UnderlayRouterID}} cannot be filled in: dum.underlay has no IPv4" in status
    assert node.frr.reloads == 0


class Killed(BaseException):
    """The process ends here."""


async def test_a_crash_at_any_line_leaves_what_the_next_start_repairs(tmp_path: Path) -> None:
    """Kill at each write and each reload of a change, also of one that is rolled back."""
    for refused in ("", "vni 5001"):
        point = 0
        while True:
            point += 1
            root = tmp_path / f"{refused or 'taken'}-{point}"
            node = await _serving_blue(root)
            node.frr.refused = refused
            node.want(2, BLUE, RED)
            survived = await _run_until(node, point)
            node.start()
            await node.settle()
            served = {"blue": 5002} if refused else {"blue": 5002, "red": 5001}
            assert node.served == served, f"killed at {point}"
            assert lines_of(node.text) == node.frr.running, f"killed at {point}"
            assert not list(root.rglob(".*.*")), "no temporary file is left"
            await node.settle()
            if survived:
                break
        assert point > 4


async def test_after_a_crash_frr_loses_nothing_while_the_target_is_unknown(tmp_path: Path) -> None:
    point, survived = 0, False
    while not survived:
        point += 1
        node = await _serving_blue(tmp_path / str(point))
        node.want(2, BLUE, RED)
        survived = await _run_until(node, point)
        before = node.frr.bindings()
        node.start()
        node.put(desired(3, BLUE, RED))
        for _ in range(2):
            await node.templater.reconcile()
        assert node.frr.bindings() == before, f"killed at {point}"
    assert point > 4


async def test_a_crash_at_any_line_leaves_no_line_of_a_template_that_is_taken_back(
    tmp_path: Path,
) -> None:
    taken, refused = "ip route 198.51.100.0/24 Null0\n", "ip route 203.0.113.0/24 x\n"
    point, survived = 0, False
    while not survived:
        point += 1
        node = await _serving_blue(tmp_path / str(point))
        good, template = node.text, node.files.template.read_text()
        node.frr.refused = "203.0.113.0"
        node.files.template.write_text(template + taken + refused)
        survived = await _run_until(node, point)
        node.files.template.write_text(template)
        node.start()
        assert await node.settle() == "1 VRF served, generation 1", f"killed at {point}"
        assert node.text == good
        assert node.frr.running == lines_of(good), f"killed at {point}"
        assert not node.templater.keeper.state.mixed
    assert point > 8


async def test_a_template_that_nobody_saw_and_is_taken_back_leaves_no_line(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.want(1, BLUE)
    await node.settle()
    good, template, reload = node.text, node.files.template.read_text(), node.frr.reload

    async def lost() -> str:
        await reload()
        raise SystemdError("the reload of frr.service did not end in 180 s")

    with monkeypatch.context() as patch:
        patch.setattr(node.frr, "reload", lost)
        node.files.template.write_text(template + "ip route 198.51.100.0/24 Null0\n")
        await node.templater.reconcile()
    assert node.frr.running != lines_of(good)
    node.files.template.write_text(template)
    assert await node.settle() == "1 VRF served, generation 1"
    assert node.frr.running == lines_of(good)


async def test_a_stanza_that_frr_cannot_remove_holds_up_no_template(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FRR 10.3 keeps the stanza of an interface that is there, and the reload fails of it."""
    node.want(1, BLUE)
    await node.settle()
    reload, sticky = node.frr.reload, (("interface eth0",), "description uplink")
    node.frr.running.add(sticky)

    async def failing() -> str:
        await reload()
        node.frr.running.add(sticky)
        return "failed"

    monkeypatch.setattr(node.frr, "reload", failing)
    template, good = node.files.template, node.text
    template.write_text(template.read_text() + "ip route 198.51.100.0/24 Null0\n")
    assert "a reload does not change that" in await node.settle()
    assert "ip route 198.51.100.0/24 Null0" in node.text != good
    node.frr.refused = "203.0.113.0"
    good = node.text
    template.write_text(template.read_text() + "ip route 203.0.113.0/24 x\n")
    assert "FRR lacks `ip route 203.0.113.0/24 x`" in await node.settle()
    assert node.text == good
    assert "the last good configuration is back" in node.told.text


async def test_what_no_reload_takes_away_is_told_and_not_tried_for_ever(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.want(1, BLUE)
    await node.settle()
    reload, sticky = node.frr.reload, (("interface eth0",), "description uplink")

    async def sticking() -> str:
        await reload()
        node.frr.running.add(sticky)
        return "done"

    monkeypatch.setattr(node.frr, "reload", sticking)
    template = node.files.template.read_text()
    node.frr.refused = "203.0.113.0"
    node.files.template.write_text(template + "ip route 203.0.113.0/24 x\n")
    await node.settle()
    node.files.template.write_text(template)
    assert "a reload does not change that" in await node.settle()
    reloads = node.frr.reloads
    for _ in range(5):
        node.time += 900
        await node.settle()
    assert node.frr.reloads == reloads


async def _serving_blue(root: Path) -> Node:
    root.mkdir()
    node = Node(root)
    node.want(1, BLUE)
    await node.settle()
    return node


async def _run_until(node: Node, point: int) -> bool:
    """Make the passes of a change, and die at the given step; return whether it came to that."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == point:
            raise Killed

    save, write = StateFile.save, type(node.files).write
    with pytest.MonkeyPatch.context() as patch:

        def saving(self: StateFile, state: object) -> None:
            step()
            save(self, state)  # type: ignore[arg-type]
            step()

        def writing(self: object, text: str) -> None:
            step()
            write(self, text)  # type: ignore[arg-type]
            step()

        patch.setattr(StateFile, "save", saving)
        patch.setattr(type(node.files), "write", writing)
        node.frr.before_reload = step
        try:
            await node.settle()
        except Killed:
            return False
        finally:
            node.frr.before_reload = lambda: None
    return True
