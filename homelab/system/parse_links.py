"""From the JSON of ``ip -d addr`` and bridge(8) to links, addresses, VLANs and forwarding entries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_interface

from homelab.model.kernel import (
    BridgePort,
    BridgeVlan,
    FdbEntry,
    Link,
    LinkAddress,
    VirtualFunction,
)
from homelab.model.place import Interface
from homelab.system.rows import (
    Row,
    UnparsableError,
    count,
    flag,
    inner,
    items,
    number,
    rows,
    text,
    words,
)

Links = tuple[Link, ...]
_FAMILIES = {"inet": 32, "inet6": 128}
_VLAN_KEYS = {"id": "vlan_id", "protocol": "vlan_protocol"}
_UNNAMED = re.compile(r"if(\d+)")


def parse_links(printed: str) -> tuple[Links, tuple[LinkAddress, ...]]:
    """Links and their addresses from ``ip -d -j addr``."""
    found = rows(printed)
    index = {text(row, "ifname"): count(row, "ifindex") for row in found}
    links = tuple(_link(row, index) for row in found)
    return links, tuple(_addresses(found))


def _link(row: Row, index: Mapping[str, int]) -> Link:
    flags = words(row, "flags")
    info = inner(row, "linkinfo")
    ethernet = text(row, "link_type") == "ether"
    return Link(
        index=count(row, "ifindex"),
        name=text(row, "ifname"),
        kind=text(info, "info_kind"),
        mac=text(row, "address").lower() or None if ethernet else None,
        mtu=count(row, "mtu", 1500),
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        operstate=text(row, "operstate", "UNKNOWN"),
        master=_index_of(text(row, "master"), index),
        peer=number(row, "link_index") or _index_of(text(row, "link"), index),
        peer_netns=number(row, "link_netnsid"),
        alias=text(row, "ifalias") or None,
        loopback="LOOPBACK" in flags,
        pointopoint="POINTOPOINT" in flags,
        noarp="NOARP" in flags,
        altnames=words(row, "altnames"),
        options=_options(row, info),
        port=_port(info),
        vfs=tuple(_virtual_function(each) for each in items(row, "vfinfo_list")),
    )


def _virtual_function(row: Row) -> VirtualFunction:
    tags = items(row, "vlan_list")
    return VirtualFunction(
        index=count(row, "vf"),
        mac=(text(row, "address") or text(row, "mac")).lower() or None,
        vlan=count(tags[0], "vlan") if tags else count(row, "vlan"),
        spoof_check=row.get("spoofchk") is True,
    )


def _index_of(name: str, index: Mapping[str, int]) -> int | None:
    if not name:
        return None
    # ip(8) prints an index that it has no name for as ifN (ll_index_to_name).
    unnamed = _UNNAMED.fullmatch(name)
    return index.get(name, int(unnamed[1]) if unnamed else None)


def _options(row: Row, info: Row) -> dict[str, str]:
    """IFLA_INFO_DATA as text, without the timers, which differ from one look to the next."""
    rename = _VLAN_KEYS if text(info, "info_kind") == "vlan" else {}
    options = {
        rename.get(key, key): str(int(value) if isinstance(value, bool) else value)
        for key, value in inner(info, "info_data").items()
        if isinstance(value, str | int)
    }
    if text(info, "info_slave_kind"):
        options["slave_kind"] = text(info, "info_slave_kind")
    if "xdp" in row:
        options["xdp"] = "attached"
    return options


def _port(info: Row) -> BridgePort | None:
    if text(info, "info_slave_kind") != "bridge":
        return None
    row = inner(info, "info_slave_data")
    return BridgePort(
        state=text(row, "state", "forwarding"),
        hairpin=flag(row, "hairpin"),
        isolated=flag(row, "isolated"),
        learning=row.get("learning") is not False,
        flood=row.get("flood") is not False,
        bcast_flood=row.get("bcast_flood") is not False,
        mcast_flood=row.get("mcast_flood") is not False,
        neigh_suppress=flag(row, "neigh_suppress"),
        locked=flag(row, "locked"),
    )


def _addresses(found: Iterable[Row]) -> Iterable[LinkAddress]:
    for row in found:
        for each in items(row, "addr_info"):
            if text(each, "family") in _FAMILIES:
                yield _address(text(row, "ifname"), each)


def _address(link: str, row: Row) -> LinkAddress:
    peer = text(row, "address")
    whole = _FAMILIES[text(row, "family")]
    length = count(row, "prefixlen", whole)
    return LinkAddress(
        link=link,
        # The prefix of a point-to-point address is that of its peer (IFA_ADDRESS, not IFA_LOCAL).
        interface=_interface(text(row, "local"), whole if peer else length),
        scope=text(row, "scope", "global"),
        peer=_interface(peer, length) if peer else None,
        tentative=flag(row, "tentative") or flag(row, "dadfailed"),
        deprecated=flag(row, "deprecated"),
        secondary=flag(row, "secondary"),
    )


def _interface(address: str, length: int) -> Interface:
    try:
        return ip_interface(f"{address}/{length}")
    except ValueError as error:
        raise UnparsableError(str(error)) from error


def parse_vlans(printed: str) -> dict[str, tuple[BridgeVlan, ...]]:
    """Rows of ``bridge -j vlan`` by the name of their link."""
    return {
        text(row, "ifname"): tuple(_vlan(each) for each in items(row, "vlans"))
        for row in rows(printed)
    }


def _vlan(row: Row) -> BridgeVlan:
    first = count(row, "vlan")
    flags = words(row, "flags")
    return BridgeVlan(
        first=first,
        last=count(row, "vlanEnd", first),
        pvid="PVID" in flags,
        untagged="Egress Untagged" in flags,
    )


def with_vlans(links: Links, vlans: Mapping[str, tuple[BridgeVlan, ...]]) -> Links:
    return tuple(replace(each, vlans=vlans.get(each.name, ())) for each in links)


def parse_fdb(printed: str) -> tuple[FdbEntry, ...]:
    """Rows of ``bridge -j fdb``."""
    return tuple(
        FdbEntry(
            link=text(row, "ifname"),
            mac=text(row, "mac").lower(),
            vlan=number(row, "vlan"),
            permanent=text(row, "state") == "permanent",
            static=text(row, "state") == "static",
            sticky="sticky" in words(row, "flags"),
            master=text(row, "master") or None,
        )
        for row in rows(printed)
    )
