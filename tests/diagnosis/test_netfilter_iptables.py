"""Lines of iptables-save as the packet meets them: every match and target, one by one."""

from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.diagnosis.netfilter import Context, Traversal
from homelab.diagnosis.netfilter.words import Word, split
from homelab.diagnosis.packet import Connection, Packet
from homelab.model.kernel import LinkAddress
from tests.diagnosis.netfilter_lab import FAR, NEAR, RouterFib, firewall, ping, tcp, udp

FIB = RouterFib()


def verdict(
    matches: str,
    packet: Packet | None = None,
    context: Context | None = None,
    sets: str = "",
    version: int = 4,
) -> bool | None:
    """Whether the matches hold for the packet at forward; None when nobody can tell."""
    tool = "iptables_nft" if version == 4 else "ip6tables_nft"
    text = f"*filter\n:FORWARD ACCEPT [0:0]\n[1:60] -A FORWARD {matches} -j DROP\nCOMMIT\n"
    fire = firewall(None, **{tool: text, "ipset": sets})
    found = fire.traverse(
        "forward", packet or tcp(80, version), context or Context(FIB, "in0", "out0")
    )
    return {"drop": True, "accept": False, "unknown": None}[found.verdict]


def tracked(packet: Packet, *, confirmed: bool = True) -> Packet:
    """The packet as part of a connection that conntrack has seen."""
    entry = Connection(packet.tuple, packet.tuple.reverse(), mark=2, confirmed=confirmed)
    return packet._replace(connection=entry)


TCP = tcp(80)
SYN_ACK = TCP._replace(flags=frozenset({"SYN", "ACK"}))


@pytest.mark.parametrize(
    ("matches", "held"),
    [
        ("", True),
        ("-s 10.99.1.0/24", True),
        ("! -s 10.99.1.0/24", False),
        ("-s ! 10.99.1.0/24", False),
        ("-s 10.99.1.2", True),
        ("-s 10.0.1.2/255.0.255.255", True),
        ("-s 10.0.0.0/255.255.255.0", False),
        ("-s 10.0.0.0/33", None),
        ("-s fd00::/8", False),
        ("-s 10.0.0.0/fd00::", None),
        ("-s nonsense", None),
        ("-d 10.99.2.2/32 -i in0 -o out0", True),
        ("-i in+", True),
        ("-i +", True),
        ("! -i in+", False),
        ("-o lo", False),
        ("-p tcp", True),
        ("-p 6", True),
        ("-p all", True),
        ("-p 0", True),
        ("! -p udp", True),
        ("-p nosuch", None),
        ("-f", False),
        ("! -f", True),
        ("-p tcp --dport 80", True),
        ("-p tcp -m tcp --dport 80", True),
        ("-p tcp -m tcp --dport 80:90", True),
        ("-p tcp -m tcp --dport :90", True),
        ("-p tcp -m tcp --dport 81:", False),
        ("-p tcp -m tcp --dport http", None),
        ("-p tcp -m tcp ! --dport 80", False),
        ("-p tcp -m tcp --sport 40000", True),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", True),
        ("-p tcp -m tcp --tcp-flags ALL NONE", False),
        ("-p tcp -m tcp --tcp-flags SYN", None),
        ("-p tcp -m tcp --syn", True),
        ("-p tcp -m tcp --syn extra", None),
        ("-p tcp -m tcp --tcp-option 8", None),
        ("-p tcp -m multiport --dports 22,80,443", True),
        ("-p tcp -m multiport --ports 40000", True),
        ("-p tcp -m multiport ! --ports 40000,1:3", False),
        ("-p tcp -m multiport --ports x", None),
        ("-p tcp -m multiport --sports 1,x", None),
        ("-p udp -m udp --dport 80", False),
        ("-p icmp -m icmp --icmp-type 8", False),
        ("-m addrtype --dst-type UNICAST", True),
        ("-m addrtype --dst-type LOCAL,BROADCAST", False),
        ("-m addrtype ! --dst-type LOCAL", True),
        ("-m addrtype --src-type LOCAL --dst-type UNICAST", False),
        ("-m addrtype --dst-type UNICAST --limit-iface-in", True),
        ("-m addrtype --dst-type UNICAST --limit-iface-out", True),
        ("-m addrtype --fancy LOCAL", None),
        ("-m mark --mark 0x0", True),
        ("-m mark --mark 0x1/0xf", False),
        ("-m mark ! --mark 0x1", True),
        ("-m mark --mark none", None),
        ("-m iprange --src-range 10.99.1.1-10.99.1.9", True),
        ("-m iprange --dst-range 10.99.1.1-10.99.1.9", False),
        ("-m iprange --dst-range 10.99.2.2", True),
        ("-m iprange --dst-range 10.99.1.1-fd00::1", None),
        ("-m ttl --ttl-eq 64", True),
        ("-m ttl --ttl-lt 64", False),
        ("-m ttl --ttl-gt 63", True),
        ("-m ttl --ttl-gt x", None),
        ("-m length --length 40:60", True),
        ("-m dscp --dscp 0x00", True),
        ("-m tos --tos 0x10/0x3f", False),
        ("-m pkttype --pkt-type unicast", True),
        ("-m pkttype --pkt-type broadcast", False),
        ("-m pkttype --pkt-type loopback", None),
        ("-m comment --comment \"it's -j ACCEPT\"", True),
        ('-m comment --comment "a \\"quoted\\" word"', True),
        ("-m comment --comment plain", True),
        ("-m mac --mac-source 02:00:00:00:01:02", None),
        ("-m limit --limit 3/min", None),
        ("-m recent --name x --rcheck --seconds 60", None),
        ("-m owner --uid-owner 0", None),
        ("-m fancy", None),
        ("-m tcp", True),
        ("-m physdev --physdev-is-bridged", False),
        ("-m physdev --physdev-in veth+", False),
        ("--what", None),
        ("-m set --match-set nosuch src", None),
        ("-m set --match-set nosuch src --return-nomatch", None),
    ],
)  # fmt: skip
def test_what_a_match_says_of_a_tcp_packet(matches: str, *, held: bool | None) -> None:
    assert verdict(matches) is held


