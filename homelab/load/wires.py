"""The words of an inventory about links: an address with its prefix length, and one of Ethernet."""

import re
from ipaddress import ip_interface

from homelab.load.problem import quoted
from homelab.load.words import network
from homelab.model.place import Interface

_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")


def interface(value: object) -> Interface:
    """An address with the length of its subnet's prefix."""
    text = value if isinstance(value, str) else ""
    try:
        found = ip_interface(text)
    except ValueError:
        found = None
    if found is None or "/" not in text or "%" in text:
        raise ValueError(
            f"{quoted(str(value))} is no address with a prefix length; write one such as 10.20.0.2/24"
        )
    network(str(found.network))
    return found


def mac(value: object) -> str:
    text = value.casefold() if isinstance(value, str) else ""
    if not _MAC.fullmatch(text) or text == "00:00:00:00:00:00":
        raise ValueError(
            f"{quoted(str(value))} is no address of one Ethernet card; write one such as 02:00:00:00:00:14"
        )
    return text
