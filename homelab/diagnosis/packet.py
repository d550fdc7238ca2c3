"""A packet on its way, and what conntrack knows of its connection: the values the model passes on."""

from typing import NamedTuple

from homelab.model.place import Address

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
HEADER = {4: 20, 6: 40}
"""Length of the header of IP without options."""
ECHO, SYN, RST, DATAGRAM = 64, 40, 20, 8
"""What follows it: an echo as ping(8) sends it, a SYN with the options that Linux sets, a bare header."""
TCP_HEADERS = {4: 40, 6: 60}
"""Length of the headers of IP and TCP without options: a full segment is the MSS and that."""


class Tuple(NamedTuple):
    """One direction of a connection as conntrack keys it; for ICMP ``sport`` is the id, both ways."""

    source: Address
    destination: Address
    protocol: str
    sport: int
    dport: int

    @property
    def is_icmp(self) -> bool:
        return self.protocol.startswith("icmp")

    def reverse(self) -> "Tuple":
        if self.is_icmp:
            return Tuple(self.destination, self.source, self.protocol, self.sport, self.dport)
        return Tuple(self.destination, self.source, self.protocol, self.dport, self.sport)


class Connection(NamedTuple):
    """A conntrack entry of one place: how the first packet came, and how its reply will come.

    Without NAT ``reply`` is the reverse of ``original``. ``mark`` is the connmark. ``replied``: a
    packet was seen in reply direction. ``bound`` has ``src`` and ``dst`` once the nat chains have
    decided, with or without a translation. ``vague``: a net was mapped to itself, and whether the kernel
    calls that a translation was seen to differ from one connection to the next.
    """

    original: Tuple
    reply: Tuple
    mark: int = 0
    confirmed: bool = False
    replied: bool = False
    bound: frozenset[str] = frozenset()
    vague: bool = False

    @property
    def is_dnat(self) -> bool:
        """The destination was translated (ctstatus DNAT)."""
        moved = self.reply.source != self.original.destination
        return moved or (not self.original.is_icmp and self.reply.sport != self.original.dport)

    @property
    def is_snat(self) -> bool:
        """The source was translated (ctstatus SNAT)."""
        moved = self.reply.destination != self.original.source
        return moved or (not self.original.is_icmp and self.reply.dport != self.original.sport)


class Packet(NamedTuple):
    """An IP packet. ``protocol`` is tcp, udp, icmp (IPv4) or icmp6 (IPv6).

    Or a question of ARP and its answer: ``protocol`` is arp then, and ``icmp_type`` the operation.

    ``state`` is conntrack's: new, established, related, invalid, untracked; ``reply`` tells whether
    it travels in the connection's reply direction. For ICMP echo ``sport`` is the id and ``dport``
    is 0. ``flags`` are the TCP flags set (SYN, or SYN and ACK for the answer).
    ``inner`` is what an ICMP error quotes: the packet it complains about, as its sender saw it.
    ``mss`` is the option of a TCP segment with SYN: how much data the other end may send at once. It
    does not count for equality: where rules may lower it or not, the packet's fate is still one.
    """

    source: Address
    destination: Address
    protocol: str
    sport: int = 0
    dport: int = 0
    icmp_type: int | None = None
    icmp_code: int | None = None
    flags: frozenset[str] = frozenset()
    ttl: int = 64
    length: int = 84
    tos: int = 0
    mark: int = 0
    mac_source: str | None = None
    state: str = "new"
    reply: bool = False
    connection: Connection | None = None
    inner: Tuple | None = None
    mss: int | None = None

    def __hash__(self) -> int:
        """Of what tells apart the packets that meet in one chain; equality looks at all."""
        return self.dport ^ self.mark

    def __eq__(self, other: object) -> bool:
        """All fields but the last, which is ``mss``."""
        return isinstance(other, Packet) and self[:-1] == other[:-1]

    def __ne__(self, other: object) -> bool:
        return not self == other

    @property
    def family(self) -> int:
        return self.source.version

    @property
    def is_arp(self) -> bool:
        return self.protocol == "arp"

    @property
    def tuple(self) -> Tuple:
        return Tuple(self.source, self.destination, self.protocol, self.sport, self.dport)

    @property
    def known_state(self) -> str:
        """The state as rules read it: a packet that conntrack has not seen yet is invalid to them."""
        # conntrack_mt in net/netfilter/xt_conntrack.c, nft_ct_get_eval in net/netfilter/nft_ct.c
        return self.state if self.connection or self.state == "untracked" else "invalid"

    def arriving(self, *, same_namespace: bool = False) -> "Packet":
        """The packet as it enters a place: conntrack's view of it stays behind, and so does its mark.

        Between two links of one namespace the mark is kept (skb_scrub_packet in net/core/skbuff.c).
        """
        mark = self.mark if same_namespace else 0
        if self.connection is None and (self.state, self.reply, self.mark) == ("new", False, mark):
            return self
        return self._replace(state="new", reply=False, connection=None, mark=mark)
