"""What lies beside routes and rules, against real kernels: ARP's switches, bridges' tables, macvlan, devices, sockets."""

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from homelab.model.trace import Target
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

ORIGINS = ["client", "router", "host", "guest", "app", "web"]
ADDRESSES = ("10.4.0.10", "10.4.0.11", "10.3.0.2", "10.1.0.2", "fd04::10", "fd04::11", "fd03::2")
MAC = "02:00:00:00:00:10"
Script = list[tuple[str, str]]


def targets(*addresses: str) -> list[Target]:
    pairs = (("icmp", None), ("tcp", 80))
    return [Target(ip_address(each), *pair) for each in addresses for pair in pairs]


def nft(*lines: str) -> str:
    text = "\n".join(lines).replace("}", ";\n}").replace("{", "{\n").replace(";", "\n")
    return f"nft -f - <<'X'\n{text}\nX"


def chain(name: str, hook: str, *rules: str) -> str:
    return f"chain {name} {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}"


ELSEWHERE = "ip link add o type veth peer name o2; ip link set o up; ip link set o2 up"
APP_MAC = (
    "app",
    f"ip link set eth0 address {MAC}; ip route replace default via 10.4.0.1; ip -6 route replace default via fd04::1",
)
MARKED = [
    (
        "guest",
        f"{ELSEWHERE}; ip addr add 10.9.0.1/24 dev o; sysctl -qw net.ipv4.conf.eth0.rp_filter=1",
    ),
    ("guest", "iptables -t mangle -A PREROUTING -i eth0 -j MARK --set-mark 7"),
    (
        "guest",
        "ip route add 10.1.0.0/24 via 10.9.0.9 table 90; ip rule add fwmark 7 to 10.1.0.0/24 lookup 90 priority 95",
    ),
]
TO_LOOPBACK = (
    "iptables -t nat -A PREROUTING -d 10.3.0.2 -p tcp --dport 80 -j DNAT --to 127.0.0.1:80"
)


GUEST_MAC = (
    "guest",
    "ip link set eth0 address 02:00:00:00:00:20; ip route replace default via 10.3.0.1; ip -6 route replace default via fd03::1",
)


def advertisements(mac: int, address: int) -> str:
    """As LXD writes them for security.mac_filtering and ipv6_filtering (nftables templates of its firewall driver)."""
    rules = (
        f'iifname "vguest" icmpv6 type nd-neighbor-advert @nh,528,48 != {mac:#x} drop',
        f'iifname "vguest" icmpv6 type nd-neighbor-advert @nh,384,128 != {address:#x} drop',
    )
    return nft("table bridge lxd {", chain("a", "input", *rules), "}")


def macvlans(mode: str) -> Script:
    """One in the container app, one in web, both on the host's uplink."""
    made = "; ".join(
        f"ip link add mv{at} link eth0 type macvlan mode {mode}; ip link set mv{at} netns {{{place}}}"
        for at, place in enumerate(("app", "web"))
    )
    up = "ip link set mv{0} up; ip addr add 10.2.0.5{0}/24 dev mv{0}; ip -6 addr add fd02::5{0}/64 dev mv{0} nodad"
    return [("host", made), ("app", up.format(0)), ("web", up.format(1))]


