"""From the lines of ``ss -Hltun`` to the sockets that accept."""

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from homelab.model.kernel import Listener
from homelab.system.rows import UnparsableError

_COLUMNS = 6
_LISTENING = ("LISTEN", "UNCONN")
_ANY = {"0.0.0.0": (4,), "[::]": (6,), "*": (4, 6)}  # noqa: S104 what ss prints; nothing is bound here


def parse_sockets(printed: str) -> tuple[Listener, ...]:
    """Listeners; a socket of IPv6 that also accepts IPv4 (``*:PORT``) gives one of each family."""
    return tuple(each for line in printed.splitlines() for each in _listeners(line))


def _listeners(line: str) -> Iterator[Listener]:
    columns = line.split()
    if len(columns) < _COLUMNS:
        raise UnparsableError(f"not a line of ss: {line[:80]!r}")
    protocol, state, _, _, local, *_ = columns
    if state not in _LISTENING:
        return
    bound, _, port = local.rpartition(":")
    host, _, link = bound.partition("%")
    if not port.isdecimal():
        raise UnparsableError(f"not a port: {port[:40]!r}")
    if host in _ANY:
        for family in _ANY[host]:
            yield Listener(protocol, family, None, int(port), link or None)
        return
    yield _bound(protocol, host, int(port), link or None)


def _bound(protocol: str, host: str, port: int, link: str | None) -> Listener:
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise UnparsableError(str(error)) from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return Listener(protocol, address.version, address, port, link)
