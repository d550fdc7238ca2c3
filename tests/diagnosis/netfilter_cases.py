"""Rule sets that the model and the kernel must judge alike."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """``doubtful``: some packet's fate hangs on a match that the model leaves open."""

    name: str
    rules: tuple[tuple[str, str], ...]
    doubtful: bool = False


def save(*lines: str, table: str = "filter") -> str:
    """An iptables-restore text of one table."""
    return "\n".join((f"*{table}", *lines, "COMMIT", ""))


def nft(
    *rules: str, chain: str = "type filter hook forward priority 0; policy accept;", extra: str = ""
) -> str:
    body = "\n".join(f"  {each}" for each in rules)
    return f"table inet t {{\n{extra}\n chain c {{\n  {chain}\n{body}\n }}\n}}\n"


FORWARD_DROP = (":FORWARD DROP", ":INPUT ACCEPT", ":OUTPUT ACCEPT")
DNAT4 = "-A PREROUTING -d 10.99.1.1 -p tcp --dport 81 -j DNAT --to-destination 10.99.2.2:80"

_IPTABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "policy-drop": (FORWARD_DROP, "filter"),
    "accept-established-only": (
        (*FORWARD_DROP, "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        "filter",
    ),
    "return-meets-policy": ((*FORWARD_DROP, "-A FORWARD -j RETURN", "-A FORWARD -j ACCEPT"), "filter"),
    "drop-then-accept": (("-A FORWARD -p tcp --dport 80 -j DROP", "-A FORWARD -j ACCEPT"), "filter"),
    "reject-default": (("-A FORWARD -j REJECT",), "filter"),
    "reject-tcp-reset": (("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset",), "filter"),
    "reject-input": (("-A INPUT -p udp -j REJECT",), "filter"),
    "user-chain-return": (
        (":A -", ":B -", "-A FORWARD -j A", "-A FORWARD -p tcp -j DROP",
         "-A A -p tcp --dport 80 -j B", "-A A -p udp -j DROP", "-A B -j RETURN"),
        "filter",
    ),
    "goto-skips-the-rest": (
        (":FORWARD DROP", ":A -", ":B -", "-A FORWARD -j A", "-A FORWARD -p tcp --dport 81 -j ACCEPT",
         "-A A -g B", "-A A -j ACCEPT", "-A B -p udp -j ACCEPT"),
        "filter",
    ),
    "negated-source-and-port": (
        ("-A FORWARD ! -s 10.99.1.0/24 -j DROP", "-A FORWARD -p tcp ! --dport 80:81 -j DROP"), "filter"),
    "interfaces": (
        ("-A FORWARD -i in+ ! -o lo -p tcp -j DROP", "-A INPUT -i out0 -j DROP"), "filter"),
    "replies-die": (("-A FORWARD -i out0 -p tcp -j DROP",), "filter"),
    "replies-of-syn-only": (("-A FORWARD -p tcp --tcp-flags SYN,ACK SYN,ACK -j DROP",), "filter"),
    "syn": (("-A FORWARD -p tcp --syn -j DROP",), "filter"),
    "not-syn": (("-A FORWARD -p tcp ! --syn -j DROP",), "filter"),
    "multiport": (("-A FORWARD -p tcp -m multiport --dports 81,90:95 -j DROP",), "filter"),
    "icmp-type": (("-A FORWARD -p icmp --icmp-type 8 -j DROP",), "filter"),
    "icmp-reply": (("-A FORWARD -p icmp --icmp-type echo-reply -j DROP",), "filter"),
    "addrtype": (("-A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 80 -j DROP",), "filter"),
    "addrtype-unicast": (("-A FORWARD -m addrtype --dst-type UNICAST -p tcp -j DROP",), "filter"),
    "iprange": (("-A FORWARD -m iprange --dst-range 10.99.2.1-10.99.2.3 -p udp -j DROP",), "filter"),
    "state-new": (("-A FORWARD -m state --state NEW -p tcp -j DROP",), "filter"),
    "ctstate-not-new": (("-A FORWARD -m conntrack ! --ctstate NEW -p tcp -j DROP",), "filter"),
    "ctdir": (("-A FORWARD -m conntrack --ctdir REPLY -p udp -j DROP",), "filter"),
    "ctorigdst": (("-A FORWARD -m conntrack --ctorigdst 10.99.2.2 -p udp -j DROP",), "filter"),
    "ttl": (("-A FORWARD -m ttl --ttl-lt 64 -p tcp --dport 80 -j DROP",), "filter"),
    "ttl-is-64": (("-A PREROUTING -m ttl --ttl-gt 63 -p tcp --dport 80 -j DROP",), "raw"),
    "raw-prerouting-not-interface": (
        ("-A PREROUTING -d 10.99.2.2/32 ! -i out0 -j DROP",), "raw"),
    "raw-notrack": (("-A PREROUTING -p tcp -j CT --notrack",), "raw"),
    "mangle-mark-drop": (
        ("-A PREROUTING -p tcp --dport 80 -j MARK --set-mark 0x10/0xf0",
         "-A FORWARD -m mark --mark 0x10/0xf0 -j DROP"), "mangle"),
    "rpfilter": (("-A PREROUTING -m rpfilter --invert -j DROP",), "raw"),
    "output-drop": (("-A OUTPUT -p tcp --sport 80 -j DROP",), "filter"),
    "pkttype": (("-A INPUT -m pkttype --pkt-type unicast -p udp -j DROP",), "filter"),
    "limit-log-only": (("-A FORWARD -m limit --limit 3/min -j MARK --set-mark 0",), "mangle"),
    "nat-masquerade": (("-A POSTROUTING -o out0 -j MASQUERADE",), "nat"),
    "nat-snat": (("-A POSTROUTING -p udp -o out0 -j SNAT --to-source 10.99.2.1",), "nat"),
    "nat-dnat": ((DNAT4, "-A PREROUTING -d 10.99.1.1 -p udp --dport 53 -j DNAT --to-destination 10.99.2.2:54"), "nat"),
    "nat-redirect": (("-A PREROUTING -p tcp --dport 82 -j REDIRECT --to-ports 80",
                      "-A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 54"), "nat"),
    "nat-netmap": (("-A PREROUTING -d 10.99.1.0/24 -p tcp -j NETMAP --to 10.99.2.0/24",), "nat"),
    "nat-first-packet-only": (
        ("-A POSTROUTING -p tcp --dport 80 -j RETURN", "-A POSTROUTING -o out0 -j MASQUERADE"), "nat"),
    "nat-dnat-local": (
        ("-A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 82 -j DNAT --to-destination 10.99.2.2:81",
         "-A POSTROUTING -j MASQUERADE"), "nat"),
}  # fmt: skip

