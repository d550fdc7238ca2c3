"""A packet on its way, and what conntrack knows of its connection: the values the model passes on."""

from dataclasses import dataclass, field

from homelab.model.place import Address

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}


@dataclass(frozen=True, slots=True)
class Tuple:
    """One direction of a connection as conntrack keys it; for ICMP echo ``sport`` is the id."""

    source: Address
    destination: Address
    protocol: str
    sport: int
    dport: int

    def reverse(self) -> "Tuple":
        return Tuple(self.destination, self.source, self.protocol, self.dport, self.sport)


@dataclass(frozen=True, slots=True)
class Connection:
    """A conntrack entry of one place: how the first packet came, and how its reply will come.

    Without NAT ``reply`` is the reverse of ``original``. ``mark`` is the connmark.
    """

    original: Tuple
    reply: Tuple
    mark: int = 0
    confirmed: bool = False

    @property
    def is_dnat(self) -> bool:
        """The destination was translated (ctstatus DNAT)."""
        return (self.reply.source, self.reply.sport) != (
            self.original.destination,
            self.original.dport,
        )

    @property
    def is_snat(self) -> bool:
        """The source was translated (ctstatus SNAT)."""
        return (self.reply.destination, self.reply.dport) != (
            self.original.source,
            self.original.sport,
        )


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet. ``protocol`` is tcp, udp, icmp (IPv4) or icmp6 (IPv6).

    ``state`` is conntrack's: new, established, related, invalid, untracked; ``reply`` tells whether
    it travels in the connection's reply direction. For ICMP echo ``sport`` is the id and ``dport``
    is 0. ``flags`` are the TCP flags set (SYN, or SYN and ACK for the answer).
    """

    source: Address
    destination: Address
    protocol: str
    sport: int = 0
    dport: int = 0
    icmp_type: int | None = None
    icmp_code: int | None = None
    flags: frozenset[str] = field(default_factory=frozenset)
    ttl: int = 64
    length: int = 84
    tos: int = 0
    mark: int = 0
    mac_source: str | None = None
    state: str = "new"
    reply: bool = False
    connection: Connection | None = None

    @property
    def family(self) -> int:
        return self.source.version

    @property
    def tuple(self) -> Tuple:
        return Tuple(self.source, self.destination, self.protocol, self.sport, self.dport)