@pytest.mark.parametrize(
    ("matches", "packet", "held"),
    [
        ("-p icmp -m icmp --icmp-type 8", ping(), True),
        ("-p icmp -m icmp --icmp-type 8/0", ping(), True),
        ("-p icmp -m icmp --icmp-type 8/1", ping(), False),
        ("-p icmp -m icmp --icmp-type echo-request", ping(), True),
        ("-p icmp --icmp-type any", ping(), True),
        ("-p icmp --icmp-type nosuch", ping(), None),
        ("-p icmp -m multiport --dports 1", ping(), False),
        ("-m conntrack --ctstate NEW", tracked(TCP), True),
        ("-m conntrack --ctstate INVALID", TCP, True),
        ("-m conntrack ! --ctstate INVALID", TCP, False),
        ("-m conntrack --ctstate UNTRACKED", TCP._replace(state="untracked"), True),
        ("-m conntrack --ctstate SNAT,DNAT", tracked(TCP), False),
        ("-m conntrack --ctstate FANCY", tracked(TCP), None),
        ("-m state --state NEW,ESTABLISHED", tracked(TCP), True),
        ("-m conntrack --ctdir ORIGINAL", tracked(TCP), True),
        ("-m conntrack --ctdir REPLY", tracked(TCP), False),
        ("-m conntrack --ctdir BOTH", tracked(TCP), None),
        ("-m conntrack ! --ctdir REPLY", TCP._replace(state="untracked"), False),
        ("-m conntrack --ctstate UNTRACKED --ctdir REPLY", TCP._replace(state="untracked"), True),
        ("-m conntrack --ctorigdst 10.99.2.0/24", tracked(TCP), True),
        ("-m conntrack --ctorigsrc 10.99.2.0/24", tracked(TCP), False),
        ("-m conntrack --ctreplsrc 10.99.2.2 --ctproto 6", tracked(TCP), True),
        ("-m conntrack --ctorigdstport 80", tracked(TCP), True),
        ("-m conntrack --ctreplsrcport 81", tracked(TCP), False),
        ("-m conntrack --ctstatus CONFIRMED", tracked(TCP), True),
        ("-m conntrack --ctstatus NONE", tracked(TCP, confirmed=False), False),
        ("-m conntrack --ctstatus SEEN_REPLY,ASSURED", tracked(TCP), False),
        ("-m conntrack --ctstatus NONE", TCP, False),
        ("-m conntrack --ctstatus SLEEPY", tracked(TCP), None),
        ("-m conntrack --ctexpire 30", tracked(TCP), None),
        ("-m connmark --mark 0x2", tracked(TCP), True),
        ("-m connmark ! --mark 0x2", TCP, False),
        ("-p tcp ! --syn", SYN_ACK, True),
        ("-m mac --mac-source 02:00:00:00:01:02", TCP._replace(mac_source="02:00:00:00:01:02"), True),
        ("-m mac ! --mac-source 02:00:00:00:01:02", TCP._replace(mac_source="02:00:00:00:01:02"), False),
    ],
)  # fmt: skip
def test_what_a_match_says_of_other_packets(
    matches: str, packet: Packet, *, held: bool | None
) -> None:
    fire_context = Context(FIB, "in0", "out0", connections=())

    # Conntrack runs at prerouting: at forward the packet is as it was given.
    assert verdict(matches, packet, fire_context) is held


