"""TO as the user writes it: an address, with a port or without, or a container's name."""

import re
from ipaddress import ip_address

from homelab.model.docker import DockerContainer
from homelab.model.place import Address, guest_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target

FORM = "TO is ADDRESS, ADDRESS:PORT, ADDRESS:PORT/udp, [IPV6]:PORT, or a container's name"
_BRACKETED = re.compile(r"\[([^\]]+)\](?::(.+))?")
_WITH_PORT = re.compile(r"([^:]+):([^:]+)")
_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp))?")
MOST = 65535


def parse_target(text: str, snapshot: Snapshot) -> Target | str:
    """The target, or a sentence that says what is wrong and what is allowed."""
    host, port = _split(text)
    address = _address(host)
    if address is None:
        found = _container(host, snapshot)
        if isinstance(found, str):
            return found
        address = found
    if port is None:
        return Target(address)
    number = _PORT.fullmatch(port)
    if number is None or not 0 < int(number[1]) <= MOST:
        return f"{text}: {port!r} is no port; {FORM}"
    return Target(address, number[2] or "tcp", int(number[1]))


def _split(text: str) -> tuple[str, str | None]:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return bracketed[1], bracketed[2]
    if _address(text) is not None:
        return text, None
    with_port = _WITH_PORT.fullmatch(text)
    return (with_port[1], with_port[2]) if with_port else (text, None)


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _container(name: str, snapshot: Snapshot) -> Address | str:
    """The first address of the container of that name, ``NAME`` or ``GUEST/NAME``."""
    guest_name, _, short = name.rpartition("/")
    found = {
        f"{guest_of(place) or place}/{each.name}": each
        for place, daemon in snapshot.daemons.items()
        for each in daemon.containers
        if each.name == short and guest_name in ("", guest_of(place) or place)
    }
    if not found:
        return f"{name}: neither an address nor a container of this lab; {FORM}"
    if len(found) > 1:
        return f"{name}: several containers have that name: {', '.join(sorted(found))}; name one of them"
    ((full, container),) = found.items()
    return _its_address(full, container)


def _its_address(full: str, container: DockerContainer) -> Address | str:
    for each in container.attachments:
        address = each.ipv4 or each.fixed_ipv4 or each.ipv6 or each.fixed_ipv6
        if address is not None:
            return address
    return f"{full}: the container is on no network with an address"
