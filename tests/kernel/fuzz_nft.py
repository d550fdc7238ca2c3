"""Tables of nftables at random: sets, maps, verdict maps, chains that share, several base chains.

Left out, since nobody can tell from what is printed or from two packets: ``ct protocol`` and ``ct l3proto`` (nft
1.0.6 does not print them before a port or a header), ``ct status assured`` (takes a third packet), ports taken at random, and a base chain of conntrack's own priority (which
of the two is asked first depends on which is older).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.kernel.fuzz_dice import Dice

SETS = """
 set s4 { type ipv4_addr; flags interval; elements = { 10.99.2.0/31, 10.99.2.2, 10.99.1.1-10.99.1.9 }; }
 set s6 { type ipv6_addr; elements = { fd99:2::2, fd99:1::1 }; }
 set ports { type inet_service; flags interval; elements = { 53, 80-81 }; }
 set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.99.1.0/24 . 80, 10.99.2.2 . 81-82 }; }
 set names { type ifname; elements = { "in0", "lo" }; }
 set marks { type mark; elements = { 0x1, 0x6 }; }
 map tomark { type inet_service : mark; elements = { 80 : 1, 53 : 6 }; }
 map verdicts { type inet_service : verdict; elements = { 80 : accept, 82 : drop }; }
 map nothing { type ipv4_addr : verdict; }
