"""What stands for IP addresses and hardware addresses in a snapshot that is shown to others."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)

from homelab.model.place import Address, Interface, Network

EMPTY_MACS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
SOLICITED = "33:33:ff"
"""Multicast of IPv6 neighbour discovery (RFC 2464, 7): its rest is that of an address."""

EUI = 0xFFFE
"""In the middle of an interface identifier that was made of a hardware address (RFC 4291, appendix A)."""

_OCTET = re.compile("[0-9a-f]{2}")
_WHOLE = {4: 32, 6: 128}
_KEPT_FIRST = {0: 32, 100: 10, 127: 32, 169: 32, 172: 12, 192: 16, 198: 16}
_MULTICAST = 224


class Macs:
    """Numbers hardware addresses in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {each: each for each in EMPTY_MACS}

    def hide(self, mac: str) -> str:
        """One for a group stays, since what it means is public."""
        low = mac.lower()
        first = _OCTET.match(low)
        group = int(first[0], 16) & 1 if first else 0
        if group and not low.startswith(SOLICITED):
            return low
        digits = f"{len(self._known):0{6 if group else 10}x}"
        octets = (digits[at : at + 2] for at in range(0, len(digits), 2))
        return self._known.setdefault(low, ":".join((SOLICITED if group else "02", *octets)))


class Addresses:
    """Other addresses in the same relations: two share as many leading bits as those they stand for.

    What is of one kind (private, loopback …) stays so. Within the ``blocks``, the subnets of links, the last bits
    stay, so that .1, the broadcast address and ranges keep their sense.
    """

    def __init__(self, key: bytes, blocks: Iterable[Network], macs: Macs) -> None:
        self._key = key
        self._macs = macs
        self._blocks = {each for each in blocks if 0 < each.prefixlen < each.max_prefixlen}
        self._lengths = sorted({(each.version, each.prefixlen) for each in self._blocks})
        self._flips: dict[tuple[int, int, int], int] = {}
        self._known: dict[Address, Address] = {}

    def hide(self, address: Address) -> Address:
        if address not in self._known:
            self._known[address] = self._hidden(address)
        return self._known[address]

    def hide_network(self, network: Network) -> Network:
        address = self.hide(network.network_address)
        return ip_network((address, network.prefixlen), strict=False)

    def hide_interface(self, interface: Interface) -> Interface:
        return ip_interface((self.hide(interface.ip), interface.network.prefixlen))

    def hide_any(self, value: object) -> object:
        """An address, network or interface of either family; anything else as it is."""
        # An interface is an address too.
        if isinstance(value, IPv4Interface | IPv6Interface):
            return self.hide_interface(value)
        if isinstance(value, IPv4Network | IPv6Network):
            return self.hide_network(value)
        return self.hide(value) if isinstance(value, IPv4Address | IPv6Address) else value

    def _hidden(self, address: Address) -> Address:
        number, bits = int(address), address.max_prefixlen
        for at in range(_kept(address), self._fixed(address)):
            number ^= self._flip(address.version, at, int(address) >> (bits - at)) << (
                bits - at - 1
            )
        if isinstance(address, IPv6Address) and number >> 24 & 0xFFFF == EUI:
            number = number >> 64 << 64 | self._identifier(number & (1 << 64) - 1)
        return type(address)(number)

    def _flip(self, version: int, at: int, prefix: int) -> int:
        key = version, at, prefix
        if key not in self._flips:
            text = f"{version}/{at}/{prefix}".encode()
            self._flips[key] = blake2b(text, key=self._key, digest_size=1).digest()[0] & 1
        return self._flips[key]

    def _fixed(self, address: Address) -> int:
        """From which bit on the address stays: the length of the widest block around it."""
        for version, length in self._lengths:
            if version == address.version:
                around = ip_network(
                    (int(address), length) if version == 4 else (address, length), strict=False
                )
                if around in self._blocks:
                    return length
        return address.max_prefixlen

    def _identifier(self, number: int) -> int:
        """The identifier that the hidden hardware address makes."""
        mac = (number >> 40 << 24 | number & 0xFFFFFF) ^ 0x02 << 40
        octets = mac.to_bytes(6, "big").hex(":")
        hidden = int(self._macs.hide(octets).replace(":", ""), 16) ^ 0x02 << 40
        return hidden >> 24 << 40 | EUI << 24 | hidden & 0xFFFFFF


def _kept(address: Address) -> int:
    """How many leading bits stay: those that make the address private, local, multicast …"""
    if isinstance(address, IPv4Address):
        first = int(address) >> 24
        return 32 if first >= _MULTICAST else _KEPT_FIRST.get(first, 8)
    if address.is_link_local:
        return 64
    if address in _UNIQUE_LOCAL:
        return 8
    return 16 if address in _GLOBAL else 128


_UNIQUE_LOCAL = IPv6Network("fc00::/7")
_GLOBAL = IPv6Network("2000::/3")
