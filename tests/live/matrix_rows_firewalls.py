"""Firewalls of other programs beside Docker, as their packages of Debian write them, and tables of people's own."""

import re
from pathlib import Path

from tests.live.matrix_case import SIX, Case
from tests.live.matrix_rows_docker import BOTH

RECORDED = Path(__file__).parents[1] / "kernel/firewalls"


def _nft(text: str, forward: int = 1) -> Case:
    # nft(8) wants a line of its own for the brace that closes a chain.
    text = re.sub(r" \}$", "\n}", text, flags=re.MULTILINE)
    return Case(after=f"nft -f - <<'X'\n{text}\nX", forward=forward)


def _recorded(name: str) -> Case:
    text = (RECORDED / name).read_text()
    tool = "nft -f -" if name.endswith(".nft") else f"{name.rpartition('.')[2]}-restore --noflush"
    return Case(after=f"{tool} <<'X'\n{text}\nX")


_UFW = """
sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
echo y | ufw reset >/dev/null; rm -f /etc/ufw/*.rules.2*
%s
echo y | ufw enable >/dev/null
"""
_UFW_DOCKER = r"""
cp /usr/share/ufw/after.rules /etc/ufw/after.rules
cat >>/etc/ufw/after.rules <<'X'
*filter
:ufw-user-forward - [0:0]
:ufw-docker-logging-deny - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -j ufw-user-forward
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP
-A DOCKER-USER -i docker0 -o docker0 -j ACCEPT
-A DOCKER-USER -j RETURN -s 10.77.0.0/24
-A DOCKER-USER -j ufw-docker-logging-deny -m conntrack --ctstate NEW -d 10.0.0.0/8
-A DOCKER-USER -j RETURN
-A ufw-docker-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW DOCKER BLOCK] "
-A ufw-docker-logging-deny -j DROP
COMMIT
X
"""

_PROGRAMS = {
    "ufw": Case(tools=_UFW % "ufw allow 22/tcp; ufw allow 9000/tcp"),
    "ufw fwd0": Case(tools=_UFW % "ufw allow 22/tcp", forward=0),
    "ufw routes": Case(tools=_UFW % "ufw route allow from 10.0.0.0/24 to 10.9{g}.1.0/24"),
    "ufw routes a port": Case(
        tools=_UFW % "ufw default allow routed; ufw route deny in on eth0 to any port 80 proto tcp"
    ),
    "ufw limits": Case(tools=_UFW % "ufw limit 9000/tcp; ufw reject 9001/tcp; ufw allow 8080/tcp"),
    "ufw by docker's own chain": Case(
        tools=_UFW % f"{_UFW_DOCKER}\nufw route allow proto tcp from any to any port 80"
    ),
    **{
        f"beside {name.replace('.', ' of ')}": _recorded(name)
        for name in (
            "firewalld.nft",
            "firewalld-iptables.iptables",
            "bans.nft",
            "libvirt.iptables",
            "netavark.iptables",
            "kube-proxy.iptables",
            "tailscale.iptables",
            "shorewall.iptables",
            "proxmox.iptables",
        )
    },
    "lxc bridge": _nft(
        """table inet lxc {
    chain input { type filter hook input priority filter; policy accept;
        iifname lxcbr0 udp dport { 53, 67 } accept
        iifname lxcbr0 tcp dport { 53, 67 } accept }
    chain forward { type filter hook forward priority filter; policy accept;
        iifname lxcbr0 accept
        oifname lxcbr0 accept }
}
table ip lxc {
    chain postrouting { type nat hook postrouting priority srcnat; policy accept;
        ip saddr 10.0.3.0/24 ip daddr != 10.0.3.0/24 counter masquerade }
}
X
ip link add lxcbr0 type bridge; ip addr add 10.0.3.1/24 dev lxcbr0; ip link set lxcbr0 up; : <<'X'"""
    ),
    "fail2ban": Case(
        after="iptables -N f2b-sshd; iptables -A f2b-sshd -s 10.0.0.100 -j REJECT --reject-with icmp-port-unreachable;"
        " iptables -A f2b-sshd -j RETURN; iptables -I INPUT -p tcp -m multiport --dports 22,9000 -j f2b-sshd;"
        " iptables -N f2b-web; iptables -A f2b-web -s 10.0.0.100 -j DROP; iptables -A f2b-web -j RETURN;"
        " iptables -I DOCKER-USER -p tcp -m multiport --dports 80,443 -j f2b-web"
    ),
}