def test_the_state_outside_of_a_hook_that_tracks_is_that_of_the_packet() -> None:
    assert verdict("-m conntrack --ctstate DNAT", dnatted()) is True
    assert verdict("-m conntrack --ctstate SNAT", dnatted()) is False


def dnatted() -> Packet:
    entry = Connection(tcp(80, destination=NEAR[4]).tuple, TCP.tuple.reverse())
    return TCP._replace(connection=entry)


@pytest.mark.parametrize(
    ("options", "iif", "held"),
    [
        ("", "in0", True),
        ("", "out0", False),
        ("--invert", "out0", True),
        ("--loose", "out0", True),
        ("--validmark --accept-local", "in0", True),
        ("", "lo", True),
    ],
)
def test_reverse_path(options: str, iif: str, *, held: bool) -> None:
    assert verdict(f"-m rpfilter {options}", TCP, Context(FIB, iif)) is held


def test_the_way_back_to_an_address_of_a_link_is_that_link() -> None:
    near = tcp(80, 6)._replace(source=ip_address("fe80::7"))

    links = (LinkAddress("in0", ip_interface("fe80::1/64")),)

    assert verdict("-m rpfilter", near, Context(RouterFib(links), "out0"), version=6)


class Blind(RouterFib):
    """Routes that the model could not read."""

    def address_type(self, *_: object) -> None:
        return None

    def route_link(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(
    "matches", ["-m rpfilter", "-m addrtype --dst-type LOCAL", "-m pkttype --pkt-type broadcast"]
)
def test_what_routes_do_not_tell_is_undetermined(matches: str) -> None:
    assert verdict(matches, TCP, Context(Blind(), "in0")) is None


def test_physdev_sees_the_ports_of_a_bridge() -> None:
    bridged = Context(FIB, "br0", "br0", "veth1", "veth2", bridged=True)

    assert verdict(
        "-m physdev --physdev-in veth1 --physdev-out veth+ --physdev-is-bridged", TCP, bridged
    )
    assert verdict("-m physdev --physdev-is-in --physdev-is-out", TCP, bridged)
    assert verdict("-m physdev ! --physdev-in veth1", TCP, bridged) is False


@pytest.mark.parametrize("type_text", ["128", "echo-request"])
def test_icmpv6_types(type_text: str) -> None:
    matches = f"-p ipv6-icmp -m icmp6 --icmpv6-type {type_text}"

    assert verdict(matches, ping(6), version=6) is True
    assert verdict(matches, tcp(80, 6), version=6) is False
    assert verdict("-m hl --hl-lt 70 -m hl --hl-eq 64 -m hl --hl-gt 3", ping(6), version=6) is True


def test_packets_to_many() -> None:
    many = udp(53)._replace(destination=ip_address("224.0.0.251"))

    assert verdict("-m pkttype --pkt-type multicast", many) is True
    assert verdict("-m pkttype ! --pkt-type multicast", many) is False


SETS = """create nets hash:net family inet hashsize 1024 maxelem 65536
add nets 10.99.0.0/16
add nets 10.99.1.0/24 nomatch
add nets 10.99.2.2
create ports hash:ip,port family inet
add ports 10.99.2.2,tcp:80
add ports 10.99.2.3,udp:1-99
create flows hash:net,port,net family inet
add flows 10.99.1.0/24,80,10.99.2.2
create links hash:net,iface family inet
add links 10.99.1.0/24,in0
create bridged hash:net,iface family inet
add bridged 10.99.1.0/24,physdev:veth1
create macs hash:mac
add macs 02:00:00:00:01:02
create marks hash:ip,mark family inet
add marks 10.99.1.2,0x7
create all list:set
add all nets
add all ports
create circle list:set
add circle circle
create ranges bitmap:ip range 10.0.0.0/8
add ranges 10.99.2.1-10.99.2.9
create lone hash:ip
add lone 1.1.1.1
create junk hash:ip
add junk nonsense
add ports 10.99.2.2,80
create odd hash:ip,odd
add odd 1.1.1.1,x
create wrong hash:ip,port
add wrong 1.1.1.1
add nosuch 1.1.1.1
create badports hash:ip,port
add badports 10.99.2.2,nosuch:80
create excepted hash:net,net
add excepted 10.0.0.0/8,10.0.0.0/8 nomatch
add
"no end
"""


@pytest.mark.parametrize(
    ("name", "ends", "held"),
    [
        ("nets", "dst", True),
        ("nets", "src", False),
        ("ports", "dst,dst", True),
        ("ports", "src,src", False),
        ("ports", "dst", None),
        ("flows", "src,dst,dst", True),
        ("flows", "dst,src,src", False),
        ("links", "src,src", True),
        ("links", "src,dst", False),
        ("bridged", "src,src", False),
        ("macs", "src", None),
        ("macs", "dst", None),
        ("marks", "src,src", False),
        ("all", "dst,dst", True),
        ("all", "src,src", False),
        ("all", "src", None),
        ("circle", "src", None),
        ("ranges", "dst", True),
        ("ranges", "src", False),
        ("odd", "src,src", False),
        ("wrong", "src,src", None),
        ("badports", "dst,dst", None),
        ("excepted", "src,dst", None),
        ("nosuch", "src", None),
        ("lone", "dst", False),
        ("junk", "dst", None),
    ],
)
def test_ipsets(name: str, ends: str, *, held: bool | None) -> None:
    assert verdict(f"-m set --match-set {name} {ends}", sets=SETS) is held
    assert verdict(f"-m set ! --match-set {name} {ends}", sets=SETS) is (
        None if held is None else not held
    )


def test_ipsets_of_macs_and_marks_and_what_has_no_port() -> None:
    known = TCP._replace(mac_source="02:00:00:00:01:02", mark=7)

    assert verdict("-m set --match-set macs src", known, sets=SETS) is True
    assert verdict("-m set --match-set marks src,src", known, sets=SETS) is True
    assert verdict("-m set --match-set ports dst,dst", ping(), sets=SETS) is False


def changed(target: str, packet: Packet | None = None, table: str = "mangle") -> Traversal:
    text = f"*{table}\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j {target}\nCOMMIT\n"
    return firewall(iptables_nft=text).traverse(
        "forward", packet or tcp(80), Context(FIB, "in0", "out0")
    )


@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        ("MARK --set-mark 0x10/0xf0", 0x2F, 0x1F),
        ("MARK --set-xmark 0x10/0xff", 0xF0F, 0xF10),
        ("MARK --and-mark 0xf0", 0xFF, 0xF0),
        ("MARK --or-mark 0x1", 0x10, 0x11),
        ("MARK --xor-mark 0x11", 0x10, 0x01),
        ("CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", 9, 2),
        ("CONNMARK --restore-mark --mask 0xf", 0x30, 0x32),
        ('LOG --log-prefix "x "', 5, 5),
        ("CONNMARK --save-mark", 5, 5),
    ],
)  # fmt: skip
def test_marks(target: str, before: int, after: int) -> None:
    found = changed(target, tracked(TCP)._replace(mark=before))

    assert (found.verdict, found.packet.mark) == ("accept", after)


