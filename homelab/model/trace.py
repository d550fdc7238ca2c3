"""The path of one packet, there and back, and what became of it."""

from dataclasses import dataclass, field
from enum import Enum

from homelab.model.place import Address, Place


class Outcome(Enum):
    """What the sender sees: an answer, nothing, an answer that says no, or nobody can tell."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a packet is sent: ICMP echo when ``protocol`` is icmp (for IPv6 too), else a port."""

    address: Address
    protocol: str = "icmp"
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return str(self.address)
        address = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{address}:{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a packet in one place.

    ``stage`` is send, bridge, prerouting, route, rp_filter, input, socket, output, forward,
    postrouting, neighbour or link; ``bridged prerouting``, ``bridged forward`` and ``bridged
    postrouting`` where br_netfilter shows a bridged frame to the rules of IP.
    """

    at: Place
    stage: str
    text: str
    iif: str | None = None
    oif: str | None = None
    via: Address | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """What ended the packet: a rule as its tool prints it, a sysctl key, a missing route …

    ``kind`` is rule, policy, route, sysctl, neighbour, vlan, link, socket or unmodelled.
    ``iif`` and ``oif`` are the interfaces between which the packet was at that moment, ``source``
    and ``destination`` its addresses then (after any translation): what a fix has to match.
    ``vlan`` is the VLAN in which the frame was (0: without a tag) where ``key`` is the link that
    does not take it.
    """

    at: Place
    direction: str
    stage: str
    kind: str
    text: str
    family: str | None = None
    table: str | None = None
    chain: str | None = None
    handle: int | None = None
    rule: str | None = None
    key: str | None = None
    owner: str | None = None
    tool: str | None = None
    iif: str | None = None
    oif: str | None = None
    source: Address | None = None
    destination: Address | None = None
    vlan: int | None = None


@dataclass(frozen=True, slots=True)
class Large:
    """What becomes of packets as long as both ends may send them, on a path that short ones pass.

    ``size`` is the IP length with which their sender starts, ``fits`` the one that arrives. ``outcome``
    is delivered, also where the sender hears of a smaller MTU and heeds it; dropped in a black
    hole; or unknown. ``cause`` (of kind link) is where they are too long, ``silence`` what keeps the
    message about it from the sender: None where nobody sends one.
    """

    size: int
    outcome: Outcome
    fits: int | None = None
    cause: Cause | None = None
    silence: Cause | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """``origin`` is the vantage as the user wrote it; ``rewritten_*`` are set when NAT changed them.

    ``source`` is the address the packet was sent from. ``arrived_source`` and
    ``arrived_destination`` are what the receiver saw. ``large`` is asked of what is delivered only.
    """

    origin: str
    target: Target
    outcome: Outcome
    source: Address | None = None
    forward: tuple[Hop, ...] = ()
    back: tuple[Hop, ...] = ()
    rewritten_source: str | None = None
    rewritten_destination: str | None = None
    cause: Cause | None = None
    notes: tuple[str, ...] = field(default=())
    large: Large | None = None

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.DELIVERED
