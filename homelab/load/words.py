"""The words of an inventory: each parser takes what stands in the file, or says what may stand there.

All of them raise ``ValueError`` with a message of the form *fact; way out*, and nothing else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from homelab.load.problem import quoted, unknown
from homelab.model.inventory import Connection, Port
from homelab.model.place import Address, Network

# LXD, "Instance properties": letters, digits and dashes, no digit or dash first, no dash last.
# LXD and Incus take host names; liblxc more, and a guest of Proxmox is called by its number.
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# Docker, daemon/names: [a-zA-Z0-9][a-zA-Z0-9_.-]; the length is ours, for the names derived from it.
_DOCKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_DOCKERS_OWN = ("bridge", "host", "none", "default")
# dev_valid_name in the kernel's net/core/dev.c; the characters are fewer here.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}")
_NETNS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_SSH = re.compile(
    r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}@)?"
    r"(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?))"
    r"(:(?P<port>[0-9]{1,5}))?"
)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_PORT = re.compile(r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?/(?P<protocol>tcp|udp)")
_OPTION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_BRIDGE_NAME = "com.docker.network.bridge.name"
_LONGEST_VALUE = 256

SMALLEST = {4: 29, 6: 125}
"""Longest prefix of a Docker network: eight addresses, of which the bridge takes one."""

LARGEST = {4: 8, 6: 16}
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))

# IANA's registries of special-purpose addresses (RFC 6890): nothing of a lab can live here.
_FORBIDDEN = tuple(
    (ip_network(subnet), name)
    for subnet, name in (
        ("0.0.0.0/8", "this network"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/127", "loopback"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)


@dataclass(frozen=True, slots=True)
class Pick:
    """A subnet that is yet to be taken out of a pool: the named one, or the first of its family."""

    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Lan:
    """The subnets of the host's uplink, known once the host has been read."""


@dataclass(frozen=True, slots=True)
class InVlan:
    """The subnets of a VLAN, by its name."""

    name: str


def _text(value: object, example: str) -> str:
    if isinstance(value, str):
        return value
    found = {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(value), "no text")
    raise ValueError(f"{found} stands here; write a value such as {example}")


def instance_name(value: object) -> str:
    allowed = "letters, digits and . _ - behind a letter or digit, at most 63"
    return _matching(value, _INSTANCE, "a guest name", allowed)


def label(value: object) -> str:
    return _matching(
        value, _LABEL, "a name", "letters, digits and dashes, no dash first, at most 63"
    )


def word(value: object) -> str:
    return _matching(
        value, _DOCKER, "a name", "letters, digits and . _ - behind a letter or digit, at most 48"
    )


def network_name(value: object) -> str:
    name = _matching(
        value,
        _DOCKER,
        "a network name",
        "letters, digits and . _ - behind a letter or digit, at most 48",
    )
    if name in _DOCKERS_OWN:
        raise ValueError(f"{quoted(name)} is a name of Docker's own; choose another one")
    return name


def interface(value: object) -> str:
    return _matching(
        value, _INTERFACE, "an interface name", "at most 15 characters, no space and no slash"
    )


def option_name(value: object) -> str:
    name = _matching(value, _OPTION, "an option", "names such as com.docker.network.driver.mtu")
    if name == _BRIDGE_NAME:
        raise ValueError(f"{name} is set by homelab, which names the bridge; take it out")
    return name


def option_value(value: object) -> str:
    text = _text(value, "1500")
    if len(text) > _LONGEST_VALUE or not text.isprintable():
        raise ValueError(f"{quoted(text)} is no option's value; write one line of plain text")
    return text


def _matching(value: object, pattern: re.Pattern[str], what: str, allowed: str) -> str:
    text = _text(value, "web")
    if not pattern.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not {what}; allowed: {allowed}")
    return text


def choice(value: object, allowed: Sequence[str]) -> str:
    text = _text(value, allowed[0])
    if text not in allowed:
        raise ValueError(unknown("word", text, allowed))
    return text


def boolean(value: object) -> bool:
    text = _text(value, "true")
    if text not in ("true", "false"):
        raise ValueError(f"{quoted(text)} is neither true nor false; write one of them")
    return text == "true"


def number(value: object, low: int, high: int) -> int:
    text = _text(value, str(high))
    found = int(text) if _NUMBER.fullmatch(text) else None
    if found is None or not low <= found <= high:
        raise ValueError(
            f"{quoted(text)} is not a whole number from {low} to {high}; write one, without zeros in front"
        )
    return found