_NFT = {
    "policy-drop": nft(chain="type filter hook forward priority 0; policy drop;"),
    "accept-ends-only-its-chain": nft("accept")
    + nft("tcp dport 80 drop", chain="type filter hook forward priority 10;").replace("inet t", "inet u"),
    "drop-in-one-of-two": nft("tcp dport 80 drop")
    + nft("accept", chain="type filter hook forward priority -10;").replace("inet t", "inet u"),
    "vmap-state": nft("ct state vmap { established : accept, related : accept, new : jump q }", "drop",
                      extra=" chain q { tcp dport 80 accept; udp dport 53 accept; }"),
    "vmap-ports": nft("tcp dport vmap { 80 : drop, 81-90 : goto q }", extra=" chain q { reject with tcp reset; }"),
    "named-set": nft("ip daddr @s tcp dport 80 drop", extra=" set s { type ipv4_addr; flags interval; elements = { 10.99.2.0/24 }; }"),
    "not-in-set": nft("tcp dport != { 80, 82 } drop"),
    "saddr-not-breaks-for-other-family": nft("ip saddr != 10.0.0.0/8 drop", "ip6 saddr != fd99:1::/64 tcp dport 80 drop"),
    "iifname-wildcard": nft('iifname "in*" oifname "out0" udp dport 53 drop'),
    "iifname-set": nft('iifname { "in0", "eth9" } tcp dport 80 drop'),
    "meta-l4proto": nft("meta l4proto { icmp, ipv6-icmp } drop"),
    "concat": nft("ip saddr . tcp dport { 10.99.1.0/24 . 80-81, 10.99.1.2 . 90 } drop"),
    "concat-vmap": nft('iifname . oifname vmap { "in0" . "out0" : drop, "out0" . "in0" : accept }'),
    "th-dport": nft("meta l4proto { tcp, udp } th dport { 53, 81 } drop"),
    "flags": nft("tcp flags syn / syn,ack drop"),
    "flags-any": nft("tcp flags ack drop"),
    "flags-not": nft("tcp flags != syn drop"),
    "state-list": nft("ct state established,related accept", "tcp dport 80 accept", "ct state new drop"),
    "state-not": nft("ct state != { established, related } tcp dport 80 drop"),
    "ct-direction": nft("ct direction reply udp sport 53 drop"),
    "ct-original": nft("ct original ip daddr 10.99.2.2 meta l4proto udp drop"),
    "fib-type": nft("fib daddr type local tcp dport 80 drop", chain="type filter hook prerouting priority -150;"),
    "fib-rpfilter": nft("fib saddr . iif oif missing drop", chain="type filter hook prerouting priority -150;"),
    "fib-exists": nft("fib saddr . iif oif exists tcp dport 80 drop", chain="type filter hook prerouting priority -150;"),
    "mark": nft("tcp dport 80 meta mark set meta mark | 0x10", "meta mark & 0x10 == 0x10 drop"),
    "mark-map": nft("meta mark set tcp dport map { 80 : 5, 81 : 6 }", "meta mark 6 drop"),
    "ct-mark": nft("ct state new tcp dport 80 ct mark set 0x7", "ct direction reply ct mark 0x7 drop"),
    "reject-icmpx": nft("tcp dport 80 reject with icmpx admin-prohibited", "meta l4proto udp reject"),
    "reject-prerouting-drop": nft("meta nfproto ipv6 drop", chain="type filter hook prerouting priority -300;"),
    "return-policy": nft("tcp dport 80 return", "accept", chain="type filter hook forward priority 0; policy drop;"),
    "jump-and-fall-back": nft("jump q", "tcp dport 80 drop", extra=" chain q { tcp dport 80 return; tcp dport 81 drop; }"),
    "goto-to-policy": nft("goto q", "accept", chain="type filter hook forward priority 0; policy drop;",
                          extra=" chain q { tcp dport 80 accept; }"),
    "icmp-types": nft("icmp type { echo-request, destination-unreachable } drop", "icmpv6 type echo-reply drop"),
    "bitmask-address": nft("ip daddr & 0.0.0.255 == 0.0.0.2 tcp dport 80 drop"),
    "ttl": nft("ip ttl < 64 tcp dport 80 drop", "ip6 hoplimit 64 tcp dport 81 drop"),
    "frag-off": nft("ip frag-off & 0x1fff != 0 drop"),
    "notrack": nft("tcp dport 80 notrack", chain="type filter hook prerouting priority -300;")
    + nft("ct state untracked drop").replace("inet t", "inet u"),
    "input-drop": nft("tcp dport 80 drop", chain="type filter hook input priority 0;"),
    "output-drop": nft("tcp sport 80 drop", chain="type filter hook output priority 0;"),
    "postrouting-drop": nft("tcp dport 80 drop", chain="type filter hook postrouting priority 0;"),
    "nat-masquerade": nft("oifname out0 masquerade", chain="type nat hook postrouting priority 100;"),
    "nat-dnat": nft("ip daddr 10.99.1.1 tcp dport 81 dnat ip to 10.99.2.2:80",
                    "ip6 daddr fd99:1::1 udp dport 53 dnat ip6 to [fd99:2::2]:54", chain="type nat hook prerouting priority -100;"),
    "nat-dnat-map": nft("dnat ip to tcp dport map { 80 : 10.99.2.2, 82 : 10.99.1.1 }", chain="type nat hook prerouting priority -100;"),
    "nat-dnat-concat-map": nft("dnat ip to tcp dport map { 82 : 10.99.2.2 . 80 }", chain="type nat hook prerouting priority -100;"),
    "nat-redirect": nft("tcp dport 82 redirect to :80", chain="type nat hook prerouting priority -100;"),
    "nat-drops-only-the-first": nft("udp dport 53 drop", chain="type nat hook prerouting priority -100;"),
    "nat-policy-drop-and-established": nft("tcp dport 80 accept", chain="type nat hook postrouting priority 100; policy drop;"),
    "nat-priority-is-its-place": nft("tcp dport 82 redirect to :80", chain="type nat hook prerouting priority 50;")
    + nft("tcp dport 80 drop", chain="type filter hook prerouting priority 0;").replace("inet t", "inet u"),
    "snat-seen-by-later-drop": nft("ip saddr 10.99.1.2 meta l4proto udp snat ip to 10.99.2.1", chain="type nat hook postrouting priority 100;")
    + nft("ip saddr 10.99.2.1 drop", chain="type filter hook postrouting priority 200;").replace("inet t", "inet u"),
    "dnat-seen-by-forward": nft("tcp dport 82 dnat ip to 10.99.2.2:80", chain="type nat hook prerouting priority -100;")
    + nft("ct status dnat drop").replace("inet t", "inet u"),
    "empty-map": nft("oifname vmap @m", extra=" map m { type ifname : verdict; }"),
    "named-vmap": nft("oifname vmap @m", extra=' chain q { tcp dport 80 drop; }\n map m { type ifname : verdict; elements = { "out0" : jump q }; }'),
    "limit-before-verdict-that-does-not-matter": nft("tcp dport 80 limit rate 5/second drop", "tcp dport 80 drop"),
    "iif-index": nft("iif in0 oif out0 tcp dport 80 drop"),
    "iifkind": nft('meta iifkind "veth" udp dport 53 drop'),
    "nexthdr": nft("ip6 nexthdr tcp drop"),
    "ip-protocol": nft("ip protocol udp drop"),
    "length": nft("meta length 0-100 udp dport 53 drop"),
}  # fmt: skip

