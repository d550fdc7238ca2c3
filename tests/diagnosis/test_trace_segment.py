"""Who hears a frame: through pairs, bridges and their VLANs, bonds, macvlans, and over the LAN."""

from dataclasses import replace
from typing import Any

import pytest

from homelab.diagnosis import segment as module
from homelab.diagnosis.frame import Ear, Segment
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.world import World
from homelab.model.kernel import BridgePort, BridgeVlan
from homelab.model.place import HOST, ROUTER, Place, netns
from tests.diagnosis.trace_lab import APP, TWO, WEB, Lab, lab

A, B, C = netns("a"), netns("b"), netns("c")


def heard(made: Lab, place: Place, link: str) -> Segment:
    return Ether(World(made.snapshot())).segment(place, link)


def ears(made: Lab, place: Place, link: str) -> dict[tuple[Place, str], Ear]:
    """Those that hear it."""
    found = heard(made, place, link).ears
    return {(each.place, each.link): each for each in found if each.refusal is None}


def refused(made: Lab, place: Place, link: str) -> dict[tuple[Place, str], tuple[str, Place, str]]:
    return {
        (each.place, each.link): (each.refusal.kind, each.refusal.place, each.refusal.text)
        for each in heard(made, place, link).ears
        if each.refusal
    }


def pairs() -> Lab:
    """a and b, each on a port of the bridge br in c: pa and pb."""
    made = Lab()
    for each in (A, B, C):
        made.place(each)
    made.wire((C, "pa"), (A, "eth0"))
    made.wire((C, "pb"), (B, "eth0"))
    made.bridge(C, "br", "pa", "pb")
    return made


def test_a_bridge_is_heard_by_its_ports_and_itself() -> None:
    found = ears(pairs(), A, "eth0")

    assert set(found) == {(C, "br"), (B, "eth0")}
    assert found[C, "br"].port == "pa"
    (crossing,) = found[B, "eth0"].crossings
    assert (crossing.physin, crossing.physout, crossing.tagged) == ("pa", "pb", False)
    assert set(ears(pairs(), C, "br")) == {(A, "eth0"), (B, "eth0")}
    (own,) = ears(pairs(), C, "br")[A, "eth0"].crossings
    assert (own.physin, own.physout) == (None, "pa")


@pytest.mark.parametrize(
    ("link", "changes", "said"),
    [
        ("pb", {"up": False}, "link pb is down"),
        ("br", {"up": False}, "bridge br is down"),
        ("pb", {"port": BridgePort("blocking")}, "port pb of bridge br is blocking"),
        ("pa", {"port": BridgePort("listening")}, "port pa of bridge br is listening"),
    ],
)
def test_what_keeps_a_frame_back_is_named(link: str, changes: dict[str, Any], said: str) -> None:
    made = pairs()
    made.set_link(C, link, **changes)

    assert refused(made, A, "eth0")[B, "eth0"] == ("link", C, f"netns:c: {said}")


def test_isolated_ports_reach_the_bridge_alone() -> None:
    made = pairs()
    for each in ("pa", "pb"):
        made.set_link(C, each, port=BridgePort(isolated=True))

    assert set(ears(made, A, "eth0")) == {(C, "br")}
    assert "ports pa and pb of bridge br are isolated" in refused(made, A, "eth0")[B, "eth0"][2]


def test_a_frame_turns_at_a_port_in_hairpin_mode_only() -> None:
    made = pairs()
    made.wire((A, "in"), (A, "out"))
    assert (A, "eth0") not in ears(made, A, "eth0")
    made.set_link(C, "pa", port=BridgePort(hairpin=True))
    made.bridge(A, "b2", "eth0", "in")
    assert (A, "out") in ears(made, A, "out") or (A, "b2") in ears(made, A, "out")


def test_a_pair_within_one_place_and_a_peer_that_was_not_read() -> None:
    made = pairs()
    made.wire((A, "one"), (A, "two"))
    assert set(ears(made, A, "one")) == {(A, "two")}
    made.link(A, "half", "veth", peer=99, peer_netns=17)
    made.link(A, "none", "veth")
    assert [each.link for each in heard(made, A, "half").exits] == ["half"]
    assert [each.link for each in heard(made, A, "none").exits] == ["none"]
    assert heard(made, A, "nothing") == Segment()
    assert heard(made, netns("z"), "eth0") == Segment()


