"""Links of homelab's own, VLANs of ports and functions of cards, set with ip(8), bridge(8) and sysfs."""

from contextlib import suppress

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.operation import SetCard, SetOwnedLink, SetPort
from homelab.model.wires import LINK, OwnedLink, Words, card_words, link_words, marks, port_words
from homelab.system.doors import Door
from homelab.system.families import OfLink
from homelab.system.rows import rows, text


def change(door: Door, operation: OfLink) -> None:
    """Carry out all of it, or none and raise ``OperationError``."""
    _refuse_foreign(door, operation)
    done = 0
    try:
        for each in commands(operation):
            door.run(each)
            done += 1
    except OperationError:
        if done:
            _back(door, operation)
        raise


def commands(operation: OfLink) -> tuple[Words, ...]:
    match operation:
        case SetOwnedLink(_, link, was):
            return tuple(link_words(link, was))
        case SetPort(_, port, before):
            return tuple(port_words(port, before))
        case SetCard(_, card, earlier):
            return tuple(card_words(card, earlier))


def _back(door: Door, operation: OfLink) -> None:
    """As much of the way back as there is: what was not reached refuses to go."""
    for back in inverse(operation):
        if isinstance(back, SetOwnedLink | SetPort | SetCard):
            for each in commands(back):
                with suppress(OperationError):
                    door.run(each)


def _refuse_foreign(door: Door, operation: OfLink) -> None:
    """Nothing is done to a link whose alias says that it is not as the plan was made for."""
    place = operation.place
    match operation:
        case SetOwnedLink(_, now, was):
            _refuse_not_owned(door, now, was)
            return
        case SetPort(_, port, before):
            name, wanted = port.link, before.alias
        case SetCard(_, card, earlier):
            name, wanted = card.link, earlier.alias
    found = _alias(door, name)
    if found is None:
        raise OperationError(f"{place}: there is no link {name}; see ip link")
    if found != wanted:
        whose = "not homelab's" if marks(found).foreign else "not what the plan was made for"
        raise OperationError(
            f"{place}: the alias of {name} is {found!r}, {whose}; read the lab again"
        )


def _refuse_not_owned(door: Door, now: OwnedLink | None, was: OwnedLink | None) -> None:
    if was is not None and LINK not in marks(_alias(door, was.name)).words:
        raise OperationError(
            f"{door.place}: {was.name} is no link of homelab's; see ip -d link show {was.name}"
        )
    fresh = now is not None and (was is None or was.name != now.name)
    if now is not None and fresh and _alias(door, now.name) is not None:
        raise OperationError(
            f"{door.place}: there is a link {now.name} already; see ip -d link show {now.name}"
        )


def _alias(door: Door, name: str) -> str | None:
    """None: there is no such link."""
    for each in rows(door.run(["ip", "-j", "link", "show"])):
        if text(each, "ifname") == name:
            return text(each, "ifalias")
    return None