@pytest.mark.parametrize(
    ("target", "after"),
    [
        ("CONNMARK --save-mark --nfmask 0xff --ctmask 0xffffffff", 0x7),
        ("CONNMARK --set-xmark 0x4/0xffffffff", 4),
        ("CONNMARK --set-mark 0x5", 5),
        ("CT --helper ftp", 2),
    ],
)
def test_marks_of_connections(target: str, after: int) -> None:
    found = changed(target, tracked(TCP)._replace(mark=0x107))
    alone = changed(target, TCP._replace(mark=0x107))

    assert found.packet.connection is not None
    assert found.packet.connection.mark == after
    assert alone.packet == TCP._replace(mark=0x107)
    assert changed("CONNMARK --restore-mark", TCP._replace(mark=7)).packet.mark == 7


@pytest.mark.parametrize(
    ("target", "packet"),
    [
        ("TOS --set-tos 0x10/0x3f", TCP._replace(tos=0x10)),
        ("TOS --set-tos 0x08", TCP._replace(tos=0x08)),
        ("DSCP --set-dscp 0x0a", TCP._replace(tos=0x28)),
        ("TTL --ttl-set 3", TCP._replace(ttl=3)),
        ("TTL --ttl-dec 70", TCP._replace(ttl=0)),
        ("HL --hl-inc 1", TCP._replace(ttl=65)),
        ("NOTRACK", TCP._replace(state="untracked")),
        ("CT --notrack", TCP._replace(state="untracked")),
    ],
)
def test_other_changes(target: str, packet: Packet) -> None:
    assert changed(target).packet == packet


