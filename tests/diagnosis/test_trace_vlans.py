"""VLANs: the model against a real kernel's captures, and the small print of tags by hand."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from homelab.diagnosis.frame import Ear, Refusal
from homelab.diagnosis.mtu import below_vlans
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.two_sides import first
from homelab.diagnosis.world import World
from homelab.model.kernel import BridgeVlan, VirtualFunction
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.trace import Outcome, Target, Trace
from homelab.workflow.agreement import agrees
from tests import captured_vlans
from tests.diagnosis.trace_lab import WEB, Lab

A, B = Place("netns:a"), Place("netns:b")


def is_met(trace: Trace, said: str) -> bool:
    """Who asks for a neighbour in vain for three seconds hears "unreachable" from his own kernel."""
    gave_up = said == "unreachable" and trace.outcome is Outcome.DROPPED
    return agrees(trace, said) or (
        gave_up and trace.cause is not None and trace.cause.stage == "neighbour"
    )


@pytest.mark.parametrize("name", captured_vlans.NAMES)
def test_the_model_says_what_packets_met(name: str) -> None:
    tracer = captured_vlans.tracer(name)
    for origin, met in captured_vlans.probes(name).items():
        for address, said in met.items():
            trace = tracer.trace(origin, Target(ip_address(address)))
            assert trace.outcome is not Outcome.UNKNOWN, f"{origin} {address}: {trace.cause}"
            assert is_met(trace, said), (
                f"{origin} {address}: {trace.outcome}, {said}: {trace.cause}"
            )


def wired() -> Lab:
    """Two places on one wire, each with a VLAN link 20."""
    made = Lab()
    for place in (A, B):
        made.place(place)
    made.wire((A, "eth0"), (B, "eth0"))
    for place, last in ((A, 1), (B, 2)):
        vlan(made, place, "eth0", 20)
        made.address(place, "eth0.20", f"10.20.0.{last}/24")
    return made


def vlan(made: Lab, place: Place, parent: str, number: int) -> None:
    below = next(each for each in made.spaces[place].links if each.name == parent)
    name = f"{parent}.{number}"
    made.link(place, name, "vlan", peer=below.index, options={"vlan_id": str(number)})


def ears(made: Lab, place: Place, link: str) -> dict[tuple[Place, str], Ear]:
    segment = Ether(World(made.snapshot())).segment(place, link)
    return {(each.place, each.link): each for each in segment.ears}


def test_a_tag_of_another_vlan_is_refused_by_the_link_that_has_the_address() -> None:
    made = wired()
    made.set_link(B, "eth0.20", options={"vlan_id": "30"})

    cause = made.trace(A, "10.20.0.2").cause

    assert cause is not None
    assert (cause.kind, cause.at, cause.key, cause.vlan) == ("vlan", B, "eth0.20", 20)
    assert cause.text == "netns:b: eth0.20 takes frames of VLAN 30 only, and this one is in VLAN 20"


def test_frames_without_a_tag_are_refused_by_a_vlan_link() -> None:
    made = wired()
    made.address(A, "eth0", "10.21.0.1/24")
    made.address(B, "eth0.20", "10.21.0.2/24")
    # Else the link below answers for it, as a machine does for all its addresses.
    made.sysctl(B, net_ipv4_conf_all_arp__ignore="1")

    cause = made.trace(A, "10.21.0.2").cause

    assert cause is not None
    assert (cause.kind, cause.at, cause.key, cause.vlan) == ("vlan", B, "eth0.20", 0)


def test_an_answer_goes_back_as_the_link_sends_that_heard_the_question() -> None:
    """A bridge takes the tag off on the way there, and takes no frame without one on the way back."""
    made = Lab()
    for place in (A, HOST):
        made.place(place)
    made.wire((A, "eth0"), (HOST, "port"))
    made.bridge(HOST, "br0", "port", options={"vlan_filtering": "1"})
    made.set_link(HOST, "port", vlans=(BridgeVlan(20, 20, untagged=True),))
    made.set_link(HOST, "br0", vlans=(BridgeVlan(20, 20),))
    vlan(made, HOST, "br0", 20)
    made.address(HOST, "br0.20", "10.20.0.1/24")
    made.address(A, "eth0", "10.20.0.2/24")

    cause = made.trace(HOST, "10.20.0.2").cause

    assert cause is not None
    assert (cause.kind, cause.at, cause.key, cause.vlan) == ("vlan", HOST, "port", 0)


def test_on_a_lan_a_switch_may_change_tags_so_nothing_is_certain() -> None:
    made = Lab()
    for place in (HOST, ROUTER):
        made.place(place)
        made.link(place, "eth0")
    vlan(made, HOST, "eth0", 20)
    made.address(HOST, "eth0.20", "10.20.0.5/24")
    made.address(ROUTER, "eth0", "10.20.0.1/24")

    trace = made.trace(HOST, "10.20.0.1")

    assert trace.outcome is Outcome.UNKNOWN
    assert trace.cause is not None
    assert (trace.cause.at, trace.cause.key, trace.cause.vlan) == (ROUTER, "eth0", 20)
    assert trace.cause.text.endswith("unless a switch on the way changes that")


@pytest.mark.parametrize("side", [A, B])
def test_a_vlan_link_on_the_wrong_link_is_named_on_either_side(side: Place) -> None:
    made = wired()
    made.wire((side, "spare"), (side, "spare2"))
    spare = next(each for each in made.spaces[side].links if each.name == "spare")
    made.set_link(side, "eth0.20", peer=spare.index)

    cause = made.trace(A, "10.20.0.2").cause

    assert cause is not None
    assert (cause.kind, cause.at, cause.key, cause.vlan) == ("vlan", side, "eth0.20", 20)
    assert "does not stand on eth0" in cause.text


def test_a_vlan_link_whose_id_is_no_number_stands_nowhere_else() -> None:
    made = wired()
    made.set_link(A, "eth0.20", options={})

    cause = made.trace(A, "10.20.0.2").cause

    assert cause is not None
    assert cause.kind in ("vlan", "neighbour")


def test_a_frame_with_a_tag_comes_to_no_address_of_the_link_below() -> None:
    heard = ears(wired(), A, "eth0.20")

    assert heard[B, "eth0.20"].refusal is None
    refusal = heard[B, "eth0"].refusal
    assert refusal is not None
    assert (refusal.kind, refusal.vlan) == ("vlan", 20)


def test_of_two_ways_the_one_that_nothing_keeps_back_counts() -> None:
    """A link hears a frame untagged by one port, and with a tag that it does not take by the other."""
    made = Lab()
    for place in (A, B):
        made.place(place)
    for name in ("one", "two"):
        made.wire((A, name), (B, f"b{name}"))
    made.bridge(A, "br0", "one", "two", options={"vlan_filtering": "1"})
    made.bridge(B, "br1", "bone", "btwo")
    made.set_link(A, "one", vlans=(BridgeVlan(20, 20),))
    made.set_link(A, "two", vlans=(BridgeVlan(20, 20, pvid=True, untagged=True),))
    made.set_link(A, "br0", vlans=(BridgeVlan(20, 20, pvid=True, untagged=True),))

    assert ears(made, A, "br0")[B, "br1"].refusal is None


def card(**vf: object) -> Lab:
    """A host with an SR-IOV card, a guest on its VF, and the router with VLAN 20 on the same LAN."""
    made = Lab()
    for place in (HOST, WEB, ROUTER):
        made.place(place)
    made.link(WEB, "eth0", mac="02:11:22:33:44:55")
    function = VirtualFunction(0, "02:11:22:33:44:55")
    made.link(HOST, "card", vfs=(replace(function, **vf),))  # type: ignore[arg-type] # the caller knows the fields
    made.link(ROUTER, "lan")
    vlan(made, ROUTER, "lan", 20)
    made.address(WEB, "eth0", "10.20.0.12/24")
    made.address(ROUTER, "lan.20", "10.20.0.1/24")
    return made


def test_a_card_puts_on_and_takes_off_the_tag_of_its_function() -> None:
    made = card(vlan=20)

    assert made.trace(WEB, "10.20.0.1").ok
    assert made.trace(ROUTER, "10.20.0.12").ok
    assert captured_vlans.card("healthy")["probes"] == {
        "guest 10.20.0.1": "answer",
        "router 10.20.0.12": "answer",
    }


def test_a_function_in_another_vlan_is_not_known_to_be_heard() -> None:
    made = card(vlan=30)

    for origin, to in ((WEB, "10.20.0.1"), (ROUTER, "10.20.0.12")):
        assert made.trace(origin, to).outcome is Outcome.UNKNOWN
    cause = made.trace(ROUTER, "10.20.0.12").cause
    assert cause is not None
    assert (cause.at, cause.key, cause.vlan) == (HOST, "card", 20)
    assert cause.text.startswith(
        "host: card takes frames of VLAN 30 only for VF 0 of card, and this"
    )
    assert set(captured_vlans.card("sriov-vf-vlan")["probes"].values()) == {"timeout"}


@pytest.mark.parametrize("checks", [True, False])
def test_a_spoof_check_may_drop_what_has_another_source(*, checks: bool) -> None:
    made = card(vlan=20, spoof_check=checks)
    made.change(WEB, addresses=(), routes=())
    below = next(each for each in made.spaces[WEB].links if each.name == "eth0")
    made.link(WEB, "mv0", "macvlan", peer=below.index, options={"mode": "bridge"})
    made.address(WEB, "mv0", "10.20.0.12/24")

    trace = made.trace(WEB, "10.20.0.1")

    assert trace.outcome is (Outcome.UNKNOWN if checks else Outcome.DELIVERED)
    if checks:
        assert trace.cause is not None
        assert (trace.cause.at, trace.cause.key, trace.cause.vlan) == (HOST, "card", None)


def test_what_is_known_comes_before_what_may_be() -> None:
    may = Refusal("unmodelled", A, "x", "")
    does = Refusal("vlan", A, "y", "")

    assert first([may, None, does]) is does
    assert first([None]) is None


def test_the_length_of_a_frame_is_limited_below_its_vlan_link() -> None:
    """As the kernel showed: what comes in by a veth of 1400 bytes in a VLAN of 1500 is dropped."""
    box = World(wired().snapshot()).observed(A)

    assert below_vlans(box, "eth0.20") == "eth0"
    assert below_vlans(box, "eth0") == "eth0"
    assert below_vlans(box, "gone") == "gone"


def test_what_a_vlan_link_in_another_place_stands_on_is_not_looked_for() -> None:
    made = wired()
    made.set_link(A, "eth0.20", peer_netns=7)
    assert below_vlans(World(made.snapshot()).observed(A), "eth0.20") == "eth0.20"

    made.set_link(A, "eth0.20", peer_netns=None, peer=4711)
    assert below_vlans(World(made.snapshot()).observed(A), "eth0.20") == "eth0.20"