"""
MATCHES = (
    "", "ip saddr 10.99.1.0/24", "ip saddr != 10.99.1.2", "ip daddr 10.99.2.2", "ip daddr != 10.99.2.0/24", "ip6 daddr fd99:2::/64", "ip6 saddr fd99:1::2",
    "ip6 daddr != fd99:2::2", "ip daddr { 10.99.1.1, 10.99.2.0/30 }", "ip saddr != { 10.99.1.0-10.99.1.5 }", "ip daddr @s4", "ip daddr != @s4",
    "ip6 daddr @s6", "ip6 saddr != @s6", "ip daddr & 0.0.0.255 == 0.0.0.2", "ip saddr & 255.255.0.0 == 10.99.0.0", "iifname in0", 'iifname "in*"',
    'iifname != "out0"', "iifname @names", 'oifname "out0"', 'oifname != "in*"', 'oifname { "out0", "x" }', "iif in0", "oif out0", "iif != lo",
    'meta iifkind "veth"', "tcp dport 80", "tcp dport != 80", "tcp dport 80-81", "tcp dport { 80, 82-90 }", "tcp dport != { 80, 81 }", "tcp dport @ports",
    "tcp sport 80", "tcp sport != @ports", "udp dport 53", "udp sport { 53, 54 }", "udp dport != 53-54", "th dport 53", "th dport @ports",
    "meta l4proto { tcp, udp } th dport 80", "meta l4proto tcp", "meta l4proto != udp", "meta l4proto { icmp, ipv6-icmp }", "ip protocol udp",
    "ip protocol != { tcp, icmp }", "ip6 nexthdr tcp", "meta nfproto ipv6", "meta nfproto != ipv6", "meta protocol ip", "icmp type echo-request",
    "icmp type { echo-reply, echo-request }", "icmpv6 type echo-request", "icmpv6 type != echo-reply", "icmp code 0", "tcp flags syn",
    "tcp flags & (syn | ack) == syn", "tcp flags & (fin | syn | rst | ack) != syn", "tcp flags != syn", "tcp flags syn / syn,ack", "tcp flags { syn, syn | ack }",
    "ct state new", "ct state established,related", "ct state != new", "ct state { established, new }", "ct state invalid", "ct state untracked",
    "ct direction original", "ct direction reply", "ct status dnat", "ct status snat", "ct status seen-reply", "ct status & (snat | dnat) == 0",
    "ct mark 1", "ct mark != 0", "ct mark and 0x3 == 0x2", "ct original ip daddr 10.99.2.2", "ct reply ip saddr 10.99.2.2", "ct original proto-dst 80", "ct zone 0", "ct expiration 1s-10m", "ct packets > 1", "meta mark 1", "meta mark != 1", "meta mark & 1 == 1",
    "meta mark @marks", "meta length 0-60", "meta length != 84", "meta pkttype unicast", "meta skuid 0", "meta cpu 0", "meta cgroup 0", "meta priority 0",
    "ip ttl 64", "ip ttl < 64", "ip ttl != 63", "ip6 hoplimit 64", "ip6 hoplimit > 63", "ip dscp cs0", "ip dscp != cs1", "ip length 60-84", "ip version 4",
    "ip id 0", "ip frag-off & 0x1fff == 0", "ip6 dscp cs0", "ip saddr . tcp dport @pairs", "ip saddr . tcp dport { 10.99.1.2 . 80, 10.99.1.0/24 . 81-82 }",
    "ip daddr . udp dport { 10.99.2.2 . 53 }", "iifname . meta l4proto { in0 . udp, out0 . tcp }", "meta l4proto . th dport { tcp . 80, udp . 53 }",
    "fib daddr type local", "fib daddr type != local", "fib daddr type { local, unicast }", "fib saddr . iif oif exists", "fib saddr . iif oif missing",
    "fib saddr oif != 0", "fib daddr . iif type local", "rt classid 0", "socket transparent 1", "meta time > 0", 'meta hour "00:00"-"12:00"',
    "limit rate 5/second", "limit rate over 1/minute", "quota over 1 bytes", "numgen random mod 2 0", "numgen inc mod 2 0", "jhash ip saddr mod 2 0",
    "connlimit", "ct count over 2", "exthdr hbh exists", "tcp option maxseg size 1460", "tcp option sack-perm exists", "@th,16,16 80", "@nh,72,8 6",
    "meta ibrname x", "meta random < 100", "ipsec in exists", "ether saddr != 02:00:00:00:00:01", "ether type arp", "meta rtclassid 0", 'ct helper "ftp"',
    "ct label 1", "ct eventmask 0", 'osf name "Linux"', "ct bytes > 100", "ct avgpkt > 100",
)  # fmt: skip
STATEMENTS = (
    "meta mark set 1", "meta mark set meta mark | 0x4", "meta mark set meta mark & 0xfffffffe", "meta mark set ct mark", "meta mark set tcp dport map @tomark",
    "meta mark set meta l4proto map { tcp : 1, udp : 2 }", "ct mark set 1", "ct mark set meta mark", "ct mark set ct mark | 2", 'log prefix "x"', "log level debug",
    "ip ttl set 9", "ip6 hoplimit set 9", "ip dscp set cs1", "meta priority set 1:1", "meta nftrace set 1", "tcp option maxseg size set 1400",
    "add @seen { ip saddr }", "update @seen { ip daddr timeout 10s }", "meta pkttype set host", "ct zone set 5", "ct event set new",
)  # fmt: skip
REJECTS = (
    "reject", "reject with icmpx port-unreachable", "reject with icmpx admin-prohibited", "meta l4proto tcp reject with tcp reset",
    "ip protocol udp reject with icmp type host-prohibited", "ip6 nexthdr udp reject with icmpv6 type no-route",
)  # fmt: skip
HEADS = {
    "prerouting": ("raw", "mangle", "-10", "5", "-300", "dstnat + 1"),
    "input": ("filter", "mangle", "10", "-5"),
    "forward": ("filter", "mangle", "1", "-1", "200"),
    "output": ("filter", "mangle", "raw", "-250"),
    "postrouting": ("mangle", "filter", "srcnat + 1", "300"),
}
INTO = ("prerouting", "input", "forward")
OUT = ("forward", "output", "postrouting")
DNAT = (
    "ip daddr 10.99.1.1 tcp dport 81 dnat ip to 10.99.2.2:80", "udp dport 53 dnat ip to 10.99.2.2:54", "meta l4proto tcp dnat ip6 to [fd99:2::2]:80",
    "tcp dport 82 redirect to :80", "meta l4proto udp redirect to :53", "tcp dport 81 redirect", "dnat ip to tcp dport map { 80 : 10.99.2.2, 82 : 10.99.1.1 }",
    "dnat ip to tcp dport map { 82 : 10.99.2.2 . 80 }", "dnat ip to 10.99.2.2", "ip6 daddr fd99:1::1 dnat ip6 to fd99:2::2", "dnat ip prefix to 10.99.2.0/24",
    "ip daddr 10.99.1.1 dnat ip to 10.99.2.2 persistent", "dnat ip to 10.99.2.2-10.99.2.3", "accept", "tcp dport 80 drop", "meta l4proto udp return",
)  # fmt: skip
SNAT = (
    "masquerade", "oifname out0 masquerade", "meta l4proto udp masquerade to :3000-4000", "ip saddr 10.99.1.0/24 snat ip to 10.99.2.1",
    "meta l4proto tcp snat ip to 10.99.2.1:3000-4000", "ip6 saddr fd99:1::2 snat ip6 to fd99:2::1", "snat ip to 10.99.1.1",
    "accept", "udp dport 54 drop", "snat ip to ip saddr map { 10.99.1.2 : 10.99.2.1 }",
)  # fmt: skip


HOOK_OF = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}


def nft_table(dice: "Dice", number: int) -> str:
    """One table of a family, with base chains at several hooks."""
    family = dice.pick(("inet", "inet", "inet", "ip", "ip6"))
    names = ["a", "b", "d"]
    chains = []
    for index, name in reversed(list(enumerate(names))):
        chains.append(f" chain {name} {{\n{_filled(dice, names[index + 1 :], '')}\n }}")
    for place, hook in enumerate(dice.dice.sample(sorted(HEADS), dice.dice.randint(1, 4))):
        policy = "drop" if dice.dice.random() < 0.15 else "accept"
        head = f"type filter hook {hook} priority {dice.pick(HEADS[hook])}; policy {policy};"
        chains.append(f" chain base{place} {{\n  {head}\n{_filled(dice, names, hook)}\n }}")
    chains += _nat(dice)
    seen = " set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
    return f"table {family} t{number} {{{SETS}{seen}{chr(10).join(chains)}\n}}\n"


def nft_words(dice: "Dice", rules: list[tuple[str, str]]) -> str:
    """What somebody may write with nft into the tables that iptables-nft made."""
    lines = []
    for tool, text in rules:
        family, table = ("ip" if tool == "iptables-nft" else "ip6"), text.split("\n")[0][1:]
        chains = [each.split()[0][1:] for each in text.split("\n") if each.startswith(":")]
        for _ in range(dice.dice.randint(0, 3) if chains else 0):
            chain = dice.pick(chains)
            verb = dice.pick(("add", "add", "insert"))
            rule = _rule(dice, [], HOOK_OF.get(chain, ""))
            if dice.dice.random() < 0.4:
                rule = rule.replace("counter ", "", 1)
            lines.append(f"{verb} rule {family} {table} {chain} {rule}")
    return "\n".join((*lines, ""))


def _filled(dice: "Dice", below: list[str], hook: str) -> str:
    return "\n".join(f"  {_rule(dice, below, hook)}" for _ in dice.few(5))


def _rule(dice: "Dice", below: list[str], hook: str) -> str:
    parts = [_match(dice, hook) for _ in dice.few(2)]
    if dice.dice.random() < 0.25:
        parts.append(dice.pick(STATEMENTS))
    return " ".join(each for each in (*parts, "counter", _end(dice, below)) if each)


def _match(dice: "Dice", hook: str) -> str:
    """A match that may stand at the hook: the incoming link is not known everywhere."""
    while True:
        found = dice.pick(MATCHES)
        if not hook or not _is_misplaced(found, hook):
            return found


def _is_misplaced(match: str, hook: str) -> bool:
    return (match.startswith(("iif", "meta iif")) and hook not in INTO) or (
        match.startswith("oif") and hook not in OUT
    )


def _end(dice: "Dice", below: list[str]) -> str:
    verdicts = ["accept", "accept", "drop", "drop", "return", "continue", ""]
    verdicts += [f"jump {each}" for each in below] + [f"goto {each}" for each in below]
    chosen = dice.dice.random()
    if chosen < 0.12:
        return dice.pick(REJECTS)
    if chosen < 0.3:
        return _map(dice, [each for each in verdicts if each])
    return dice.dice.choice(verdicts)


def _map(dice: "Dice", verdicts: Sequence[str]) -> str:
    one, two = dice.dice.choice(verdicts), dice.dice.choice(verdicts)
    return dice.pick(
        (
            f"tcp dport vmap {{ 80 : {one}, 81-82 : {two} }}",
            f"ct state vmap {{ new : {one}, established : {two} }}",
            f"meta l4proto vmap {{ tcp : {one}, udp : {two} }}",
            f'iifname vmap {{ "in0" : {one}, "out0" : {two} }}',
            f"ip saddr . tcp dport vmap {{ 10.99.1.2 . 80 : {one}, 10.99.1.0/24 . 81 : {two} }}",
            "tcp dport vmap @verdicts",
            "ip daddr vmap @nothing",
            f"meta mark vmap {{ 1 : {one}, 0 : {two} }}",
        )
    )


def _nat(dice: "Dice") -> list[str]:
    made = []
    for hook, priority, rules in (
        ("prerouting", "dstnat", DNAT),
        ("output", "-100", DNAT),
        ("postrouting", "srcnat", SNAT),
        ("input", "100", SNAT),
    ):
        if dice.dice.random() < 0.35:
            body = "\n".join(f"  {dice.pick(rules)}" for _ in dice.few(2))
            head = f"  type nat hook {hook} priority {priority};"
            made.append(f" chain nat{hook} {{\n{head}\n{body}\n }}")
    return made
