"""A Docker network among what is there already: other options, other names, other guests."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.docker import LABEL, Attachment, DockerContainer, DockerNetwork
from homelab.model.inventory import ContainerNetwork, Inventory
from homelab.model.lxc import Runtime
from homelab.model.place import HOST, Address, Network, guest
from homelab.model.plan import Plan, Replace
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.resources.docker_network import SET, GuestNetwork
from homelab.system.docker_write import endpoint
from homelab.system.simulated import SimulatedSystem

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
WEB = guest("web")
KIND = (GuestNetwork,)


def plan(declared: Inventory, snapshot: Snapshot) -> Plan:
    return diff(desired_state(declared, snapshot, KIND), actual_state(snapshot, KIND), snapshot)


def blocked(declared: Inventory, snapshot: Snapshot) -> tuple[str, ...]:
    desired = desired_state(declared, snapshot, KIND)
    return obstacles(desired, actual_state(snapshot, KIND), snapshot)


def with_network(snapshot: Snapshot, place: str, **words: object) -> Snapshot:
    """The snapshot with the guest's marked network changed."""
    daemon = snapshot.daemon(place)
    assert daemon is not None
    networks = tuple(
        replace(each, **words) if LABEL in each.labels else each  # type: ignore[arg-type] # each test knows the fields
        for each in daemon.networks
    )
    changed = replace(daemon, networks=networks)
    return replace(snapshot, daemons={**snapshot.daemons, guest(place): changed})


def marked(snapshot: Snapshot, place: str) -> DockerNetwork:
    daemon = snapshot.daemon(place)
    assert daemon is not None
    return next(each for each in daemon.networks if LABEL in each.labels)


def declared_as(*networks: ContainerNetwork) -> Inventory:
    """The inventory with these networks in web."""
    web = DECLARED.guest("web")
    assert web is not None
    others = tuple(each for each in DECLARED.guests if each.name != "web")
    return replace(DECLARED, guests=(replace(web, networks=networks), *others))


def network(name: str, *subnets: str, **options: str) -> ContainerNetwork:
    return ContainerNetwork("web", name, tuple(map(ip_network, subnets)), options=options)


def test_options_that_the_daemon_added_are_not_ours_to_compare() -> None:
    """Its default-network-opts go into every network that does not set them."""
    theirs = marked(APPLIED, "web")
    labels = {**theirs.labels, SET: ",".join(sorted(theirs.options))}
    added = {**theirs.options, "com.docker.network.driver.mtu": "1400"}

    assert not plan(DECLARED, with_network(APPLIED, "web", labels=labels, options=added))


def test_an_option_that_left_the_inventory_leaves_the_network() -> None:
    with_mtu = declared_as(network("apps", "10.90.1.0/24", mtu="1400"))
    system = SimulatedSystem(APPLIED)
    for each in plan(with_mtu, APPLIED).operations():
        system.run(each)
    assert not plan(with_mtu, system.read())

    (change,) = plan(DECLARED, system.read()).changes

    assert isinstance(change, Replace)
    assert dict(marked(system.read(), "web").options)["mtu"] == "1400"


@pytest.mark.parametrize("words", [{"internal": True}, {"ipv6": True}])
def test_a_network_made_anew_by_hand_with_our_label_is_replaced(words: dict[str, bool]) -> None:
    changed = with_network(APPLIED, "web", **words)

    (change,) = plan(DECLARED, changed).changes

    assert isinstance(change, Replace)


def test_the_order_in_which_docker_lists_its_subnets_means_nothing() -> None:
    both = declared_as(network("apps", "fd90:1::/64", "10.90.1.0/24"))
    system = SimulatedSystem(APPLIED)
    for each in plan(both, APPLIED).operations():
        system.run(each)
    there = marked(system.read(), "web")
    turned = with_network(system.read(), "web", subnets=tuple(reversed(there.subnets)))

    assert not plan(both, system.read())
    assert not plan(both, turned)


