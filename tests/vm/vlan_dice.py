"""Dice that fill a switch with VLANs: four machines on a bridge, tagged or not, in VLANs that may or may not fit.

switch br0 (ports p1 … p4, and itself in some VLANs) - machines h1 … h4, h1 a router between the VLANs that it is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from random import Random

VLANS = (10, 20, 30)
MACHINES = (1, 2, 3, 4)
SWITCH = "sw"
PLACES = (SWITCH, *(f"h{n}" for n in MACHINES))
SWITCH_HOST = 100


@dataclass(frozen=True, slots=True)
class Thrown:
    """A script that builds the network, and the addresses in it, one of which nobody has."""

    script: str
    addresses: tuple[IPv4Address, ...]


def throw(seed: int) -> Thrown:
    """The same network for the same seed."""
    dice = Random(seed)
    lines = [*_places(), *_switch(dice)]
    addresses = []
    for number in MACHINES:
        for link, vlan in _links(dice, number):
            lines += link
            addresses.append(f"10.{vlan}.0.{number}")
    for vlan in dice.sample(VLANS, dice.randrange(3)):
        lines += _own(dice, vlan)
        addresses.append(f"10.{vlan}.0.{SWITCH_HOST}")
    lines += _routes(dice)
    found = tuple(map(ip_address, [*addresses, "10.10.0.250"]))
    return Thrown("\n".join(lines), tuple(each for each in found if each.version == 4))


def _places() -> Iterator[str]:
    for name in PLACES:
        yield f"ip netns add {name}; ip -n {name} link set lo up"
        # No chatter of IPv6, no redirects, and an answer for each packet that is refused.
        yield (
            f"ip netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
            " net.ipv4.icmp_ratelimit=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0"
            " net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
        )


def _switch(dice: Random) -> Iterator[str]:
    filtering = int(dice.random() < 0.85)
    pvid = dice.choice((0, 0, 1, 10))
    protocol = "802.1ad" if dice.random() < 0.1 else "802.1Q"
    yield (
        f"ip -n {SWITCH} link add br0 type bridge vlan_filtering {filtering} vlan_default_pvid {pvid}"
        f" vlan_protocol {protocol}; ip -n {SWITCH} link set br0 up"
    )
    for number in MACHINES:
        port = f"p{number}"
        yield f"ip link add {port} netns {SWITCH} type veth peer name eth0 netns h{number}"
        yield f"ip -n {SWITCH} link set {port} up master br0; ip -n h{number} link set eth0 up"
        yield from _membership(dice, f"dev {port}")
    if dice.random() < 0.8:
        yield from _membership(dice, "dev br0 self")


def _membership(dice: Random, port: str) -> Iterator[str]:
    for vlan in VLANS:
        if dice.random() < 0.75:
            flags = " ".join(each for each in ("pvid", "untagged") if dice.random() < 0.35)
            yield f"bridge -n {SWITCH} vlan add vid {vlan} {port} {flags}"


def _links(dice: Random, number: int) -> Iterator[tuple[list[str], int]]:
    """VLAN links of a machine, the router having one in each VLAN; or an address without a tag."""
    here = f"h{number}"
    wanted = VLANS if number == 1 else dice.sample(VLANS, dice.choice((1, 1, 2)))
    for vlan in wanted:
        if number != 1 and dice.random() < 0.4:
            yield [f"ip -n {here} addr add 10.{vlan}.0.{number}/24 dev eth0"], vlan
            continue
        yield _vlan_link(dice, here, "eth0", vlan, number), vlan


def _own(dice: Random, vlan: int) -> list[str]:
    return _vlan_link(dice, SWITCH, "br0", vlan, SWITCH_HOST)


def _vlan_link(dice: Random, here: str, parent: str, vlan: int, number: int) -> list[str]:
    tag = dice.choice(VLANS) if dice.random() < 0.1 else vlan
    protocol = "802.1ad" if dice.random() < 0.1 else "802.1Q"
    state = "down" if dice.random() < 0.05 else "up"
    name = f"v{vlan}"
    return [
        f"ip -n {here} link add link {parent} name {name} type vlan id {tag} protocol {protocol} || exit 77",
        f"ip -n {here} link set {name} {state}; ip -n {here} addr add 10.{vlan}.0.{number}/24 dev {name}",
    ]


def _routes(dice: Random) -> Iterator[str]:
    """Machines send to the router what is in another VLAN; it forwards, most of the time."""
    forwarding = int(dice.random() < 0.9)
    yield f"ip netns exec h1 sysctl -qw net.ipv4.ip_forward={forwarding}"
    for name in PLACES:
        if name != "h1":
            gateway = f"10.{dice.choice(VLANS)}.0.1"
            # Where no link has that subnet there is no such route.
            yield f"ip -n {name} route add default via {gateway} 2>/dev/null || true"