def near(made: Lab, place: Place, link: str) -> set[tuple[Place, str]]:
    """Those that hear it and are not merely on the same LAN."""
    return {each for each, ear in ears(made, place, link).items() if not ear.is_far}


def test_peers_are_found_without_ids_when_only_one_fits() -> None:
    made = pairs()
    for each in (A, B, C):
        made.change(each, netns_ids={})
    assert (B, "eth0") in ears(made, A, "eth0")
    made.place(netns("twin"))
    made.change(netns("twin"), links=made.spaces[C].links, netns_ids={})
    assert near(made, A, "eth0") == set()


def test_an_end_that_names_another_place_is_not_joined() -> None:
    made = pairs()
    made.set_link(C, "pa", peer_netns=made.spaces[B].inode)
    assert near(made, A, "eth0") == set()
    made.set_link(C, "pa", peer_netns=None)
    assert near(made, A, "eth0") == set()


def test_nics_of_other_machines_hang_on_the_same_lan() -> None:
    found = heard(lab(), ROUTER, "lan")

    assert [(each.place, each.link) for each in found.exits] == [(ROUTER, "lan")]
    (ear,) = found.ears
    assert (ear.place, ear.link, ear.is_far) == (HOST, "eth0", True)


def test_a_wire_is_heard_by_its_own_link_too() -> None:
    ether = Ether(World(lab().snapshot()))

    links = {(each.place, each.link) for each in ether.wire(ROUTER, "lan").ears}
    assert links == {(ROUTER, "lan"), (HOST, "eth0")}
    assert ether.wire(ROUTER, "lan") is ether.wire(ROUTER, "lan")


def vlans(**more: Any) -> Lab:
    """The bridge filters; pa is untagged in 20, pb a trunk of 10 to 30; b has eth0.20 on it."""
    made = pairs()
    made.set_link(C, "br", options={"vlan_filtering": "1", **more})
    made.set_link(C, "pa", vlans=(BridgeVlan(20, 20, pvid=True, untagged=True),))
    made.set_link(C, "pb", vlans=(BridgeVlan(10, 30),))
    eth0 = next(each for each in made.spaces[B].links if each.name == "eth0")
    made.link(B, "eth0.20", "vlan", peer=eth0.index, options={"vlan_id": "20"})
    return made


def test_an_untagged_port_meets_a_tagged_one() -> None:
    assert set(ears(vlans(), A, "eth0")) == {(B, "eth0.20")}
    assert set(ears(vlans(), B, "eth0.20")) == {(A, "eth0")}
    assert ears(vlans(), A, "eth0")[B, "eth0.20"].crossings[0].tagged


def test_what_is_not_a_member_is_named() -> None:
    made = vlans()
    assert refused(made, A, "eth0")[C, "br"] == ("vlan", C, "netns:c: br is not in VLAN 20")
    assert refused(made, B, "eth0")[A, "eth0"][2] == (
        "netns:c: pb takes no untagged frames: it has no PVID"
    )
    made.set_link(C, "pb", vlans=(BridgeVlan(10, 10),))
    assert refused(made, B, "eth0.20")[A, "eth0"][2] == "netns:c: pb is not in VLAN 20"
    made.set_link(C, "pa", vlans=(BridgeVlan(1, 1, pvid=True, untagged=True),))
    assert ears(made, A, "eth0") == {}


def test_the_bridge_itself_is_a_port_with_vlans_of_its_own() -> None:
    made = vlans()
    row = (BridgeVlan(20, 20, pvid=True, untagged=True),)
    made.set_link(C, "br", vlans=row)
    assert (C, "br") in ears(made, A, "eth0")
    assert (A, "eth0") in ears(made, C, "br")
    made.set_link(C, "br", vlans=(BridgeVlan(20, 20),))
    bridge = next(each for each in made.spaces[C].links if each.name == "br")
    made.link(C, "br.20", "vlan", peer=bridge.index, options={"vlan_id": "20"})
    assert (C, "br.20") in ears(made, A, "eth0")
    assert (A, "eth0") in ears(made, C, "br.20")