def address(value: object, family: int | None = None) -> Address:
    example = "fd00:77::11" if family == 6 else "10.77.0.11"
    text = _text(value, example)
    try:
        found = ip_address(text)
    except ValueError:
        found = None
    if found is None or "%" in text:
        prefix = (
            "; leave the prefix length out" if "/" in text else f"; write one such as {example}"
        )
        raise ValueError(f"{quoted(text)} is not an IP address{prefix}")
    if family is not None and found.version != family:
        key = "address6" if found.version == 6 else "address"
        raise ValueError(f"{found} is IPv{found.version}; write it as `{key}`")
    _refuse_special(ip_network(found), found)
    return found


def network(value: object, example: str = "10.90.1.0/24") -> Network:
    """Any network in CIDR notation, without host bits."""
    text = _text(value, example)
    host, slash, length = text.partition("/")
    if not slash:
        raise ValueError(f"{quoted(text)} has no prefix length; write one such as {example}")
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        found = None
    if found is None or not length.isdecimal() or "%" in text:
        raise ValueError(f"{quoted(text)} is not a subnet; write one such as {example}")
    if ip_address(host) != found.network_address:
        raise ValueError(f"{text} has host bits set; write {found}")
    return found


def subnet(value: object) -> Network:
    """A subnet on which machines can live."""
    found = network(value)
    smallest, largest = SMALLEST[found.version], LARGEST[found.version]
    if not largest <= found.prefixlen <= smallest:
        raise ValueError(
            f"{found} is /{found.prefixlen}; a subnet of IPv{found.version} is from /{largest} to /{smallest}"
        )
    _refuse_special(found, found)
    return found


def _refuse_special(found: Network, shown: object) -> None:
    private = "10.0.0.0/8" if found.version == 4 else "fd00::/8"
    for special, name in _FORBIDDEN:
        if found.version == special.version and found.overlaps(special):
            raise ValueError(
                f"{shown} is {name} ({special}); use private addresses, such as {private}"
            )


def choose_subnet(value: object, family: int) -> Network | Pick:
    """A subnet of that family, ``auto``, or ``{pool: NAME}``."""
    if value == "auto":
        return Pick()
    if isinstance(value, dict):
        if list(value) != ["pool"]:
            raise ValueError("a mapping stands here; write {pool: NAME}, auto or a subnet")
        return Pick(word(value["pool"]))
    found = subnet(value)
    if found.version != family:
        key = "subnet6" if found.version == 6 else "subnet"
        raise ValueError(f"{found} is IPv{found.version}; write it as `{key}`")
    return found


def source(value: object) -> Network | Lan | InVlan:
    """One source of an ingress list: a network, an address, ``vlan:NAME``, or ``lan``."""
    text = _text(value, "10.0.0.0/24")
    if text == "lan":
        return Lan()
    if text.startswith("vlan:"):
        return InVlan(word(text.removeprefix("vlan:")))
    if "/" in text:
        return network(text, "10.0.0.0/24")
    try:
        return ip_network(address(text))
    except ValueError as error:
        raise ValueError(
            f"{quoted(text)} is no source; write a subnet such as 10.0.0.0/24, an address, vlan:NAME, or lan"
        ) from error


def port(value: object) -> Port:
    text = _text(value, "5432/tcp")
    found = _PORT.fullmatch(text)
    if text == "icmp":
        raise ValueError("icmp has no ports; to allow ping, allow the source without `ports`")
    if not found:
        raise ValueError(f"{quoted(text)} is not a port; write 5432/tcp, 53/udp or 8000-8010/tcp")
    first = int(found["first"])
    last = int(found["last"] or first)
    if not 1 <= first <= last <= 65535:
        raise ValueError(
            f"{quoted(text)} is no range of ports; they go from 1 to 65535, low to high"
        )
    return Port(found["protocol"], first, last)


def connection(value: object) -> Connection:
    """``local``, ``none``, ``netns://NAME`` or ``ssh://[USER@]HOST[:PORT]``."""
    text = _text(value, "local")
    kind, _, target = text.partition("://")
    if text in ("local", "none"):
        return Connection(text)
    if kind == "netns" and _NETNS.fullmatch(target):
        return Connection(kind, target)
    found = _SSH.fullmatch(target) if kind == "ssh" else None
    if found is None or (found["v6"] and not _is_address(found["v6"])):
        raise ValueError(
            f"{quoted(text)} is not a connection; allowed: local, none, netns://NAME, "
            "ssh://[USER@]HOST[:PORT]"
        )
    port_number = number(found["port"], 1, 65535) if found["port"] else None
    return Connection(kind, (found["user"] or "") + (found["v6"] or found["host"]), port_number)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