def test_a_network_without_a_gateway_is_made_again_as_it_was() -> None:
    there = marked(APPLIED, "web")
    bare = with_network(
        APPLIED, "web", subnets=tuple(replace(each, gateway=None) for each in there.subnets)
    )
    (ours,) = (each for each in GuestNetwork.actual(bare) if each.inside == "web")

    (again,) = ours.create(bare)

    assert isinstance(again, op.CreateDockerNetwork)
    assert again.network.subnets == marked(bare, "web").subnets


def test_a_network_may_get_another_name_on_the_same_subnet() -> None:
    renamed = declared_as(network("front", "10.90.1.0/24"))

    assert blocked(renamed, APPLIED) == ()
    kinds = [type(each).__name__ for each in plan(renamed, APPLIED).operations()]
    assert kinds.index("RemoveDockerNetwork") < kinds.index("CreateDockerNetwork")


def test_two_networks_that_swap_their_subnets_are_in_each_other_s_way() -> None:
    first = declared_as(network("apps", "10.90.1.0/24"), network("more", "10.90.2.0/24"))
    system = SimulatedSystem(APPLIED)
    for each in plan(first, APPLIED).operations():
        system.run(each)
    swapped = declared_as(network("apps", "10.90.2.0/24"), network("more", "10.90.1.0/24"))

    said = blocked(swapped, system.read())

    assert len(said) == 2
    assert all("move one of them" in each for each in said)


def test_the_host_s_own_docker_can_be_in_the_way_too() -> None:
    """What bears our label there is not ours: there are no networks of ours on a host."""
    theirs = replace(marked(APPLIED, "web"), name="theirs")
    daemon = replace(APPLIED.daemons[WEB], networks=(theirs,), containers=())
    moved = declared_as(network("front", "10.90.1.0/24"))
    snapshot = replace(APPLIED, daemons={**APPLIED.daemons, HOST: daemon})

    (said,) = blocked(moved, snapshot)

    assert said.startswith("host: Docker network theirs has 10.90.1.0/24, which overlaps web/front")


def test_a_guest_that_was_copied_brings_a_network_with_the_mark_of_the_other() -> None:
    copied = with_network(APPLIED, "web", labels={LABEL: "db/apps"})

    (said,) = blocked(DECLARED, copied)

    assert "with the mark of db/apps, as in a guest that was copied or renamed" in said
    assert "`homelab adopt docker-network:web/apps`" in said


def test_the_end_of_a_network_says_who_loses_it() -> None:
    gone = replace(DECLARED, guests=tuple(e for e in DECLARED.guests if e.name != "web"))

    (said,) = plan(gone, APPLIED).disruptions()

    assert said.startswith("web/apps is removed")
    assert "front" in said


def test_nobody_is_told_of_a_network_that_nobody_uses() -> None:
    daemon = replace(APPLIED.daemons[WEB], containers=())
    unused = replace(APPLIED, daemons={**APPLIED.daemons, WEB: daemon})
    gone = replace(DECLARED, guests=tuple(e for e in DECLARED.guests if e.name != "web"))
    moved = declared_as(network("apps", "10.90.9.0/24"))

    assert plan(gone, unused).disruptions() == ()
    assert plan(moved, unused).disruptions() == ()


V4, V6 = ip_network("10.90.1.0/24"), ip_network("fd90:1::/64")
V4_HALF = ip_network("10.90.1.0/25")


def moved(
    before: tuple[Network, ...], after: tuple[Network, ...], *had: str | None
) -> list[object]:
    """The fixed IPv4 address with which each container comes back, in the order in which they come."""
    elsewhere = DockerContainer("1" * 12, "other", "running", attachments=(Attachment("bridge"),))
    containers = tuple(
        DockerContainer(
            "0" * 12,
            f"c{at}",
            "running",
            attachments=(Attachment("apps", ipv4=_v4(address), ipv6=_v6(address)),),
        )
        for at, address in enumerate(had)
    )
    daemon = replace(APPLIED.daemons[WEB], containers=(elsewhere, *containers))
    snapshot = replace(APPLIED, daemons={**APPLIED.daemons, WEB: daemon})
    old, new = (GuestNetwork("web", "apps", each) for each in (before, after))
    return [
        each.attachment.fixed_ipv4 or each.attachment.fixed_ipv6
        for each in new.replace(old, snapshot)
        if isinstance(each, op.ConnectContainer)
    ]


