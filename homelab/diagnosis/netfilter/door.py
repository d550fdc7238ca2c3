"""What the tracer gives to netfilter and gets back: context, verdict, and what is to blame for it."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from homelab.diagnosis.packet import Connection, Packet
from homelab.model.place import Address, Place
from homelab.model.trace import Cause


class Fib(Protocol):
    """What rules may ask of the routing tables; None where the model cannot tell."""

    def address_type(self, address: Address, link: str | None = None) -> str | None:
        """The route type of an address: local, unicast, broadcast, multicast, anycast, unreachable …

        With ``link``, only addresses and routes of that link count (``addrtype --limit-iface-in``).
        """
        ...

    def route_link(
        self, destination: Address, source: Address | None = None, mark: int = 0
    ) -> str | None:
        """The link that a packet to ``destination`` would leave by; "" when there is no route."""
        ...

    def source_address(self, link: str, destination: Address) -> Address | None:
        """The address that masquerading out of ``link`` puts on a packet to ``destination``."""
        ...

    def mtu_to(self, destination: Address) -> int | None:
        """The MTU of the route to an address."""
        ...


class Context(NamedTuple):
    """Where the packet is. ``iif``/``oif`` are names, None where the hook has none.

    At postrouting a forwarded packet still has its ``iif`` (ip_output() since 5.7), and at forward its
    time to live is decreased already.

    For a bridged frame that br_netfilter shows to the IP hooks, ``iif``/``oif`` are the bridge and
    ``physin``/``physout`` its ports (``bridged`` true); they are also set for a packet that entered
    a port of a bridge and is routed (``physin`` only, with br_netfilter loaded). ``framed`` tells that the
    hook sees whole frames: one of a bridge or of a device. ``connections`` is
    conntrack's table of this place: pass on what the last ``Traversal`` of this place returned.
    """

    fib: Fib
    iif: str | None = None
    oif: str | None = None
    physin: str | None = None
    physout: str | None = None
    bridged: bool = False
    framed: bool = False
    connections: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """What decided: the fields of a ``Cause`` that netfilter knows."""

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

    def cause(self, at: Place, direction: str, stage: str, where: Context, packet: Packet) -> Cause:
        return Cause(
            at=at,
            direction=direction,
            stage=stage,
            kind=self.kind,
            text=self.text,
            family=self.family,
            table=self.table,
            chain=self.chain,
            handle=self.handle,
            rule=self.rule,
            key=self.key,
            owner=self.owner,
            tool=self.tool,
            iif=where.iif,
            oif=where.oif,
            source=packet.source,
            destination=packet.destination,
        )


class Traversal(NamedTuple):
    """What became of the packet at one hook.

    ``verdict`` is accept, drop, reject or unknown. ``packet`` carries all changes (NAT, marks,
    conntrack's state) and, on drop or reject, is the packet as it met the rule. ``blame`` is None on
    accept. ``reject`` names the answer: tcp-reset, icmp-port-unreachable, icmp6-adm-prohibited …
    ``connections`` is conntrack's table afterwards. ``notes`` are texts fit for a ``Hop``.
    """

    verdict: str
    packet: Packet
    connections: tuple[Connection, ...] = ()
    blame: Blame | None = None
    reject: str | None = None
    notes: tuple[str, ...] = ()
