"""Who may open a connection into a network, as an operation carries it."""

from dataclasses import dataclass, field

from homelab.model.place import Network


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One accepted source of an ingress filter: protocol None means all, ports None means all."""

    source: Network
    protocol: str | None = None
    ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class IngressFilter:
    """Who may open a connection into a network: a base chain of its own in table ``inet homelab``.

    ``bridge`` is the network's bridge in the guest; ``entries`` empty means nobody. Packets from the
    bridge itself and replies always pass. ``mark`` is its identity: ``GUEST/NETWORK:DIGEST``.
    """

    chain: str
    bridge: str
    mark: str
    entries: tuple[AllowEntry, ...] = field(default=())
