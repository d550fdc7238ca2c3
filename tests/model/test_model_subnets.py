"""Claims that overlap are found, all of them, and told once."""

from ipaddress import IPv4Network, ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.model.inventory import ContainerNetwork, Guest, Host, Inventory, Nic, Vlan
from homelab.model.subnets import Claim, Subnets, collisions, declared, excludes


def subnet(third: int, length: int) -> IPv4Network:
    return IPv4Network((f"10.90.{third}.{third}", length), strict=False)


SUBNETS = st.lists(st.builds(subnet, st.integers(0, 31), st.integers(20, 32)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(SUBNETS)
def test_law_every_overlap_is_found(subnets: list[IPv4Network]) -> None:
    claims = [Claim(each, "network", str(index)) for index, each in enumerate(subnets)]

    found = {each.owner for pair in collisions(claims, excludes) for each in pair}

    for one in claims:
        partners = [each for each in claims if each is not one and each.subnet.overlaps(one.subnet)]
        assert (one.owner in found) is bool(partners)


@settings(max_examples=200, deadline=None)
@given(SUBNETS, st.builds(subnet, st.integers(0, 31), st.integers(20, 32)))
def test_law_whatever_overlaps_a_subnet_is_found_once(
    subnets: list[IPv4Network], asked: IPv4Network
) -> None:
    six = (ip_network("::/0"), -1)
    holders = Subnets([*((each, index) for index, each in enumerate(subnets)), six])

    found = list(holders.overlapping(asked))

    assert sorted(found) == [at for at, each in enumerate(subnets) if each.overlaps(asked)]


def test_the_families_are_apart() -> None:
    claims = [Claim(ip_network(each), "network", each) for each in ("0.0.0.0/1", "::/1")]

    assert list(collisions(claims, excludes)) == []


def test_many_equal_claims_are_told_pair_by_pair() -> None:
    claims = [Claim(subnet(1, 24), "network", str(index)) for index in range(4)]

    pairs = [(one.owner, other.owner) for one, other in collisions(claims, excludes)]

    assert pairs == [("0", "1"), ("0", "2"), ("0", "3")]


def test_an_inventory_claims_networks_vlans_and_addresses() -> None:
    inventory = Inventory(
        hosts=(Host("nuc", addresses=(ip_address("10.0.0.2"),)),),
        vlans=(Vlan("v", 5, (ip_network("10.20.0.0/24"),)),),
        guests=(
            Guest(
                "web",
                "nuc",
                Nic(addresses=(ip_address("fd00::1"),)),
                (ContainerNetwork("web", "a", (ip_network("10.90.1.0/24"),)),),
            ),
        ),
    )

    assert [str(each) for each in declared(inventory)] == [
        "network web/a 10.90.1.0/24",
        "vlan v 10.20.0.0/24",
        "guest web fd00::1",
        "host nuc 10.0.0.2",
    ]
