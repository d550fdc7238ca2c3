"""Names of a lab, and the words that stand for them when a snapshot is shown to others."""

import re
from collections.abc import Iterable


class Words:
    """Names of the lab, each by a word with its number; what everybody's lab has is left as it is."""

    def __init__(self, names: Iterable[str], prefixes: Iterable[str]) -> None:
        private = sorted({each for each in names if is_private(each)})
        width = len(str(len(private)))
        wild = sorted(prefixes, key=len, reverse=True)
        self._known = {
            each: f"{_stem(each, wild)}{number:0{width}}" for number, each in enumerate(private)
        }
        odd = [each for each in private if not _WORD.fullmatch(each)]
        self._odd = (
            re.compile("|".join(map(re.escape, sorted(odd, key=len, reverse=True))))
            if odd
            else None
        )

    def hide(self, name: str) -> str:
        return self._known.get(name, name)

    def hide_in(self, text: str) -> str:
        if self._odd is not None:
            text = self._odd.sub(lambda found: self.hide(found[0]), text)
        return _WORD.sub(self._word, text) if self._known else text

    def _word(self, found: re.Match[str]) -> str:
        """A dot may be part of a name, or stand between two."""
        word = found[0]
        if word in self._known:
            return self._known[word]
        return ".".join(map(self.hide, word.split("."))) if "." in word else word


def _stem(name: str, prefixes: Iterable[str]) -> str:
    """What a wildcard of a rule takes (``-i lab+``) begins as it did."""
    return next((each for each in prefixes if name.startswith(each)), "name")


def is_private(name: str) -> bool:
    """Whether a name tells something: none of a kernel's or a daemon's own making, and no word of a rule."""
    telling = len(name) > 1 and any(map(str.isalpha, name))
    return telling and name not in VOCABULARY and not _GENERIC.fullmatch(name)


_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_GENERIC = re.compile(
    r"(lo|eth|en[a-z0-9]*|wl[a-z0-9]*|docker|docker_gwbridge|lxdbr|incusbr|lxcbr|virbr|veth[0-9a-f]*|br|br-[0-9a-f]{12}"
    r"|bond|team|dummy|ifb|tun|tap|wg|ppp|tailscale|zt[a-z0-9]*|macvlan|macvtap|vlan|vrf|gre|sit|ip6tnl|tunl|erspan)"
    r"[0-9]*(-nic)?(\.[0-9]+)?|[0-9a-f]{12}|[0-9a-f]{64}|0x[0-9a-f]+"
)
VOCABULARY = frozenset(
    """
    lan router host guest container netns packet default bridge none null name docker lxd incus
    homelab user running Running exited paused created stopped Stopped nic disk lxc links routes
    rules neighbours fdb vlans sockets sysctls nft ipset iptables ip6tables legacy save redacted
    ip ip6 inet arp netdev tcp udp icmp icmp6 icmpv6 ipv4 ipv6 all any meta mark ct state status
    new related established invalid untracked type filter nat raw mangle security route hook
    priority prio policy accept drop reject queue continue return jump goto counter packets
    bytes limit log prefix level group masquerade redirect snat dnat tproxy to set map element
    elements elem flags interval timeout size chain chains table tables rule ruleset handle
    input output forward prerouting postrouting ingress egress saddr daddr sport dport iif oif
    iifname oifname iiftype oiftype fib local unicast broadcast multicast anycast blackhole
    unreachable prohibit expr match op left right payload protocol field range comment add
    insert create hash family net mac ether vlan th version metainfo nftables val key addr len
    port ports offset concat vmap dynset helper quota used value over rate burst per inv unit
    second minute hour day week device devices dev with reset code stmt index dormant owner
    constant dynamic auto-merge flowtable flow offload notrack numgen jhash symhash mod seed
    random persistent fully-random expires timeout last secmark synproxy osf socket rt tunnel
    exthdr tcpopt ipopt sctp dccp udplite esp ah comp gre meter objref string hex algo from src
    dst in out srcnat dstnat length protocol l4proto nfproto skuid skgid cgroup cpu pkttype
    physin physout conntrack addrtype multiport owner physdev recent statistic time iprange
    connlimit connmark hashlimit tos dscp ttl hl u32 bpf set xt target level nflog notice warn
    debug info err emerg alert crit audit
    """.split()  # noqa: SIM905 - as a paragraph it can be read
)
"""Words of rules, of daemons and of homelab itself: a name that is one of them tells nothing."""