FAULTS: dict[str, Script] = {
    "arp_ignore 2: who asks must be of the subnet": [
        ("guest", "ip addr add 10.99.9.9/24 dev eth0; sysctl -qw net.ipv4.conf.eth0.arp_ignore=2"),
        ("host", "ip route add 10.99.9.9/32 dev br0; ip route replace 10.4.0.1/32 dev br0"),
    ],
    "arp_ignore 3: not for addresses of the host's scope": [
        ("guest", "ip addr add 10.99.9.9/32 dev lo scope host; ip addr add 10.99.9.8/32 dev lo"),
        ("guest", "sysctl -qw net.ipv4.conf.all.arp_ignore=3"),
        ("host", "ip route add 10.99.9.8/31 dev br0"),
    ],
    "arp_filter: the way back leaves by another link": [
        ("guest", f"{ELSEWHERE}; ip addr add 10.9.0.1/24 dev o"),
        ("guest", "ip route add 10.3.0.1/32 dev o; sysctl -qw net.ipv4.conf.eth0.arp_filter=1"),
    ],
    "arp_filter: the way back leaves by this link": [
        ("guest", "sysctl -qw net.ipv4.conf.all.arp_filter=1")
    ],
    "a port lets no broadcast out": [("guest", "bridge link set dev vapp bcast_flood off")],
    "a static entry of the fdb at another port moves": [
        APP_MAC,
        ("guest", f"bridge fdb replace {MAC} dev vweb master static"),
    ],
    "a static entry at another port of which nothing is learned": [
        APP_MAC,
        ("guest", "ip link set vapp type bridge_slave learning off"),
        ("guest", f"bridge fdb replace {MAC} dev vweb master static"),
    ],
    "a sticky entry at another port": [
        APP_MAC,
        ("guest", f"bridge fdb replace {MAC} dev vweb master static sticky"),
    ],
    "a static entry of the fdb at its own port": [
        APP_MAC,
        ("guest", f"bridge fdb replace {MAC} dev vapp master static"),
    ],
    "a port has the container's address": [APP_MAC, ("guest", f"ip link set vweb address {MAC}")],
    "a locked port": [
        ("guest", "ip link set vapp type bridge_slave locked on learning off fdb_flush")
    ],
    "a locked port, and the address is set for it": [
        APP_MAC,
        ("guest", "ip link set vapp type bridge_slave locked on learning off fdb_flush"),
        ("guest", f"bridge fdb replace {MAC} dev vapp master static"),
    ],
    "a port that neither learns nor floods": [
        ("guest", "ip link set vapp type bridge_slave learning off flood off fdb_flush")
    ],
    "a port that does not flood, and learns": [
        ("guest", "ip link set vapp type bridge_slave flood off fdb_flush")
    ],
    "chains of netdev on their devices": [
        (
            "host",
            nft(
                "table netdev n {",
                chain("a", 'ingress device "eth0"', "ip daddr 10.4.0.10 drop"),
                chain("b", 'ingress device "vguest"', "ip saddr 10.4.0.11 drop"),
                chain("c", 'ingress device "br0"', "ip6 saddr fd04::11 drop"),
                "}",
            ),
        )
    ],
    "egress of a port and of a link": [
        (
            "guest",
            nft(
                "table netdev n {",
                chain("a", 'egress device "vweb"', "tcp dport 80 drop"),
                chain("b", 'egress device "eth0"', "ip6 saddr fd04::10 drop"),
                "}",
            ),
        )
    ],
    "ingress of the family inet": [
        (
            "guest",
            nft(
                "table inet n {", chain("a", 'ingress device "vapp"', "ip protocol icmp drop"), "}"
            ),
        )
    ],
    "a bridge drops ARP between its ports": [
        (
            "guest",
            nft(
                "table bridge f {",
                chain("a", "forward", "arp daddr ip 10.4.0.11 arp operation request drop"),
                "}",
            ),
        )
    ],
    "a bridge drops all ARP between its ports": [
        ("guest", nft("table bridge f {", chain("a", "forward", "ether type arp drop"), "}"))
    ],
    "a bridge keeps the guest's ARP from the host": [
        ("host", nft("table bridge f {", chain("a", "input", "arp saddr ip 10.3.0.2 drop"), "}"))
    ],
    "LXD's filter of ARP lets the guest's own through": [
        (
            "host",
            nft(
                "table bridge f {",
                chain(
                    "a",
                    "input",
                    'iifname "vguest" arp saddr ip != 10.3.0.2 drop',
                    'iifname "vguest" ether type arp accept',
                    'iifname "vguest" ip saddr 10.3.0.2 accept',
                    'iifname "vguest" ether type ip drop',
                ),
                "}",
            ),
        )
    ],
    "LXD's filter of neighbour advertisements, the guest's own": [
        GUEST_MAC,
        ("host", advertisements(0x020000000020, 0xFD030000000000000000000000000002)),
    ],
    "LXD's filter of neighbour advertisements, another's address": [
        GUEST_MAC,
        ("host", advertisements(0x020000000020, 0xFD030000000000000000000000000009)),
    ],
    "LXD's filter of neighbour advertisements, another's hardware": [
        GUEST_MAC,
        ("host", advertisements(0x020000000021, 0xFD030000000000000000000000000002)),
    ],
    "bridged frames of IPv6 pass ip6tables": [
        ("guest", "sysctl -qw net.bridge.bridge-nf-call-ip6tables=1; ip6tables -P FORWARD DROP")
    ],
    "bridged frames are rejected": [
        ("guest", "sysctl -qw net.bridge.bridge-nf-call-iptables=1"),
        (
            "guest",
            "iptables -A FORWARD -i br-app -o br-app -p tcp -j REJECT --reject-with tcp-reset",
        ),
        ("guest", "iptables -A FORWARD -i br-app -o br-app -p icmp -j DROP"),
    ],
    "an address on loopback, and no route_localnet": [("guest", TO_LOOPBACK)],
    "an address on loopback with route_localnet": [
        ("guest", f"{TO_LOOPBACK}; sysctl -qw net.ipv4.conf.eth0.route_localnet=1")
    ],
    "a mark that does not count for the way back": MARKED,
    "a mark that counts for the way back": [
        *MARKED,
        ("guest", "sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1"),
    ],
    "a bridged frame is translated to where it came from": [
        (
            "guest",
            "iptables -t nat -A PREROUTING -i br-app -p tcp --dport 81 -j DNAT --to 10.4.0.10:80",
        )
    ],
    "proxy_arp for one address, and for none": [
        ("host", "ip route replace 10.4.0.0/24 dev br0"),
        ("guest", "ip neigh add proxy 10.4.0.10 dev eth0"),
    ],
    "proxy_arp for all": [
        ("host", "ip route replace 10.4.0.0/24 dev br0"),
        ("guest", "sysctl -qw net.ipv4.conf.all.proxy_arp=1"),
    ],
    "proxy_arp of who does not forward": [
        ("host", "ip route replace 10.4.0.0/24 dev br0"),
        ("guest", "sysctl -qw net.ipv4.conf.all.proxy_arp=1 net.ipv4.conf.eth0.forwarding=0"),
    ],
    "routes by metric, and a better one that leads nowhere": [
        (
            "host",
            "ip route add 10.4.0.0/24 via 10.2.0.1 metric 50; ip route del 10.4.0.0/24 metric 0",
        ),
        ("host", "ip route add 10.4.0.0/24 via 10.3.0.2 metric 60"),
    ],
    "rules by mark with a mask, and by output link": [
        ("host", "iptables -t mangle -A PREROUTING -p tcp -j MARK --set-mark 0x17"),
        (
            "host",
            "ip route add prohibit default table 91; ip rule add fwmark 0x7/0xf lookup 91 priority 80",
        ),
        (
            "guest",
            "ip route add unreachable default table 92; ip rule add oif eth0 lookup 92 priority 81",
        ),
        ("app", "ip rule add from 10.4.0.10 to 10.4.0.11 prohibit priority 82"),
    ],
    "macvlan, bridge": macvlans("bridge"),
    "macvlan, private": macvlans("private"),
    "macvlan, vepa": macvlans("vepa"),
}
ALONE = {
    "arp": ["host"],
    "LXD's filter of neigh": ["host"],
    "a port lets": ["app"],
    "a bridge drops ARP": ["app"],
}
MORE = {
    "arp": ("10.4.0.1", "10.99.9.9", "10.99.9.8"),
    "macvlan": ("10.2.0.50", "10.2.0.51", "10.2.0.2", "fd02::50", "fd02::51"),
}


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


