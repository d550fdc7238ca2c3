"""A picture of a lab as data: what hangs on what, and whether it is reached."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """``kind`` is lan, router, host, vlan, bridge, guest or network.

    ``reachable`` is of networks: whether the LAN reaches them, None when that is unknown. ``faults`` are
    the codes of what is wrong here.
    """

    id: str
    kind: str
    label: str
    lines: tuple[str, ...] = ()
    reachable: bool | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """Two nodes that are joined, the one nearer to the LAN first; ``routes`` lead over it."""

    near: str
    far: str
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A tree, its root first, in a stable order."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