@pytest.mark.parametrize(
    "target",
    [
        "MARK", "MARK --set-mark x", "MARK --foo 1", "CONNMARK", "CONNMARK --save-mark --mask x", "CT --zone 3", "TOS",
        "DSCP --set-dscp x", "TTL --ttl-set x", "TTL --other 3", "DNAT", "DNAT --to-destination x", "NFQUEUE --queue-num 1",
        "DNAT --to-destination 1.1.1.1-x", "NETMAP --to x", "MASQUERADE --to-ports x", "TPROXY --on-port 1",
        "DNAT --to-destination 1.1.1.1:x",
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_told_leaves_the_fate_open(target: str) -> None:
    assert changed(target).verdict == "unknown"


def test_a_jump_needs_a_name() -> None:
    assert verdict("-j -g") is None
    assert verdict("! -j ACCEPT") is None
    assert verdict("-m a b") is None
    assert verdict("nothing here") is None
    assert verdict("!") is None


def test_a_comment_with_a_line_feed_does_not_end_its_rule() -> None:
    text = (
        '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m comment --comment "a\n-A FORWARD -j DROP\nb" -j DROP\n'
        "-A FORWARD -p icmp -j DROP\nCOMMIT\n"
    )
    fire = firewall(iptables_nft=text)

    def fate(packet: Packet) -> str:
        return fire.traverse("forward", packet, Context(FIB, "in0", "out0")).verdict

    assert list(fire.ruleset.problems()) == []
    assert (fate(tcp(80)), fate(udp(53)), fate(ping())) == ("accept", "drop", "drop")


def test_a_quotation_that_is_closed_by_another_one_is_not_joined() -> None:
    text = '*filter\n:FORWARD DROP [0:0]\n:X\n-A FORWARD -m comment --comment "a\nb" "c\nCOMMIT\n'

    assert firewall(iptables_nft=text).ruleset.tables[0].problems


def test_several_tables_with_and_without_an_end() -> None:
    text = "*raw\n:PREROUTING ACCEPT [0:0]\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\nCOMMIT\n*nat\n:X - [0:0]\n-A INPUT -j X\n-A FORWARD -j X\n"
    tables = firewall(iptables_nft=text).ruleset.tables

    assert [each.name for each in tables] == ["raw", "filter", "nat"]
    assert [chain.name for chain in tables[2].base_chains] == ["INPUT"]
    assert verdict("-s 10.99.1.2", FARAWAY) is False


FARAWAY = TCP._replace(source=FAR[4])


def test_words_are_split_as_the_tools_quote_them() -> None:
    assert split('a "b c" \'d\' e\\ f "g\\"h"') == (
        Word("a"), Word("b c", quoted=True), Word("d", quoted=True), Word("e f"), Word('g"h', quoted=True),
    )  # fmt: skip
    assert split('"open') is None
    assert split("") == ()
    assert not Word("-5").is_option
    assert not Word("-j", quoted=True).is_option


@given(st.text())
def test_splitting_never_raises(line: str) -> None:
    words = split(line)

    assert words is None or all(isinstance(each, Word) for each in words)