@pytest.mark.parametrize("name", FAULTS)
def test_the_model_agrees_with_the_kernel(built: World, name: str) -> None:
    for place, script in FAULTS[name]:
        fits = "{app}" in script or "{web}" in script
        built.run(place, script.format(**built.names) if fits else script)
    more = next((each for start, each in MORE.items() if name.startswith(start)), ())

    # Who asks is known to who is asked: where a question is lost, only one place may ask.
    origins = next((each for start, each in ALONE.items() if name.startswith(start)), ORIGINS)
    assert built.disagreements(origins, targets(*ADDRESSES, *more)) == []


SOCKETS = """
import socket, time
def listen(family, address, port, link=None, only=None):
    one = socket.socket(family)
    if only is not None:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    if link:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    one.bind((address, port))
    one.listen()
    return one
kept = [
    listen(socket.AF_INET6, "::", 81, only=1),
    listen(socket.AF_INET, "127.0.0.1", 82),
    listen(socket.AF_INET6, "::", 83, "eth0", 0),
    listen(socket.AF_INET6, "::", 84, "lo", 0),
    listen(socket.AF_INET6, "::ffff:10.4.0.10", 85, only=0),
    listen(socket.AF_INET6, "fd04::10", 86),
    listen(socket.AF_INET, "0.0.0.0", 87),
]
time.sleep(600)
"""


def test_what_listens_is_what_answers(built: World) -> None:
    command = ["ip", "netns", "exec", built.names["app"], "python3", "-c", SOCKETS]
    built.servers.append(subprocess.Popen(command))
    built.run("app", "until ss -Hltn | grep -q ':87 '; do sleep 0.02; done")
    asked = [
        Target(ip_address(address), "tcp", port)
        for address in ("10.4.0.10", "fd04::10")
        for port in range(80, 89)
    ]

    assert built.disagreements(["client", "app", "web"], asked) == []