_TABLES = {
    "a router's table": _nft(
        """table inet filter {
  chain input { type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif lo accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport { 22, 8080, 9000 } accept
    reject with icmpx admin-prohibited }
  chain forward { type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "br-n1" accept
    ct status dnat accept }
}"""
    ),
    "sets with intervals": _nft(
        """table inet own {
  set lan { type ipv4_addr; flags interval; elements = { 10.0.0.0/25 comment "clients", 10.77.0.1 } }
  set open { type ipv4_addr . inet_proto . inet_service; flags interval
    elements = { 10.64.0.0/10 . tcp . 80-81 } }
  chain f { type filter hook forward priority -5; policy accept;
    iifname "eth0" ct state new ip saddr @lan ip daddr . meta l4proto . th dport @open accept
    iifname "eth0" ct state new ip protocol { tcp, udp } counter drop comment "the rest" }
}"""
    ),
    "verdicts by map": _nft(
        """table inet own {
  map ways { type ifname : verdict; elements = { "eth0" : jump outside, "br-n1" : jump inside } }
  counter kept { }
  chain outside { tcp flags & (syn | ack) == syn tcp dport vmap { 80 : accept, 81 : drop }; ip protocol udp counter name kept reject }
  chain inside { ip daddr 10.0.0.0/24 tcp dport 81 reject with tcp reset }
  chain f { type filter hook forward priority -1; policy accept; iifname vmap @ways }
}"""
    ),
    "fib as reverse path": _nft(
        """table inet own {
  chain p { type filter hook prerouting priority raw + 10; policy accept;
    fib saddr . iif oif missing counter drop
    fib daddr . iif type != { local, broadcast, multicast, anycast } iifname eth0 tcp dport 81 drop }
}"""
    ),
    "nat of one's own": _nft(
        """table ip own {
  map ports { type inet_service : ipv4_addr . inet_service; elements = { 9001 : 10.77.0.1 . 80 } }
  chain pre { type nat hook prerouting priority dstnat - 1; policy accept;
    iifname eth0 dnat ip to tcp dport map @ports }
  chain post { type nat hook postrouting priority srcnat - 1; policy accept;
    oifname eth0 ip daddr 10.77.0.1 tcp dport 80 masquerade fully-random }
}"""
    ),
    "frames in a bridge": _nft(
        """table bridge own {
  chain f { type filter hook forward priority 0; policy accept;
    ip protocol icmp drop
    ether type ip tcp dport 81 counter drop }
  chain i { type filter hook input priority 0; policy accept; iifname "veth*" ip protocol udp accept }
}"""
    ),
    "without conntrack": _nft(
        """table ip own {
  chain p { type filter hook prerouting priority raw; policy accept; iifname eth0 ip daddr 10.64.0.0/10 notrack }
  chain f { type filter hook forward priority 5; policy accept; ct state untracked counter drop }
}"""
    ),
    "marks and priorities": _nft(
        """table inet own {
  chain m { type filter hook prerouting priority mangle; policy accept;
    iifname eth0 ip dscp != cs1 meta mark set 0x20 ct mark set meta mark }
  chain f { type filter hook forward priority filter + 1; policy accept;
    meta mark & 0xf0 == 0x20 tcp dport 80 ct original proto-dst 80 drop
    ct mark 0x20 ct direction reply udp sport 5005 drop }
}"""
    ),
    "forward closed later": _nft(
        "table inet own { chain f { type filter hook forward priority 100; policy drop; ct status dnat accept; }; }"
    ),
    "ipv6 closed": _nft(
        """table ip6 own {
  chain f { type filter hook forward priority 0; policy drop;
    icmpv6 type { echo-request, echo-reply, nd-neighbor-solicit } accept
    ip6 daddr fd00::/8 tcp dport 80 accept
    ct state established accept }
}"""
    ),
    "a table beside two networks": Case(
        {"n1": SIX, "n2": SIX},
        BOTH,
        after="nft 'add table inet own; add chain inet own f { type filter hook forward priority -1; policy accept; };"
        ' add rule inet own f iifname "br-*" oifname "br-*" accept; add rule inet own f oifname "br-n2" drop\'',
    ),
}

FIREWALLS = {**_PROGRAMS, **_TABLES}
