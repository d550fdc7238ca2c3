"""What homelab makes and sets of links: VLAN links, bridges, the VLANs of a port, the functions of a card.

The mark of all of them is a word in the alias of the link (IFLA_IFALIAS, ip-link(8)): ``homelab:link`` at a link of
our own, ``homelab:port=…`` and ``homelab:card=…`` at one that is somebody else's, with what we found there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from homelab.model.kernel import BridgeVlan, Link
from homelab.model.place import Interface

PREFIX = "homelab:"
LINK, PORT, CARD = "link", "port", "card"
OWNED = f"{PREFIX}{LINK}"
LONGEST = 255
"""Bytes of an alias (IFALIASZ in linux/if.h, with its last zero)."""

Words: TypeAlias = list[str]


@dataclass(frozen=True, slots=True)
class OwnedLink:
    """A link of homelab's own: a VLAN link on ``parent``, or a bridge that filters VLANs.

    ``mtu`` None leaves the kernel's choice: that of the parent.
    """

    name: str
    kind: str = "vlan"
    parent: str | None = None
    vlan: int = 0
    protocol: str = "802.1Q"
    mtu: int | None = None
    addresses: tuple[Interface, ...] = ()

    @property
    def is_of_place(self) -> tuple[str, str, str | None, int, str]:
        """What cannot be changed while it is there."""
        return self.name, self.kind, self.parent, self.vlan, self.protocol


@dataclass(frozen=True, slots=True)
class PortState:
    """A link as a port of a bridge, or the bridge itself (``bridge`` is its own name then).

    ``vlans`` are all of its rows, one VLAN each; ``bridge`` None: it is no port of any. ``arrival`` is the
    VLAN into which the bridge puts a new port by itself (vlan_default_pvid), 0 for none.
    """

    link: str
    bridge: str | None
    vlans: tuple[BridgeVlan, ...] = ()
    alias: str = ""
    arrival: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """What is set at one virtual function of a card."""

    index: int
    vlan: int = 0
    spoof_check: bool = True


@dataclass(frozen=True, slots=True)
class CardState:
    """How many virtual functions a card has, and what is set at some of them."""

    link: str
    count: int
    functions: tuple[Function, ...] = ()
    alias: str = ""


@dataclass(frozen=True, slots=True)
class CardCount:
    """What sysfs says of an SR-IOV card: the functions that it has, and could have."""

    now: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Marks:
    """The words of ours in an alias, by name; ``foreign`` is the alias of somebody else."""

    words: dict[str, str] = field(default_factory=dict)
    foreign: str | None = None


def marks(alias: str | None) -> Marks:
    if not alias:
        return Marks()
    if not alias.startswith(PREFIX):
        return Marks(foreign=alias)
    pairs = (each.partition("=") for each in alias.removeprefix(PREFIX).split(";"))
    return Marks({name: value for name, _, value in pairs})


def with_mark(alias: str | None, name: str, value: str | None) -> str:
    """The alias with one word of ours set, or taken out where there is no value."""
    there = {each: text for each, text in marks(alias).words.items() if each != name}
    if value is not None:
        there[name] = value
    said = ";".join(f"{each}={text}" if text else each for each, text in sorted(there.items()))
    return f"{PREFIX}{said}" if said else ""


def flat(rows: tuple[BridgeVlan, ...]) -> tuple[BridgeVlan, ...]:
    """Each row for one VLAN alone, sorted: the kernel prints neighbours as a range."""
    return tuple(
        BridgeVlan(number, number, row.pvid, row.untagged)
        for row in sorted(rows, key=lambda each: each.first)
        for number in range(row.first, row.last + 1)
    )


def spelled(row: BridgeVlan | None) -> str:
    """A row in a mark: ``t`` tagged, ``u`` untagged, with a ``p`` the PVID; ``-`` for none."""
    if row is None:
        return "-"
    return ("u" if row.untagged else "t") + ("p" if row.pvid else "")


def unspelled(vlan: int, text: str) -> BridgeVlan | None:
    return None if text == "-" else BridgeVlan(vlan, vlan, "p" in text, "u" in text)


def link_words(now: OwnedLink | None, was: OwnedLink | None) -> Iterator[Words]:
    """The commands of ip(8) that lead from one to the other."""
    if now is None or was is None or now.is_of_place != was.is_of_place:
        if was is not None:
            yield ["ip", "link", "del", "dev", was.name]
        if now is not None:
            yield from _new_link(now)
        return
    if now.mtu != was.mtu and now.mtu is not None:
        yield ["ip", "link", "set", "dev", now.name, "mtu", str(now.mtu)]
    for each in was.addresses:
        if each not in now.addresses:
            yield ["ip", "addr", "del", str(each), "dev", now.name]
    for each in now.addresses:
        if each not in was.addresses:
            yield ["ip", "addr", "add", str(each), "dev", now.name]


def _new_link(link: OwnedLink) -> Iterator[Words]:
    if link.kind == "bridge":
        kind = ["type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0"]
        yield ["ip", "link", "add", "name", link.name, *kind]
    else:
        kind = ["type", "vlan", "protocol", link.protocol, "id", str(link.vlan)]
        yield ["ip", "link", "add", "link", link.parent or "", "name", link.name, *kind]
    yield ["ip", "link", "set", "dev", link.name, "alias", OWNED]
    if link.mtu is not None:
        yield ["ip", "link", "set", "dev", link.name, "mtu", str(link.mtu)]
    for each in link.addresses:
        yield ["ip", "addr", "add", str(each), "dev", link.name]
    yield ["ip", "link", "set", "dev", link.name, "up"]


def port_words(now: PortState, was: PortState) -> Iterator[Words]:
    """The commands of ip(8) and bridge(8) that lead from one to the other."""
    there = {each.first: each for each in was.vlans}
    if now.bridge != was.bridge:
        if now.bridge is None:
            yield ["ip", "link", "set", "dev", now.link, "nomaster"]
            yield from _alias(now.link, now.alias, was.alias)
            return
        yield ["ip", "link", "set", "dev", now.link, "master", now.bridge]
        there = {now.arrival: BridgeVlan(now.arrival, now.arrival)} if now.arrival else {}
    wanted = {each.first: each for each in now.vlans}
    itself = ["self"] if now.bridge == now.link else []
    for vlan in there.keys() - wanted.keys():
        yield ["bridge", "vlan", "del", "dev", now.link, "vid", str(vlan), *itself]
    # The PVID last: the kernel takes it away from the row that has it.
    for each in sorted(wanted.values(), key=lambda one: (one.pvid, one.first)):
        if there.get(each.first) != each:
            flags = [*(["pvid"] if each.pvid else []), *(["untagged"] if each.untagged else [])]
            row = ["vid", str(each.first), *flags, *itself]
            yield ["bridge", "vlan", "add", "dev", now.link, *row]
    yield from _alias(now.link, now.alias, was.alias)


def card_words(now: CardState, was: CardState) -> Iterator[Words]:
    """The commands that lead from one to the other; the kernel refuses another number without a 0 between."""
    functions = {each.index: each for each in was.functions}
    if now.count != was.count:
        functions = {}
        if was.count:
            yield _numbered(now.link, 0)
        if now.count:
            yield _numbered(now.link, now.count)
    for each in now.functions if now.count else ():
        if functions.get(each.index) != each:
            check = "on" if each.spoof_check else "off"
            values = ["vf", str(each.index), "vlan", str(each.vlan), "spoofchk", check]
            yield ["ip", "link", "set", "dev", now.link, *values]
    yield from _alias(now.link, now.alias, was.alias)


def _numbered(link: str, count: int) -> Words:
    return ["sh", "-c", f"echo {count} >/sys/class/net/{link}/device/sriov_numvfs"]


def _alias(link: str, now: str, was: str) -> Iterator[Words]:
    if now != was:
        yield ["ip", "link", "set", "dev", link, "alias", now]


def own_vlan_id(link: Link) -> int:
    text = link.options.get("vlan_id", "")
    return int(text) if text.isdecimal() else 0