def test_a_tag_of_no_vlan_or_of_another_protocol_counts_as_none() -> None:
    made = vlans()
    made.set_link(B, "eth0.20", options={"vlan_id": "0"})
    made.set_link(C, "pb", vlans=(BridgeVlan(20, 20, pvid=True, untagged=True),))
    assert (A, "eth0") in ears(made, B, "eth0.20")
    outer = vlans(vlan_protocol="802.1ad")
    outer.set_link(C, "pb", vlans=(BridgeVlan(20, 20, pvid=True, untagged=True),))
    outer.set_link(C, "pa", vlans=(BridgeVlan(20, 20, pvid=True),))
    eth0 = next(each for each in outer.spaces[A].links if each.name == "eth0")
    outer.link(
        A, "s20", "vlan", peer=eth0.index, options={"vlan_protocol": "802.1ad", "vlan_id": "20"}
    )
    s20 = next(each for each in outer.spaces[A].links if each.name == "s20")
    outer.link(A, "s20.c", "vlan", peer=s20.index, options={"vlan_id": "20"})
    assert (A, "s20.c") in ears(outer, B, "eth0.20")


def test_a_filter_whose_vlans_were_not_read_is_said() -> None:
    made = vlans()
    made.change(C, unread={"vlans": "bridge crashed"})

    assert heard(made, A, "eth0").blind == ("netns:c: the VLANs of bridge br were not read",)


def test_vlans_without_a_filter_pass_and_are_told_apart() -> None:
    made = pairs()
    for place in (A, B):
        eth0 = next(each for each in made.spaces[place].links if each.name == "eth0")
        made.link(place, "v20", "vlan", peer=eth0.index, options={"vlan_id": "20"})
        made.link(place, "v30", "vlan", peer=eth0.index, options={"vlan_id": "30"})
    assert set(ears(made, A, "v20")) == {(B, "v20")}
    made.set_link(B, "v20", up=False)
    assert ears(made, A, "v20") == {}
    assert refused(made, A, "v20")[B, "v20"][2] == "netns:b: link v20 is down"


def test_a_vlan_link_may_be_a_port() -> None:
    made = pairs()
    eth0 = next(each for each in made.spaces[B].links if each.name == "eth0")
    made.link(B, "v20", "vlan", peer=eth0.index, options={"vlan_id": "20"})
    made.wire((B, "down"), (B, "end"))
    made.bridge(B, "br20", "v20", "down")
    here = next(each for each in made.spaces[A].links if each.name == "eth0")
    made.link(A, "v20", "vlan", peer=here.index, options={"vlan_id": "20"})

    assert set(ears(made, A, "v20")) == {(B, "br20"), (B, "end")}
    assert (A, "v20") in ears(made, B, "end")


def test_a_link_whose_parent_was_not_read() -> None:
    made = pairs()
    made.link(A, "v1", "vlan", peer=77, options={"vlan_id": "1"})
    made.link(A, "v2", "macvlan", peer=77, peer_netns=15)
    made.link(A, "v3", "vlan")
    for each in ("v1", "v2", "v3"):
        assert "lies in a place that was not read" in heard(made, A, each).blind[0]


def macvlans(mode: str = "bridge", other: str = "bridge") -> Lab:
    """m in a and n in b stand on the NIC eth9 of c."""
    made = pairs()
    parent = made.link(C, "eth9")
    made.link(A, "m", "macvlan", peer=parent.index, peer_netns=3, options={"mode": mode})
    made.link(B, "n", "macvlan", peer=parent.index, peer_netns=3, options={"mode": other})
    return made


def test_macvlans_of_mode_bridge_hear_one_another_and_never_their_parent() -> None:
    assert set(ears(macvlans(), A, "m")) == {(B, "n")}
    assert [each.link for each in heard(macvlans(), A, "m").exits] == ["eth9"]
    assert ears(macvlans("private"), A, "m") == {}
    assert ears(macvlans(other="vepa"), A, "m") == {}
    assert ears(macvlans(), C, "eth9") == {}


