"""The words of an expectation: from where a packet is sent, to whom, and how it shall fare.

As in the other words of an inventory, a parser raises ``ValueError`` with *fact; way out*, and nothing else.
"""

import re
from ipaddress import ip_address

from homelab.load.problem import quoted, unknown
from homelab.load.words import address, instance_name, interface, word
from homelab.model.inventory import ContainerCalled, Destination, NetworkOf
from homelab.model.place import Address, container, guest, netns
from homelab.model.trace import Outcome

OUTCOMES = tuple(each.value for each in Outcome if each is not Outcome.UNKNOWN)
VANTAGES = "lan, router, host, guest:NAME, container:GUEST/NAME, netns:NAME or packet:IFACE:SOURCE"
TARGETS = (
    "GUEST/NETWORK, GUEST/NETWORK:PORT, NAME or container:GUEST/NAME of a container, ADDRESS, "
    "ADDRESS:PORT, [IPV6]:PORT, each PORT with /udp if it is one"
)
LONGEST_REASON = 200

_PORT = re.compile(r"(?P<number>[0-9]{1,5})(/(?P<protocol>tcp|udp))?")
_BRACKETED = re.compile(r"\[(?P<host>[0-9A-Fa-f:.]+)\](:(?P<port>.*))?", re.DOTALL)


def origin(value: object) -> str:
    """The name of a vantage; whether its guest is there is not asked here."""
    text = _text(value)
    kind, _, rest = text.partition(":")
    if text in ("lan", "router", "host"):
        return text
    if kind == "guest":
        return guest(instance_name(rest))
    if kind == "container":
        inside, _, name = rest.partition("/")
        return container(inside if inside == "host" else instance_name(inside), word(name))
    if kind == "netns":
        return netns(word(rest))
    if kind == "packet":
        return _packet(rest)
    raise ValueError(f"{quoted(text)} is no place to send from; write {VANTAGES}")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("a list or a mapping stands here; write one line of text")


def _packet(rest: str) -> str:
    """An IPv6 source has colons of its own."""
    link, _, source = rest.partition(":")
    return f"packet:{interface(link)}:{address(source)}"


def destination(value: object) -> Destination:
    """Whom a packet is sent to, and at which port; without one it is an echo request."""
    text = _text(value)
    host, port = _split(text)
    whom = _whom(host, text)
    return Destination(whom) if port is None else Destination(whom, *_port(port, text))


def _split(text: str) -> tuple[str, str | None]:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return bracketed["host"], bracketed["port"]
    if _is_address(text):
        return text, None
    kind, _, rest = text.partition(":")
    head = f"{kind}:" if kind == "container" else ""
    host, colon, port = (rest if head else text).partition(":")
    return head + host, port if colon else None


def _port(text: str, whole: str) -> tuple[str, int]:
    found = _PORT.fullmatch(text)
    number = int(found["number"]) if found else 0
    if found is None or not 1 <= number <= 65535:
        raise ValueError(f"{quoted(whole)}: no port; write 1 to 65535, such as :80 or :53/udp")
    return found["protocol"] or "tcp", number


def _whom(host: str, whole: str) -> NetworkOf | ContainerCalled | Address:
    if _is_address(host):
        return address(host)
    try:
        return _named(host)
    except ValueError as error:
        raise ValueError(f"{quoted(whole)} is no target: {error}; write {TARGETS}") from error


def _named(host: str) -> NetworkOf | ContainerCalled:
    if host.startswith("container:"):
        inside, _, name = host.removeprefix("container:").partition("/")
        return ContainerCalled(word(name), inside if inside == "host" else instance_name(inside))
    inside, slash, name = host.partition("/")
    return NetworkOf(instance_name(inside), word(name)) if slash else ContainerCalled(word(host))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def outcome(value: object) -> Outcome:
    text = _text(value)
    if text not in OUTCOMES:
        raise ValueError(unknown("outcome", text, OUTCOMES))
    return Outcome(text)


def reason(value: object) -> str:
    text = _text(value)
    if len(text) > LONGEST_REASON or not text.isprintable():
        raise ValueError(
            f"{quoted(text)} is no reason; write one line of plain text, at most {LONGEST_REASON}"
        )
    return text