_DOUBTFUL = {
    "limit-accept": nft(
        "limit rate 1000/second accept", chain="type filter hook forward priority 0; policy drop;"
    ),
    "skuid-output": nft(
        "tcp sport 80 meta skuid 4711 drop", chain="type filter hook output priority 0;"
    ),
}

_MIXED = {
    "legacy-accept-nft-drop": (
        ("iptables-legacy", save("-A FORWARD -j ACCEPT")),
        ("iptables-nft", save(*FORWARD_DROP)),
    ),
    "legacy-drop-nft-accept": (
        ("iptables-legacy", save("-A FORWARD -p tcp --dport 80 -j DROP")),
        ("iptables-nft", save("-A FORWARD -j ACCEPT")),
    ),
    "iptables-and-native": (
        ("iptables-nft", save("-A FORWARD -p tcp --dport 81 -j DROP")),
        ("nft", nft("tcp dport 80 drop")),
    ),
    "ip6tables": (
        ("ip6tables-nft", save("-A FORWARD -p tcp --dport 80 -j DROP", "-A FORWARD -p ipv6-icmp --icmpv6-type 128 -j DROP")),
    ),
    "ip6tables-masquerade": (
        ("ip6tables-nft", save("-A POSTROUTING -o out0 -j MASQUERADE", table="nat")),
    ),
    "ip6tables-dnat": (
        ("ip6tables-nft", save("-A PREROUTING -d fd99:1::1 -p tcp --dport 81 -j DNAT --to-destination [fd99:2::2]:80", table="nat")),
    ),
    "ip6tables-reject": (("ip6tables-nft", save("-A FORWARD -p tcp -j REJECT --reject-with icmp6-adm-prohibited")),),
    "ip6tables-legacy": (("ip6tables-legacy", save(*FORWARD_DROP)),),
}  # fmt: skip

