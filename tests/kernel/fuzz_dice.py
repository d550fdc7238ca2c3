"""Rule sets at random, in both languages, of every match and target that the model knows.

Each piece is a line as its tool takes it; what this machine's kernel does not take is left out before the
first trial, see ``fuzz_world.supported``.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

NEAR, FAR, CLIENT, SERVER = (
    {4: "10.99.1.1", 6: "fd99:1::1"},
    {4: "10.99.2.1", 6: "fd99:2::1"},
    {4: "10.99.1.2", 6: "fd99:1::2"},
    {4: "10.99.2.2", 6: "fd99:2::2"},
)
NETS = {4: ("10.99.1.0/24", "10.99.2.0/24"), 6: ("fd99:1::/64", "fd99:2::/64")}
HOOKS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
INCOMING = ("PREROUTING", "INPUT", "FORWARD")
OUTGOING = ("FORWARD", "OUTPUT", "POSTROUTING")


def addresses(version: int) -> tuple[str, ...]:
    a, b, c, d = (each[version] for each in (NEAR, FAR, CLIENT, SERVER))
    some = f"{c}-{d}" if version == 4 else f"{a}-{c}"
    return (
        f"-s {c}", f"! -s {c}", f"-d {d}", f"! -d {d}", f"-d {a}", f"-d {b}", *(f"-s {each}" for each in NETS[version]),
        *(f"! -d {each}" for each in NETS[version]), f"-m iprange --src-range {some}",
        f"-m iprange ! --dst-range {some}",
    )  # fmt: skip


def protocols(version: int) -> tuple[str, ...]:
    icmp, kind = ("icmp", "--icmp-type") if version == 4 else ("ipv6-icmp", "--icmpv6-type")
    return (
        "-p tcp", "-p udp", f"-p {icmp}", "! -p tcp", "! -p udp", "-p tcp --dport 80", "-p tcp --dport 80:81", "-p tcp ! --dport 80",
        "-p tcp --sport 80", "-p tcp ! --sport 80:82", "-p udp --dport 53", "-p udp --sport 53", "-p udp ! --dport 53:54",
        "-p tcp --syn", "-p tcp ! --syn", "-p tcp --tcp-flags SYN,ACK SYN", "-p tcp --tcp-flags SYN,ACK,RST SYN,ACK",
        "-p tcp ! --tcp-flags RST RST", "-p tcp -m multiport --dports 80,82", "-p tcp -m multiport ! --dports 81:90",
        "-p udp -m multiport --ports 53,54", "-p udp -m multiport --sports 53,1000:2000", "-p tcp --tcp-option 2",
        f"-p {icmp} {kind} echo-request", f"-p {icmp} {kind} echo-reply", f"-p {icmp} ! {kind} echo-request",
    )  # fmt: skip


def tracked(version: int) -> tuple[str, ...]:
    return (
        "-m conntrack --ctstate NEW", "-m conntrack --ctstate ESTABLISHED", "-m conntrack --ctstate RELATED,ESTABLISHED",
        "-m conntrack ! --ctstate NEW", "-m conntrack --ctstate INVALID", "-m conntrack --ctstate UNTRACKED",
        "-m conntrack --ctstate DNAT", "-m conntrack --ctstate SNAT", "-m conntrack ! --ctstate DNAT,SNAT",
        "-m conntrack --ctdir REPLY", "-m conntrack --ctdir ORIGINAL", "-m conntrack --ctproto tcp", "-m conntrack ! --ctproto udp",
        f"-m conntrack --ctorigdst {SERVER[version]}", f"-m conntrack ! --ctorigsrc {CLIENT[version]}",
        f"-m conntrack --ctreplsrc {SERVER[version]}", f"-m conntrack --ctrepldst {CLIENT[version]}", "-m conntrack --ctorigdstport 80",
        "-m conntrack --ctreplsrcport 53", "-m conntrack --ctstatus SEEN_REPLY", "-m conntrack --ctstatus CONFIRMED",
        "-m conntrack --ctstatus NONE", "-m state --state NEW", "-m state --state ESTABLISHED",
        "-m connmark --mark 0x1", "-m connmark --mark 0x2/0x3", "-m connmark ! --mark 0x0",
    )  # fmt: skip


def others(version: int) -> tuple[str, ...]:
    ttl = ("-m ttl --ttl-eq 64", "-m ttl --ttl-lt 64", "-m ttl --ttl-gt 63", "-m ttl ! --ttl-eq 63")
    hop = ("-m hl --hl-eq 64", "-m hl --hl-lt 64", "-m hl --hl-gt 63")
    return (
        *(ttl if version == 4 else hop), "-m mark --mark 0x1", "-m mark ! --mark 0x1/0x1", "-m mark --mark 0x2/0x6", "-m length --length 0:60",
        "-m length ! --length 61:100", "-m length --length 84", "-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL",
        "-m addrtype --src-type UNICAST", "-m addrtype --src-type LOCAL", "-m pkttype --pkt-type unicast",
        "-m pkttype ! --pkt-type unicast", "-m dscp --dscp 0", "-m dscp ! --dscp 0x08", "-m tos --tos 0x00/0xff", "-m comment --comment some",
        "-m limit --limit 5/sec", "-m limit --limit 1/min --limit-burst 1", "-m statistic --mode random --probability 0.5",
        "-m statistic --mode nth --every 2 --packet 0", "-m hashlimit --hashlimit-upto 5/sec --hashlimit-name h", "-m time --timestart 00:00 --timestop 12:00",
        "-m connlimit --connlimit-above 2", "-m recent --name r --set", "-m recent --name r --rcheck", "-m string --algo bm --string x",
        "-m policy --dir in --pol none", "-m ecn --ecn-ip-ect 0", "-m u32 --u32 0=0", "-m realm --realm 0", "-m cpu --cpu 0",
        "-m physdev --physdev-in x", "-m mac ! --mac-source 02:00:00:00:00:01", "-m socket", "-m helper --helper ftp", "-m quota --quota 1",
    )  # fmt: skip


def ends(version: int, table: str) -> tuple[str, ...]:
    """Targets but those of nat; a verdict stands for itself several times."""
    reject = (
        ("", "--reject-with icmp-host-prohibited", "--reject-with icmp-admin-prohibited")
        if version == 4
        else ("", "--reject-with icmp6-adm-prohibited", "--reject-with icmp6-no-route")
    )
    common = ("ACCEPT", "ACCEPT", "DROP", "DROP", "RETURN", "RETURN")
    if table == "filter":
        return (
            *common,
            *(f"REJECT {each}".strip() for each in reject),
            "LOG --log-level 7",
            "NFLOG --nflog-group 9",
        )
    if table == "raw":
        return (*common, "CT --notrack", "NOTRACK", "TRACE", "CT --zone 7")
    change = "TTL --ttl-set 9" if version == 4 else "HL --hl-set 9"
    return (
        *common[2:], "MARK --set-mark 0x1", "MARK --set-xmark 0x2/0x6", "MARK --and-mark 0xfe", "MARK --or-mark 0x4",
        "MARK --xor-mark 0x1", "CONNMARK --set-mark 0x1", "CONNMARK --save-mark", "CONNMARK --restore-mark", "CONNMARK --set-xmark 0x2/0x3",
        "DSCP --set-dscp 0x08", "TOS --set-tos 0x10", change, "CLASSIFY --set-class 1:1", "CHECKSUM --checksum-fill",
    )  # fmt: skip


def translations(version: int) -> dict[str, tuple[str, ...]]:
    def at(address: str, port: int) -> str:
        return f"{address}:{port}" if version == 4 else f"[{address}]:{port}"

    a, b, c, d = (each[version] for each in (NEAR, FAR, CLIENT, SERVER))
    dnat = (
        f"-p tcp -j DNAT --to-destination {at(d, 80)}", f"-p udp -j DNAT --to-destination {at(d, 54)}", f"-j DNAT --to-destination {d}",
        f"-p tcp -j DNAT --to-destination {at(a, 81)}", f"-j DNAT --to-destination {c}", f"-p tcp -j DNAT --to-destination {d} --random",
        "-p tcp -j REDIRECT --to-ports 80", "-p udp -j REDIRECT --to-ports 53", "-j REDIRECT", f"-j NETMAP --to {NETS[version][1]}",
        "-j ACCEPT", "-j RETURN",
    )  # fmt: skip
    snat = (
        f"-j SNAT --to-source {b}", f"-j SNAT --to-source {a}", f"-p tcp -j SNAT --to-source {at(b, 3000).replace(':3000', ':3000-4000')}",
        "-p udp -j MASQUERADE --to-ports 3000-4000", "-j ACCEPT", "-j RETURN",
    )  # fmt: skip
    masquerade = "-j MASQUERADE"
    return {"PREROUTING": dnat, "OUTPUT": dnat, "POSTROUTING": (*snat, masquerade), "INPUT": snat}


@dataclass(frozen=True)
class Trial:
    """Rule sets to load, in order, each with its tool."""

    name: str
    rules: tuple[tuple[str, str], ...]


class Dice:
    """A generator with a seed; ``refused`` are the pieces that this kernel does not take."""

    def __init__(self, seed: int, refused: frozenset[str] = frozenset()) -> None:
        self.dice = random.Random(seed)
        self.refused = refused

    def pick(self, choices: Sequence[str]) -> str:
        fit = [each for each in choices if each not in self.refused]
        return self.dice.choice(fit) if fit else ""

    def few(self, most: int) -> range:
        return range(self.dice.randint(1, most))

    def match(self, version: int, hook: str) -> str:
        """One to three matches that go together at that hook."""
        parts = []
        if self.dice.random() < 0.6:
            parts.append(self.pick(protocols(version)))
        if self.dice.random() < 0.4:
            parts.append(self.pick(addresses(version)))
        if self.dice.random() < 0.4:
            parts.append(self.pick(tracked(version)))
        if self.dice.random() < 0.3:
            parts.append(self.pick(others(version)))
        if self.dice.random() < 0.3:
            parts.append(self.pick(self.links(hook)))
        return " ".join(each for each in parts if each)

    def links(self, hook: str) -> tuple[str, ...]:
        into = ("-i in0", "! -i in0", "-i out+", "-i lo") if hook in INCOMING else ()
        out = ("-o out0", "! -o out0", "-o in+") if hook in OUTGOING else ()
        return (*into, *out, "") if hook in (*INCOMING, *OUTGOING) else ("",)

    def iptables(self, version: int, legacy: bool) -> list[tuple[str, str]]:
        tool = f"{'ip' if version == 4 else 'ip6'}tables-{'legacy' if legacy else 'nft'}"
        wanted = [each for each in HOOKS if self.dice.random() < 0.45] or ["filter"]
        return [(tool, self._table(version, each)) for each in wanted]

    def _table(self, version: int, table: str) -> str:
        if table == "nat":
            return self._nat(version)
        names = ["A", "B", "C"]
        lines = [f":{each} {self._policy(table)} [0:0]" for each in HOOKS[table]]
        lines += [f":{each} - [0:0]" for each in names]
        for hook in (*HOOKS[table], *names):
            if hook not in names and self.dice.random() < 0.4:
                continue
            below = names[names.index(hook) + 1 :] if hook in names else names
            targets = (*ends(version, table), *below)
            for _ in self.few(4):
                target = self.pick(targets)
                how = "-g" if target in below and self.dice.random() < 0.3 else "-j"
                lines.append(f"-A {hook} {self.match(version, hook)} {how} {target}")
        return "\n".join((f"*{table}", *lines, "COMMIT", ""))

    def _policy(self, table: str) -> str:
        return "DROP" if table == "filter" and self.dice.random() < 0.2 else "ACCEPT"

    def _nat(self, version: int) -> str:
        lines = []
        for hook, choices in translations(version).items():
            for _ in range(self.dice.randint(0, 3)):
                target = self.pick(choices)
                match = self.match(version, hook)
                if "-p " in target and "-p " in match:
                    match = self.pick(addresses(version))
                lines.append(f"-A {hook} {match} {target}")
        return "\n".join(("*nat", *lines, "COMMIT", ""))


def trial(seed: int, refused: frozenset[str] = frozenset()) -> Trial:
    """The rule sets of one seed: iptables, nftables, or both at once."""
    from tests.kernel.fuzz_nft import nft_table, nft_words  # noqa: PLC0415 - the two know each other

    dice = Dice(seed, refused)
    kind = dice.dice.choice(("nft", "nft", "iptables-nft", "iptables-nft", "legacy", "both"))
    rules: list[tuple[str, str]] = []
    if kind != "nft":
        for version in (4, 6):
            rules += dice.iptables(version, kind == "legacy")
    if kind in ("nft", "both"):
        rules += [("nft", nft_table(dice, number)) for number in dice.few(2)]
    if kind == "iptables-nft" and dice.dice.random() < 0.4:
        rules += [("nft", nft_words(dice, rules))]
        kind = "mixed"
    return Trial(f"{kind}-{seed}", tuple(rules))
