"""Links of homelab's own, VLANs of ports and functions of cards in memory."""

from dataclasses import replace

from homelab.errors import OperationError
from homelab.model.kernel import BridgePort, Link, Namespace, VirtualFunction
from homelab.model.operation import SetCard, SetOwnedLink, SetPort
from homelab.model.snapshot import Snapshot
from homelab.model.wires import LINK, OWNED, CardCount, CardState, OwnedLink, PortState, marks
from homelab.system.families import OfLink
from homelab.system.simulate_links import link_named, next_index, with_carrier, with_link, without
from homelab.system.simulate_places import (
    namespace_of,
    with_address,
    with_namespace,
    without_address,
)


def changed(snapshot: Snapshot, operation: OfLink) -> Snapshot:
    here = namespace_of(snapshot, operation.place)
    match operation:
        case SetOwnedLink(_, now, was):
            after = _owned(here, now, was)
        case SetPort(_, port, before):
            after = _ported(here, port, before)
        case SetCard(_, card, earlier):
            after = _carded(here, card, earlier)
            counts = snapshot.cards.get(card.link, CardCount(0, card.count))
            cards = {**snapshot.cards, card.link: CardCount(card.count, counts.total)}
            snapshot = replace(snapshot, cards=cards)
    return with_namespace(snapshot, operation.place, after)


def _owned(here: Namespace, now: OwnedLink | None, was: OwnedLink | None) -> Namespace:
    if now is None or was is None or now.is_of_place != was.is_of_place:
        if was is not None:
            _owned_one(here, was.name)
            here = without(here, was.name)
        return here if now is None else _made(here, now)
    _owned_one(here, was.name)
    for each in was.addresses:
        here = here if each in now.addresses else without_address(here, now.name, each)
    link = _owned_one(here, now.name)
    for each in now.addresses:
        if each not in was.addresses:
            here = with_address(here, now.name, each, down=not link.carrier)
    return _with(here, replace(link, mtu=now.mtu or link.mtu))


def _made(here: Namespace, wanted: OwnedLink) -> Namespace:
    if link_named(here, wanted.name) is not None:
        raise OperationError(f"host: there is a link {wanted.name} already; see ip link")
    here = with_link(
        here, _bridge(here, wanted) if wanted.kind == "bridge" else _vlan(here, wanted)
    )
    link = _owned_one(here, wanted.name)
    for each in wanted.addresses:
        here = with_address(here, wanted.name, each, down=not link.carrier)
    return here


def _bridge(here: Namespace, wanted: OwnedLink) -> Link:
    """It has a carrier until its last port goes, and nobody tells of it (br_dev_setup in net/bridge)."""
    options = {
        "vlan_filtering": "1",
        "vlan_default_pvid": "0",
        "vlan_protocol": "802.1Q",
        "forward_delay": "1500",
        "stp_state": "0",
    }
    return Link(
        next_index(here),
        wanted.name,
        "bridge",
        mac=_own_mac(next_index(here)),
        mtu=wanted.mtu or 1500,
        operstate="UNKNOWN",
        alias=OWNED,
        options=options,
    )


def _own_mac(index: int) -> str:
    """Some address: the kernel throws dice."""
    return f"02:00:00:00:{index // 256 % 256:02x}:{index % 256:02x}"


def _vlan(here: Namespace, wanted: OwnedLink) -> Link:
    parent = link_named(here, wanted.parent or "")
    if parent is None:
        raise OperationError(f"host: there is no link {wanted.parent}; see ip link")
    if not parent.up:
        raise OperationError(f"host: {parent.name} is down; ip link set {parent.name} up")
    if wanted.mtu is not None and wanted.mtu > parent.mtu:
        raise OperationError(
            f"host: {parent.name} has an MTU of {parent.mtu}; give it a bigger one"
        )
    return Link(
        next_index(here),
        wanted.name,
        "vlan",
        mac=parent.mac,
        mtu=wanted.mtu or parent.mtu,
        carrier=parent.carrier,
        operstate="UP" if parent.carrier else "LOWERLAYERDOWN",
        peer=parent.index,
        alias=OWNED,
        options={"vlan_id": str(wanted.vlan), "vlan_protocol": wanted.protocol},
    )


def _ported(here: Namespace, now: PortState, was: PortState) -> Namespace:
    link = _found(here, now.link, was.alias)
    if now.bridge == now.link:
        return _with(here, replace(link, vlans=now.vlans, alias=now.alias or None))
    if now.bridge is None:
        gone = replace(link, master=None, port=None, vlans=(), alias=now.alias or None)
        return _carriers(_with(here, gone), was.bridge)
    bridge = link_named(here, now.bridge)
    if bridge is None or bridge.kind != "bridge":
        raise OperationError(f"host: there is no bridge {now.bridge}; see ip link")
    port = link.port or BridgePort()
    come = replace(link, master=bridge.index, port=port, vlans=now.vlans, alias=now.alias or None)
    return _carriers(_with(here, come), now.bridge)


def _carriers(here: Namespace, bridge: str | None) -> Namespace:
    """The bridge's own, and that of the VLAN links on it."""
    if bridge is None:
        return here
    here = with_carrier(here, bridge)
    found = link_named(here, bridge)
    for each in here.links:
        if found and each.kind == "vlan" and (each.peer, each.peer_netns) == (found.index, None):
            state = "UP" if found.carrier else "LOWERLAYERDOWN"
            here = _with(here, replace(each, carrier=found.carrier, operstate=state))
            here = _linked(here, each.name, found.carrier)
    return here


def _linked(here: Namespace, name: str, carrier: bool) -> Namespace:  # noqa: FBT001 - the value is the state
    """Its routes say whether it has a carrier."""
    routes = (
        replace(
            route,
            hops=tuple(
                replace(hop, linkdown=not carrier)
                if hop.link == name and route.kind != "local"
                else hop
                for hop in route.hops
            ),
        )
        for route in here.routes
    )
    return replace(here, routes=tuple(routes))


def _carded(here: Namespace, now: CardState, was: CardState) -> Namespace:
    link = _found(here, now.link, was.alias)
    there = {each.index: each for each in link.vfs if now.count == was.count}
    functions = [there.get(n, VirtualFunction(n, spoof_check=True)) for n in range(now.count)]
    for each in now.functions if now.count else ():
        if each.index < now.count:
            one = functions[each.index]
            functions[each.index] = replace(one, vlan=each.vlan, spoof_check=each.spoof_check)
    return _with(here, replace(link, vfs=tuple(functions), alias=now.alias or None))


def _owned_one(here: Namespace, name: str) -> Link:
    link = link_named(here, name)
    if link is None or LINK not in marks(link.alias).words:
        raise OperationError(f"host: {name} is no link of homelab's; see ip -d link show {name}")
    return link


def _found(here: Namespace, name: str, alias: str) -> Link:
    link = link_named(here, name)
    if link is None:
        raise OperationError(f"host: there is no link {name}; see ip link")
    if (link.alias or "") != alias:
        raise OperationError(f"host: the alias of {name} is {link.alias!r}; read the lab again")
    return link


def _with(here: Namespace, link: Link) -> Namespace:
    links = tuple(link if each.name == link.name else each for each in here.links)
    return replace(here, links=links)