_MATCHES = (
    "-s 10.99.1.0/24", "! -s 10.99.1.2/32", "-d 10.99.2.2", "-d 10.99.1.1", "-i in0", "! -i in0", "-i lo", "-p icmp",
    "-p tcp", "-p udp", "-p tcp --dport 80", "-p tcp ! --dport 80", "-p tcp --dport 80:81", "-p tcp --sport 80",
    "-p tcp --syn", "-p udp --dport 53", "-p udp --sport 53", "-m conntrack --ctstate NEW",
    "-m conntrack --ctstate ESTABLISHED,RELATED", "-m conntrack ! --ctstate ESTABLISHED", "-m conntrack --ctstate DNAT",
    "-m conntrack --ctdir REPLY", "-m addrtype --dst-type LOCAL", "-m mark --mark 0x1", "-m mark ! --mark 0x1",
    "-m connmark --mark 0x2", "",
)  # fmt: skip


def scrambled(seed: int) -> Case:
    """Chains that jump among each other, filled at random; always the same for one seed."""
    dice = random.Random(seed)
    mangle = [
        f"-A {dice.choice(('PREROUTING', 'FORWARD'))} {dice.choice(_MATCHES)} -j {target}"
        for target in ("MARK --set-mark 1", "CONNMARK --set-mark 2", "MARK --set-xmark 0x3/0x1")
    ]
    names = ["A", "B", "C"]
    lines = [f":FORWARD {dice.choice(('ACCEPT', 'DROP'))}", *(f":{each} -" for each in names)]
    for index, chain in enumerate(["FORWARD", "INPUT", *names]):
        below = names[max(0, index - 1) :]
        for _ in range(dice.randint(1, 5)):
            ends = [
                "-j ACCEPT",
                "-j DROP",
                "-j RETURN",
                *(f"-j {each}" for each in below),
                *(f"-g {each}" for each in below),
            ]
            lines.append(f"-A {chain} {dice.choice(_MATCHES)} {dice.choice(ends)}")
    nat = [
        *dice.sample(
            (
                DNAT4,
                "-A PREROUTING -p tcp --dport 82 -j REDIRECT --to-ports 81",
                "-A PREROUTING -p udp -j ACCEPT",
            ),
            2,
        ),
        f"-A POSTROUTING {dice.choice([each for each in _MATCHES if '-i ' not in each])} -j MASQUERADE",
    ]
    tool = dice.choice(("iptables-nft", "iptables-legacy"))
    texts = save(*mangle, table="mangle"), save(*lines), save(*nat, table="nat")
    return Case(f"scrambled-{seed}", tuple((tool, each) for each in texts))


