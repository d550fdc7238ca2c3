"""Rules that people put beside Docker's: in DOCKER-USER, in raw, in nat, in mangle."""

from tests.live.matrix_case import SIX, Case
from tests.live.matrix_rows_docker import BOTH

U = "iptables -I DOCKER-USER "
OURS = "10.9{g}.0.0/16"


def _after(*lines: str, forward: int = 1) -> Case:
    return Case(after="\n".join(lines), forward=forward)


USER = {
    "user accepts": _after(f"{U}-d {OURS} -j ACCEPT", forward=0),
    "user accepts both ways": _after(
        f"{U}-d {OURS} -j ACCEPT", f"{U}-s {OURS} -j ACCEPT", forward=0
    ),
    "user accepts in raw too": _after(
        f"iptables -t raw -I PREROUTING -d {OURS} -j ACCEPT",
        f"{U}-d {OURS} -j ACCEPT",
        f"{U}-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        forward=0,
    ),
    "user appends": _after(f"iptables -A DOCKER-USER -d {OURS} -j ACCEPT", forward=0),
    "user returns first": _after(f"{U}-i eth0 -j DROP", f"{U}-i eth0 -s 10.0.0.0/24 -j RETURN"),
    "user drops by conntrack": _after(
        f"{U}-i eth0 -m conntrack --ctstate NEW ! --ctorigdst {{ip}} -j DROP",
        f"{U}-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    ),
    "user drops an original port": _after(
        f"{U}-i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP"
    ),
    "user drops what was not translated": _after(
        f"{U}-i eth0 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED -j REJECT"
    ),
    "user lets in what was translated": _after(
        f"{U}-i eth0 -j DROP", f"{U}-i eth0 -m conntrack --ctstate DNAT -j ACCEPT"
    ),
    "user resets": _after(f"{U}-i eth0 -p tcp --dport 80 -j REJECT --reject-with tcp-reset"),
    "user rejects": _after(
        f"{U}-i eth0 -d {OURS} -p icmp -j REJECT --reject-with icmp-admin-prohibited"
    ),
    "user takes several ports": _after(
        f"{U}-i eth0 -p tcp -m multiport ! --dports 80,8080 -j DROP",
        f"{U}-i eth0 -p udp -m multiport --dports 5000:5010 -j DROP",
    ),
    "user names a range": _after(f"{U}-i eth0 -m iprange --src-range 10.0.0.50-10.0.0.150 -j DROP"),
    "user names a set": Case(
        tools=f"ipset -exist create lan hash:net; ipset -exist add lan 10.0.0.0/25;"
        f" {U}-i eth0 -m set ! --match-set lan src -j DROP"
    ),
    "user names a set of pairs": Case(
        tools=f"ipset -exist create pairs hash:ip,port; ipset -exist add pairs 10.9{{g}}.1.3,tcp:80;"
        f" {U}-i eth0 -m set ! --match-set pairs dst,dst -j DROP"
    ),
    "user logs and goes on": _after(
        f"{U}-i eth0 -d {OURS} -p tcp -j DROP",
        f"{U}-i eth0 -j NFLOG --nflog-group 5",
        f"{U}-i eth0 -j LOG --log-prefix 'in: '",
    ),
    "user limits": _after(
        f"{U}-i eth0 -p icmp -j DROP",
        f"{U}-i eth0 -p icmp -m limit --limit 1000/second --limit-burst 10000 -j ACCEPT",
    ),
    "user jumps": _after(
        "iptables -N LAN; iptables -A LAN -s 10.0.0.0/24 -j RETURN; iptables -A LAN -j DROP",
        f"{U}-i eth0 -g LAN",
    ),
    "user marks": _after(
        f"iptables -t mangle -A PREROUTING -i eth0 -d {OURS} -p tcp --dport 80 -j MARK --set-mark 7",
        f"{U}-m mark --mark 7 -j DROP",
    ),
    "user marks connections": _after(
        f"iptables -t mangle -A PREROUTING -i eth0 -d {OURS} -j CONNMARK --set-mark 0x10/0xf0",
        "iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark",
        f"{U}-i br-n1 -m connmark --mark 0x10/0xf0 -j DROP",
    ),
    "user forbids egress": _after(f"{U}-i br-n1 ! -o br-n1 -d 10.0.0.0/8 -j DROP"),
    "user forbids egress by policy": _after(
        f"{U}-i br-n1 -o eth0 -j REJECT",
        f"{U}-i br-n1 -o eth0 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
    ),
    "user asks the type of an address": _after(
        f"{U}-m addrtype ! --src-type LOCAL -m addrtype --dst-type UNICAST -i eth0 -j DROP"
    ),
    "user opens between networks": Case(
        {"n1": SIX, "n2": SIX},
        BOTH,
        after=f"{U}-i br-n1 -o br-n2 -j ACCEPT; {U}-i br-n2 -o br-n1 -j ACCEPT",
    ),
    "user drops in raw": _after(f"iptables -t raw -I PREROUTING -i eth0 -d {OURS} -j DROP"),
    "user does not track": _after(
        f"iptables -t raw -I PREROUTING -i eth0 -d {OURS} -j CT --notrack",
        f"iptables -t raw -I PREROUTING -s {OURS} -j CT --notrack",
    ),
    "user masquerades what comes in": _after(
        "iptables -t nat -I POSTROUTING -s 10.0.0.0/24 -o br-n1 -j MASQUERADE", forward=1
    ),
    "user spares from masquerade": _after(
        f"iptables -t nat -I POSTROUTING -s {OURS} -d 10.0.0.0/8 -j ACCEPT"
    ),
    "user maps a port": _after(
        "iptables -t nat -I PREROUTING -i eth0 -p tcp --dport 9001"
        " -j DNAT --to-destination 10.9{g}.1.2:80"
    ),
    "user redirects": _after(
        "iptables -t nat -I PREROUTING -i eth0 -p tcp --dport 9001 -j REDIRECT --to-ports 9000"
    ),
    "user snats": _after(
        f"iptables -t nat -I POSTROUTING -s {OURS} -o eth0 -j SNAT --to-source {{ip}}"
    ),
    "user clamps": _after(
        "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    ),
    "user shortens the way": _after("iptables -t mangle -A PREROUTING -i eth0 -j TTL --ttl-set 1"),
    "user drops what is invalid": _after(
        "iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP",
        "iptables -I INPUT -m state --state INVALID -j DROP",
    ),
    "policy accept": _after("iptables -P FORWARD ACCEPT", forward=0),
    "input drop": _after(
        "iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT",
        "iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "iptables -A INPUT -p tcp --dport 9000 -j ACCEPT",
    ),
    "output drop": _after(
        "iptables -P OUTPUT DROP",
        "iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    ),
    "forward appended": _after(f"iptables -A FORWARD -d {OURS} -j ACCEPT", forward=0),
    "forward inserted": _after(f"iptables -I FORWARD -d {OURS} -j ACCEPT", forward=0),
    "ip6tables by hand": _after(
        "ip6tables -P FORWARD DROP; ip6tables -A FORWARD -p ipv6-icmp -j ACCEPT",
        "ip6tables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "ip6tables -A FORWARD -d fd9{g}:1::/64 -p tcp -m tcp --dport 80 -j ACCEPT",
        "ip6tables -A FORWARD -m rt --rt-type 0 -j DROP",
    ),
    "ip6tables without neighbours": _after("ip6tables -A INPUT -i br-n1 -p ipv6-icmp -j DROP"),
}
