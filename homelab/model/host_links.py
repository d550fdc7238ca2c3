"""What an inventory declares of a host's links: VLAN links, bridges with their ports, SR-IOV cards."""

from dataclasses import dataclass

from homelab.model.place import Interface


@dataclass(frozen=True, slots=True)
class DeclaredLink:
    """A VLAN link on ``parent``; ``vlan`` is a name, ``mtu`` None the parent's."""

    name: str
    parent: str
    vlan: str
    addresses: tuple[Interface, ...] = ()
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    """VLANs, by name, of a port of a bridge or of the bridge itself."""

    link: str
    tagged: tuple[str, ...] = ()
    untagged: str | None = None


@dataclass(frozen=True, slots=True)
class DeclaredBridge:
    """``ports`` has the bridge itself too, under its own name."""

    name: str
    ports: tuple[DeclaredPort, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """A virtual function of a card; no VLAN means untagged."""

    index: int
    vlan: str | None = None
    spoof_check: bool = True


@dataclass(frozen=True, slots=True)
class DeclaredCard:
    """An SR-IOV card by its link, with how many virtual functions it shall have."""

    link: str
    functions: int
    settings: tuple[DeclaredFunction, ...] = ()