_NFT_MATCHES = (
    "", "ip saddr 10.99.1.0/24", "ip daddr != 10.99.2.2", "ip6 daddr fd99:2::/64", "iifname in0", 'oifname != "out*"',
    "tcp dport 80", "tcp dport { 80, 81 }", "tcp dport != 80-81", "udp dport 53", "meta l4proto tcp", "meta nfproto ipv6",
    "icmp type echo-request", "ct state new", "ct state established,related", "ct state != new", "ct direction original",
    "ct status snat", "ct status dnat", "ct mark 2", "meta mark & 1 == 1", "meta mark != 1", "fib daddr type local",
    "ip saddr . tcp dport { 10.99.1.0/24 . 80, 10.99.1.2 . 81-82 }", "ip daddr @s", "ip daddr != @s", "tcp flags syn",
    "tcp flags & (syn | ack) == syn", "ip protocol tcp", "th dport 53", "meta mark set 3", "ct mark set 2",
    "meta mark set ct mark", "ip ttl 63", "counter", "iifname . meta l4proto { in0 . udp, out0 . tcp }",
)  # fmt: skip


def scrambled_nft(seed: int) -> Case:
    """Base chains of several hooks and priorities that share chains, filled at random."""
    dice = random.Random(seed)
    names = ["a", "b", "d"]
    chains: list[str] = []

    def filled(below: list[str]) -> str:
        ends = [
            "accept",
            "drop",
            "return",
            "continue",
            *(f"jump {each}" for each in below),
            *(f"goto {each}" for each in below),
        ]
        ends += [
            f"tcp dport vmap {{ 80 : {dice.choice(ends)}, 81-82 : {dice.choice(ends)} }}",
            "ct state vmap { new : accept, established : accept }",
        ]
        lines = (
            f"  {dice.choice(_NFT_MATCHES)} {dice.choice(_NFT_MATCHES[:24])} {dice.choice(ends)}"
            for _ in range(dice.randint(1, 5))
        )
        return "\n".join(each.replace("counter counter", "counter") for each in lines)

    for index, name in reversed(list(enumerate(names))):
        chains.append(f" chain {name} {{\n{filled(names[index + 1 :])}\n }}")
    for number, hook in enumerate(
        dice.sample(("prerouting", "forward", "forward", "postrouting", "input", "output"), 3)
    ):
        policy = dice.choice(("accept", "accept", "drop"))
        head = f"type filter hook {hook} priority {dice.choice((-310, -150, 0, 5, 150))}; policy {policy};"
        chains.append(f" chain base{number} {{\n  {head}\n{filled(names)}\n }}")
    mangled = dice.choice(_NFT_MATCHES[1:8])
    chains.append(
        f" chain nat0 {{\n  type nat hook postrouting priority 100;\n  {mangled} masquerade\n }}"
    )
    chains.append(
        " chain nat1 {\n  type nat hook prerouting priority -100;\n  tcp dport 82 redirect to :80\n }"
    )
    sets = " set s { type ipv4_addr; flags interval; elements = { 10.99.2.0/31, 10.99.2.2, 10.99.1.1-10.99.1.9 }; }\n"
    return Case(
        f"scrambled-nft-{seed}",
        (("nft", "# scrambled\ntable inet t {\n" + sets + "\n".join(chains) + "\n}\n"),),
    )


CASES = (
    *(
        Case(f"{tool}-{name}", ((tool, save(*lines, table=table)),))
        for tool in ("iptables-nft", "iptables-legacy")
        for name, (lines, table) in _IPTABLES.items()
    ),
    *(Case(f"nft-{name}", (("nft", text),)) for name, text in _NFT.items()),
    *(Case(f"nft-{name}", (("nft", text),), doubtful=True) for name, text in _DOUBTFUL.items()),
    *(Case(name, rules) for name, rules in _MIXED.items()),
    *(scrambled(seed) for seed in range(16)),
    *(scrambled_nft(seed) for seed in range(16)),
)