def _v4(text: str | None) -> Address | None:
    return ip_address(text) if text and "." in text else None


def _v6(text: str | None) -> Address | None:
    return ip_address(text) if text and ":" in text else None


@pytest.mark.parametrize(
    ("after", "had", "gets"),
    [
        ("10.90.1.0/24", "10.90.1.10", "10.90.1.10"),
        ("10.90.9.0/24", "10.90.1.10", "10.90.9.10"),
        ("10.90.1.0/25", "10.90.1.200", None),
        ("10.90.1.0/25", "10.90.1.127", None),
        ("10.90.1.0/24", "10.90.1.1", None),
        ("10.90.9.0/24", "192.168.5.5", None),
        ("fd90:2::/64", "fd90:1::a", "fd90:2::a"),
        ("fd90:2::/64", "10.90.1.10", None),
    ],
)
def test_a_container_keeps_its_place_in_the_subnet_where_docker_can_give_it(
    after: str, had: str, gets: str | None
) -> None:
    (found,) = moved((V4, V6), (ip_network(after),), had)

    assert found == (ip_address(gets) if gets else None)


@pytest.mark.parametrize("had", ["fd90:1::a", "10.90.1.200"])
def test_an_address_without_a_place_in_the_new_subnets_is_not_asked_for(had: str) -> None:
    """Not as the one that it had either: dockerd refuses it, and the container stays unplugged."""
    old, new = (GuestNetwork("web", "apps", each) for each in ((V4, V6), (V4_HALF,)))
    plugged = Attachment("apps", ipv4=_v4(had) or ip_address("10.90.1.10"), ipv6=_v6(had))
    one = DockerContainer("0" * 12, "c", "running", attachments=(plugged,))
    daemon = replace(APPLIED.daemons[WEB], containers=(one,))
    steps = new.replace(old, replace(APPLIED, daemons={**APPLIED.daemons, WEB: daemon}))
    asked = [each.attachment for each in steps if isinstance(each, op.ConnectContainer)]

    wanted = {"IPAMConfig": {"IPv4Address": "10.90.1.10"}} if _v6(had) else {}
    assert [endpoint(each, (1, 41)) for each in asked] == [wanted]


def test_a_container_that_is_only_meant_for_the_network_is_not_taken_off_it() -> None:
    """Connecting it failed, and Docker refuses to disconnect it."""
    assert moved((V4,), (ip_network("10.90.9.0/24"),), None) == []


def test_who_asks_for_an_address_comes_before_those_who_take_any() -> None:
    """Else Docker would give the first free one to somebody else."""
    found = moved((V4,), (ip_network("10.90.1.0/25"),), "10.90.1.200", "10.90.1.2")

    assert found == [ip_address("10.90.1.2"), None]


def test_what_a_masquerading_network_is_called() -> None:
    assert GuestNetwork("web", "apps", (V4,)).describe() == "10.90.1.0/24, masquerade"


@pytest.mark.parametrize(
    ("unread", "runtime", "expected"),
    [
        ({"guest:web/docker": "permission denied"}, True, "permission denied; `lxc exec web"),
        ({"guest:web": "no such process"}, True, "no such process; `lxc exec web"),
        ({}, True, "no Docker answers; `lxc exec web -- docker info`"),
        ({"guest:web": "there is no such guest"}, False, "`lxc launch IMAGE web`"),
        ({"host/lxd": "permission denied"}, False, "no Docker answers"),
    ],
)
def test_why_there_is_no_daemon_is_said_with_what_to_type(
    unread: dict[str, str], *, runtime: bool, expected: str
) -> None:
    daemons = {place: each for place, each in APPLIED.daemons.items() if place != WEB}
    snapshot = replace(
        APPLIED, daemons=daemons, unread=unread, runtime=APPLIED.runtime if runtime else None
    )

    (said,) = blocked(DECLARED, snapshot)

    assert said.startswith("guest web: ")
    assert expected in said


def test_incus_has_a_client_of_its_own_name() -> None:
    nothing = Snapshot(runtime=Runtime("incus", "6.0.4"))

    assert "`incus launch IMAGE web`" in blocked(DECLARED, nothing)[0]
