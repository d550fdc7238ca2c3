"""Healthy labs of real namespaces, made by dice: nothing is found in them. HOMELAB_HEALTHY_LABS says how many."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.kernel.named import arrives, carry_out, diagnosed
from tests.kernel.test_kernel_named_ways import BESIDE
from tests.kernel.worlds import world

pytestmark = pytest.mark.kernel

LABS = int(os.environ.get("HOMELAB_HEALTHY_LABS", "6"))
FIRST = int(os.environ.get("HOMELAB_HEALTHY_FIRST", "0"))
TARGETS = ("10.4.0.10", "10.4.0.11:80", "fd04::10", "fd04::11")
A_THIRD = 1 / 3
FORWARDS = ("router", "host", "guest")
STATEFUL = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
KEEPS_STATE = (
    f"for t in iptables{{0}} ip6tables{{0}}; do $t -A FORWARD {STATEFUL};"
    " $t -A FORWARD -m conntrack --ctstate INVALID -j DROP; done"
)
DROPS_BOGONS = (
    "nft 'add table inet h; add chain inet h f { type filter hook forward priority 10; policy accept; };"
    " add rule inet h f ip daddr 192.0.2.0/24 drop; add rule inet h f ip6 daddr 2001:db8::/32 drop'"
)
DROPS_ELSE = (
    "nft 'add table ip6 i; add chain ip6 i f { type filter hook forward priority 0; policy drop; };"
    " add rule ip6 i f accept'"
)
# What people do to machines that go on working: {} is the variant of iptables.
CHANGES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        FORWARDS,
        "for t in iptables{0} ip6tables{0}; do $t -P FORWARD DROP; $t -A FORWARD -j ACCEPT; done",
    ),
    (
        FORWARDS,
        KEEPS_STATE,
    ),
    (
        FORWARDS,
        DROPS_BOGONS,
    ),
    (
        FORWARDS,
        DROPS_ELSE,
    ),
    (FORWARDS, "iptables{0} -t nat -A POSTROUTING -d 192.0.2.0/24 -j MASQUERADE"),
    (
        FORWARDS,
        "iptables{0} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    ),
    (FORWARDS, "iptables{0} -A INPUT -p tcp --dport 22 -j ACCEPT; iptables{0} -P INPUT DROP"),
    (FORWARDS, "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 >$f; done"),
    (FORWARDS, "ip route add blackhole 198.51.100.0/24; ip -6 route add unreachable 2001:db8::/32"),
    (FORWARDS, "ip rule add from 192.0.2.0/24 lookup 52; ip route add blackhole default table 52"),
    (
        FORWARDS,
        "ip link add spare type bridge; ip addr add 172.31.{1}.1/24 dev spare; ip link set spare up",
    ),
    (("guest",), "ip link set br-app mtu 1500; ip link set eth0 mtu 1500"),
    (("app", "web"), "iptables{0} -A INPUT -p tcp --dport 9999 -j DROP"),
    (("app", "web"), "ip addr add 192.0.2.{1}/32 dev lo"),
    (("router",), "ip route add 203.0.113.0/24 via 10.1.0.2"),
    (("client",), "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0"),
)


def thrown(chance: Random) -> Iterator[tuple[str, str]]:
    """Some of the changes, each in one place and in one variant."""
    for places, script in chance.sample(CHANGES, chance.randint(2, 7)):
        variant, number = chance.choice(("", "-legacy")), str(chance.randint(1, 250))
        yield chance.choice(places), script.replace("{0}", variant).replace("{1}", number)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + LABS))
def test_nothing_is_found_in_a_healthy_lab(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    is_beside = chance.random() < A_THIRD
    changes = list(thrown(chance))
    with world() as built:
        if is_beside:
            carry_out(built, BESIDE)
        for place, script in changes:
            carry_out(built, {place: script})
        assert all(arrives(built, each) for each in TARGETS), changes

        document = diagnosed(built, tmp_path, 0, 1, 3, 4)

    # Namespaces of other labs on this machine come and go, and what is told of them is none of this one's.
    own = {"host", "lan", *map(built.place, built.names)}
    assert [each for each in document["findings"] if each["at"] in own] == [], changes
    assert [each["reachable"] for each in document["networks"]] == [True], changes
