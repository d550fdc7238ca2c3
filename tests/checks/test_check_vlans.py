"""Faults of VLANs: on what a real kernel showed, and in small labs by hand."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from homelab.diagnosis.judge import judge
from homelab.model.finding import Case, Finding
from homelab.model.inventory import ContainerNetwork, Guest, Host, Inventory, Nic
from homelab.model.kernel import BridgePort, BridgeVlan, Link, VirtualFunction
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Large, Outcome, Target
from homelab.workflow.look import diagnose
from tests import captured_vlans
from tests.checks.cases import (
    NAME,
    SUBNET,
    at,
    case,
    cause,
    check,
    found,
    instance,
    lab,
    only,
    wanted,
)

UPLINK = Inventory((Host("nuc", uplink="br0.10"),))
COMMANDS = {
    "vlan-missing-on-port": ("bridge vlan add dev eth0 vid 10",),
    "vlan-pvid-mismatch": (
        "bridge vlan add dev vweb vid 20 pvid untagged",
        "bridge vlan del dev vweb vid 30",
    ),
    "vlan-pvid-mismatch.none": ("bridge vlan add dev vweb vid 20 pvid untagged",),
    "vlan-missing-on-bridge-self": ("bridge vlan add dev br0 vid 20 self",),
    "vlan-missing-on-bridge-self.uplink": ("bridge vlan add dev br0 vid 10 self",),
    "vlan-missing-on-bridge-self.other": ("bridge vlan add dev br0 vid 11 self",),
    "vlan-filtering-off": ("ip link set br0 type bridge vlan_filtering 1",),
    "vlan-link-down": ("ip link set br0.20 up",),
    "vlan-link-down.uplink": ("ip link set br0.10 up",),
    "vlan-wrong-parent": (
        "ip link del br0.20",
        "ip link add link PARENT name br0.20 type vlan id 20",
    ),
    "vlan-id-duplicate": ("ip link del old20",),
    "vlan-native-mismatch.untagged": ("ssh router ip -d link show dev lan.10",),
    "vlan-native-mismatch.tagged": (
        "lxc exec web -- ip link add link eth0 name eth0.20 type vlan id 20",
    ),
    "vlan-native-mismatch.router": ("ip -d link show dev eth0",),
}


def first_of(name: str) -> Finding:
    return diagnose(UPLINK, captured_vlans.snapshot(name)).findings[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_real_kernel_showed_gets_its_code_first(name: str) -> None:
    finding = first_of(name)

    assert finding.fault == name.partition(".")[0]
    assert finding.severity == "error"
    assert finding.fix is not None
    assert finding.fix.commands == COMMANDS[name]


def test_a_healthy_lab_with_vlans_gets_none() -> None:
    found = diagnose(UPLINK, captured_vlans.snapshot("healthy"))

    assert found.findings == ()
    assert [each.reachable for each in found.case.judgements] == [True]


def test_the_large_packets_that_really_vanish_are_those_of_the_finding() -> None:
    """From the client behind the router; the one in the LAN of the uplink is answered directly."""
    name = "vlan-mtu"
    made = Case(UPLINK, captured_vlans.snapshot(name), judge(UPLINK, captured_vlans.snapshot(name)))
    trace = captured_vlans.tracer(name).trace("netns:client", Target(ip_address("10.90.1.10")))
    seen = replace(made, judgements=(replace(made.judgements[0], traces=(trace,)),))

    (finding,) = check(name)(seen)

    assert captured_vlans.seen(name)["large"] == "timeout"
    assert captured_vlans.seen(name)["probes"]["app"]["192.168.1.9"] == "answered"
    assert finding.at == ROUTER
    assert finding.fix is not None
    assert finding.fix.commands == ("ssh router ip link set dev lan mtu 1500",)


def with_nic(snapshot: Snapshot, *, own: bool, **device: str) -> Snapshot:
    nic = {"type": "nic", "nictype": "bridged", "parent": "br0", **device}
    config = {"security.nesting": "true"}
    made = Instance(
        "web",
        "Running",
        expanded_config=config,
        devices={"eth0": nic} if own else {},
        expanded_devices={"root": {"type": "disk"}, "eth0": nic},
    )
    return replace(snapshot, runtime=Runtime("lxd", "5.0.2", (made,)))


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (True, "lxc config device set web eth0 vlan=20"),
        (False, "lxc config device override web eth0 vlan=20"),
    ],
)
def test_the_pvid_of_a_nic_of_lxd_is_lxd_s_key(*, own: bool, line: str) -> None:
    snapshot = with_nic(captured_vlans.snapshot("vlan-pvid-mismatch"), own=own, vlan="30")

    finding = diagnose(UPLINK, snapshot).findings[0]

    assert finding.fault == "nic-wrong-vlan"
    assert finding.explains.startswith("host: the NIC eth0 of web is in VLAN 30, and packets")
    assert finding.fix is not None
    assert finding.fix.commands == (line,)


def test_the_vlan_of_a_nic_of_proxmox_is_set_by_pct() -> None:
    line = "net0=name=eth0,bridge=br0,tag=30,type=veth"
    snapshot = with_nic(captured_vlans.snapshot("vlan-pvid-mismatch"), own=True, vlan="30")
    (web,) = snapshot.runtime.instances if snapshot.runtime else ()
    kept = replace(web, config={"proxmox.eth0": line})

    said = [
        diagnose(UPLINK, replace(snapshot, runtime=Runtime(name, "", (each,)))).findings[0].fix
        for name, each in (("proxmox", kept), ("lxc", web))
    ]

    assert [each.commands for each in said if each] == [
        ("pct set web --net0 name=eth0,bridge=br0,type=veth,tag=20",),
        (),
    ]
    assert said[1] is not None
    assert said[1].text.endswith("/var/lib/lxc/web/config, and start it again")


VLAN10 = Link(20, "eth0.10", "vlan", peer=2, options={"vlan_id": "10"})


def ended(link: str, vlan: int | None, kind: str = "vlan", place: Place = HOST) -> Cause:
    return cause(place, kind, stage="neighbour", key=link, vlan=vlan, text=f"{link} refuses")


def with_links(*links: Link, place: Place = HOST) -> Snapshot:
    """The lab with links of a place added, or in place of those of the same name."""
    names = {each.name for each in links}
    kept = (each for each in lab().namespaces[place].links if each.name not in names)
    return at(lab(), place, links=(*kept, *links))


def test_a_vlan_link_that_hears_another_id_is_in_the_wrong_vlan() -> None:
    finding = only(case(ended("eth0.10", 20), snapshot=with_links(VLAN10)))

    assert finding.fault == "nic-wrong-vlan"
    assert finding.fix is not None
    assert finding.fix.commands == ("ip -d link show dev eth0.10",)


def test_without_a_link_nothing_is_said_of_vlans() -> None:
    assert only(case(ended("gone", 20))).fault == "dropped-by-vlan"
    assert only(case(ended("eth0", None))).fault == "dropped-by-vlan"


def bridge(**more: object) -> Link:
    options = {"vlan_filtering": "1"}
    return Link(3, "lxdbr0", "bridge", options=options, **more)  # type: ignore[arg-type] # the caller knows the fields


def port(index: int = 4, name: str = "vethweb", **more: object) -> Link:
    return Link(index, name, "veth", master=3, peer=2, peer_netns=1, port=BridgePort(), **more)  # type: ignore[arg-type] # as above


UNTAGGED20 = BridgeVlan(20, 20, pvid=True, untagged=True)


def test_a_port_without_a_pvid_gets_that_of_its_neighbours() -> None:
    bare = replace(lab(), runtime=None)
    links = (bridge(vlans=(UNTAGGED20,)), port(), port(9, "other", vlans=(UNTAGGED20,)))
    here = bare.namespaces[HOST].links
    snapshot = at(bare, HOST, links=(*(e for e in here if e.index < 3), *links))

    fix = only(case(ended("vethweb", 0), snapshot=snapshot)).fix

    assert fix is not None
    assert fix.commands == ("bridge vlan add dev vethweb vid 20 pvid untagged",)


def test_a_port_without_a_pvid_among_others_that_differ_gets_the_default() -> None:
    links = (bridge(), port(), port(9, "other"))
    snapshot = replace(with_links(*links), runtime=None)

    fix = only(case(ended("vethweb", 0), snapshot=snapshot)).fix

    assert fix is not None
    assert fix.commands == ("bridge vlan add dev vethweb vid 1 pvid untagged",)


def test_a_bridge_that_takes_no_untagged_frames_itself_gets_a_pvid() -> None:
    finding = only(case(ended("lxdbr0", 0), snapshot=with_links(bridge())))

    assert finding.fault == "vlan-missing-on-bridge-self"
    assert finding.fix is not None
    assert finding.fix.commands == ("bridge vlan add dev lxdbr0 vid 1 pvid untagged self",)


def test_a_nic_is_a_trunk_and_a_half_of_a_pair_is_one_if_it_has_tags() -> None:
    nic = Link(8, "eth9", master=3, port=BridgePort(), vlans=(BridgeVlan(10, 10),))
    lost = replace(port(9, "half", vlans=(BridgeVlan(10, 10),)), peer=77)
    for each in (nic, lost):
        snapshot = with_links(bridge(), each)
        finding = only(case(ended(each.name, 20), snapshot=snapshot))
        assert finding.fault == "vlan-missing-on-port"


def test_a_nic_that_lxd_does_not_know_is_nobody_s() -> None:
    snapshot = with_links(bridge(), port(vlans=(UNTAGGED20,)))
    runtime = Runtime("lxd", "5.0.2", (replace(instance(), expanded_devices={}),))

    finding = only(case(ended("vethweb", 30), snapshot=replace(snapshot, runtime=runtime)))

    assert finding.fault == "vlan-pvid-mismatch"


def test_a_vlan_link_that_is_down_is_found_by_the_network_it_has() -> None:
    down = replace(VLAN10, up=False)
    host = lab().namespaces[HOST]
    moved = tuple(
        replace(each, link="eth0.10") if each.link == "lxdbr0" else each for each in host.addresses
    )
    snapshot = at(with_links(down), HOST, addresses=moved)

    finding = only(case(cause(HOST, "route", text="no route"), snapshot=snapshot))

    assert finding.fault == "vlan-link-down"
    assert finding.severity == "error"


def test_the_parent_of_a_vlan_link_that_is_down_comes_first() -> None:
    links = (replace(VLAN10, up=False), Link(2, "eth0", up=False))

    finding = only(case(cause(HOST, "link", key="eth0.10"), snapshot=with_links(*links)))

    assert finding.fix is not None
    assert finding.fix.commands == ("ip link set eth0 up", "ip link set eth0.10 up")


def test_a_vlan_link_that_is_down_elsewhere_is_not_to_blame() -> None:
    snapshot = with_links(replace(VLAN10, up=False))

    assert (
        only(case(cause(HOST, "link", key="lxdbr0"), snapshot=snapshot)).fault == "host-link-down"
    )


CARD = Link(
    30,
    "card",
    vfs=(
        VirtualFunction(0, "02:00:00:00:00:99", 40),
        VirtualFunction(1, "02:00:00:00:00:05", 30, spoof_check=True),
    ),
)


def test_the_function_of_the_guest_in_another_vlan_is_named() -> None:
    unsure = ended("card", 20, "unmodelled")

    finding = only(case(unsure, snapshot=with_links(CARD), outcome=Outcome.UNKNOWN))

    assert (finding.fault, finding.severity) == ("sriov-vf-vlan", "warning")
    assert finding.fix is not None
    assert finding.fix.commands == ("ip link set card vf 1 vlan 20",)


def test_the_spoof_check_of_the_guest_s_function_is_named() -> None:
    unsure = ended("card", None, "unmodelled")

    finding = only(case(unsure, snapshot=with_links(CARD), outcome=Outcome.UNKNOWN))

    assert finding.fault == "sriov-spoof-check"
    assert finding.fix is not None
    assert finding.fix.commands == ("ip link set card vf 1 spoofchk off",)


def test_a_card_without_our_functions_is_not_to_blame() -> None:
    other = replace(CARD, vfs=CARD.vfs[:1])
    unsure = ended("card", None, "unmodelled")

    assert only(case(unsure, snapshot=with_links(other))).fault != "sriov-spoof-check"
    assert only(case(unsure)).fault != "sriov-spoof-check"


def in_vlan(nic_vlan: str | None = "servers", host_vlans: tuple[str, ...] = ()) -> Inventory:
    network = ContainerNetwork("web", "apps", (SUBNET,))
    nic = Nic(vlan=nic_vlan, addresses=(ip_address("10.77.0.11"),))
    return Inventory(
        (Host("nuc", vlans=host_vlans),), guests=(Guest("web", "nuc", nic, (network,)),)
    )


def test_a_kernel_without_vlans_is_told_where_the_inventory_wants_them() -> None:
    bare = replace(lab(), lacks=("8021q",))
    inventory = in_vlan(host_vlans=("servers", "other"))

    (finding,) = check("kernel-without-vlan")(Case(inventory, bare, judge(inventory, bare)))

    assert finding.severity == "warning"
    assert finding.explains.endswith("wants VLAN servers, other there")
    assert finding.affects == (NAME,)


def test_it_is_an_error_where_the_guest_is_not_reached() -> None:
    bare = replace(lab(), lacks=("8021q",))
    broken = case(cause(), snapshot=bare, inventory=in_vlan())

    assert found(broken)["kernel-without-vlan"].severity == "error"


@pytest.mark.parametrize(("lacks", "vlan"), [((), "servers"), (("8021q",), None)])
def test_nothing_is_told_of_a_kernel_that_can_or_need_not(
    lacks: tuple[str, ...], vlan: str | None
) -> None:
    inventory = in_vlan(vlan)
    snapshot = replace(lab(), lacks=lacks)

    assert not check("kernel-without-vlan")(Case(inventory, snapshot, ()))
    assert not check("kernel-without-vlan")(Case(wanted(), replace(snapshot, host="x"), ()))


def hole(key: str, snapshot: Snapshot) -> Case:
    (judgement,) = case(snapshot=snapshot, outcome=Outcome.DELIVERED).judgements
    small = cause(HOST, "mtu", key=key, text="too long")
    large = Large(1500, Outcome.DROPPED, 1400, small)
    (trace,) = case(cause(), snapshot=snapshot).judgements[0].traces
    whole = replace(trace, outcome=Outcome.DELIVERED, cause=None, large=large)
    return Case(Inventory(), snapshot, (replace(judgement, traces=(whole,), reachable=True),))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("eth0.10", "vlan-mtu"),
        ("eth0", "vlan-mtu"),
        ("trunk", "vlan-mtu"),
        ("lxdbr0", "mtu-black-hole"),
        ("gone", "mtu-black-hole"),
    ],
)
def test_a_hole_at_a_link_that_carries_vlans_is_theirs(key: str, code: str) -> None:
    trunk = Link(31, "trunk", vlans=(BridgeVlan(10, 10),))

    assert list(found(hole(key, with_links(VLAN10, trunk)))) == [code]