def test_what_comes_in_by_the_parent_reaches_its_macvlans() -> None:
    made = macvlans()
    made.place(ROUTER)
    made.link(ROUTER, "lan")
    assert set(ears(made, ROUTER, "lan")) == {(C, "eth9"), (A, "m"), (B, "n")}
    assert set(ears(macvlans("passthru"), A, "m")) == set()
    alone = macvlans("passthru")
    alone.place(ROUTER)
    alone.link(ROUTER, "lan")
    assert (C, "eth9") not in ears(alone, ROUTER, "lan")


def test_ipvlan_is_not_followed() -> None:
    made = pairs()
    parent = made.link(C, "eth9")
    made.link(A, "i", "ipvlan", peer=parent.index, peer_netns=3)
    made.place(ROUTER)
    made.link(ROUTER, "lan")

    assert "is not modelled" in heard(made, A, "i").blind[0]
    assert "ipvlan i is not modelled" in heard(made, ROUTER, "lan").blind[0]


def test_a_macvlan_without_an_id_of_its_namespace_stands_on_the_host() -> None:
    made = lab()
    nic = next(each for each in made.spaces[HOST].links if each.name == "eth0")
    made.link(WEB, "mac", "macvlan", peer=nic.index, peer_netns=0, options={"mode": "bridge"})
    assert [each.link for each in heard(made, WEB, "mac").exits] == ["eth0"]


def test_a_bond_sends_by_its_slaves_and_may_be_a_port() -> None:
    made = lab()
    bond = made.link(HOST, "bond0", "bond")
    made.set_link(HOST, "eth0", master=bond.index)
    assert [each.link for each in heard(made, HOST, "bond0").exits] == ["eth0"]
    assert (HOST, "bond0") in ears(made, ROUTER, "lan")
    bridge = next(each for each in made.spaces[HOST].links if each.name == "lxdbr0")
    made.set_link(HOST, "bond0", master=bridge.index)
    assert {(HOST, "lxdbr0"), (WEB, "eth0")} <= set(ears(made, ROUTER, "lan"))


def test_links_that_lead_nowhere() -> None:
    made = pairs()
    made.link(A, "d", "dummy")
    assert heard(made, A, "d") == Segment()
    assert heard(made, A, "lo") == Segment()


def test_a_link_that_stands_on_itself_ends() -> None:
    made = pairs()
    one = made.link(A, "v", "vlan", options={"vlan_id": "1"})
    made.set_link(A, "v", peer=one.index)
    assert "more VLAN tags" in heard(made, A, "v").blind[0]


def test_a_segment_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FRAMES", 2)

    assert "more links hang on" in heard(pairs(), A, "eth0").blind[0]


def test_the_containers_of_a_bridge_share_a_segment() -> None:
    assert set(ears(lab(), APP, "eth0")) == {(WEB, "br-app"), (TWO, "eth0")}


def test_one_place_under_two_names_is_there_once() -> None:
    made = lab()
    taken = made.snapshot(aliases={netns("x"): HOST})
    both = replace(taken, namespaces={**taken.namespaces, netns("x"): taken.namespaces[HOST]})

    assert [each.place for each in World(both).boxes()].count(HOST) == 1


def test_a_nic_that_is_down_is_no_way_out() -> None:
    made = lab()
    made.set_link(HOST, "eth0", up=False)
    assert heard(made, HOST, "eth0").exits == ()
    assert refused(made, HOST, "eth0")[ROUTER, "lan"][2] == "host: link eth0 is down"


def test_what_came_over_the_lan_does_not_go_back_to_it() -> None:
    made = lab()
    made.link(ROUTER, "wan")
    made.bridge(ROUTER, "br-lan", "lan", "wan")

    exits = {(each.place, each.link) for each in heard(made, HOST, "eth0").exits}
    assert exits == {(HOST, "eth0"), (ROUTER, "lan"), (ROUTER, "wan")}


def test_two_ways_to_one_link_are_one() -> None:
    made = pairs()
    made.wire((C, "pc"), (C, "pd"))
    bridge = next(each for each in made.spaces[C].links if each.name == "br")
    for each in ("pc", "pd"):
        made.set_link(C, each, master=bridge.index, port=BridgePort())

    assert set(ears(made, A, "eth0")) == {(C, "br"), (B, "eth0")}
