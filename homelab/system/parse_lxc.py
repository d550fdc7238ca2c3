"""From the files of plain LXC and of Proxmox to instances, whose NICs are told in LXD's words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface

from homelab.model.lxc import Instance

# lxc.container.conf(5), "Network"; the number may be left out by who writes one NIC only.
_NET = re.compile(r"lxc\.net\.(?P<number>\d{1,4})\.(?P<key>[a-z0-9_.]+)")
# pct.conf(5): netN lines, and sections of snapshots and of what is pending, which begin with a bracket.
_PCT_NET = re.compile(r"net(?P<number>\d{1,2})")
_LINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_VLAN = re.compile(r"[1-9]\d{0,3}")

_KINDS = {"veth": "bridged", "macvlan": "macvlan", "ipvlan": "ipvlan", "phys": "physical"}
_NESTING = ("nesting.conf", "lxc.apparmor.allow_nesting")


@dataclass(frozen=True, slots=True)
class Nic:
    """What a file says of one NIC, key by key in LXD's words; a value that makes no sense is left out."""

    found: dict[str, str] = field(default_factory=dict)

    def take(self, key: str, value: str, form: re.Pattern[str]) -> None:
        if form.fullmatch(value):
            self.found[key] = value

    def take_address(self, key: str, value: str) -> None:
        try:
            self.found[key] = str(ip_interface(value).ip)
        except ValueError:
            return


def parse_plain(name: str, text: str, pid: int) -> Instance:
    """``/var/lib/lxc/NAME/config``."""
    pairs = list(_pairs(text.splitlines(), "="))
    nics: dict[str, Nic] = {}
    for key, value in pairs:
        found = _NET.fullmatch(key)
        if found:
            _plain_nic(nics.setdefault(found["number"], Nic()), found["key"], value)
    nests = any(_NESTING[0] in value or key == _NESTING[1] for key, value in pairs)
    return _instance(name, pid, _by_name(nics), {"security.nesting": "true"} if nests else {})


def _plain_nic(nic: Nic, key: str, value: str) -> None:
    match key:
        case "type" if value in _KINDS:
            nic.found["nictype"] = _KINDS[value]
        case "link":
            nic.take("parent", value, _LINK)
        case "name":
            nic.take("name", value, _LINK)
        case "hwaddr":
            nic.take("hwaddr", value, _MAC)
        case "ipv4.address" | "ipv6.address":
            nic.take_address(key, value.split(maxsplit=1)[0] if value else "")
        case "veth.vlan.id" | "vlan.id":
            nic.take("vlan", value, _VLAN)


def parse_pct(name: str, text: str, pid: int) -> Instance:
    """``/etc/pve/lxc/VMID.conf``; a NIC's own line is kept, as `pct set` wants the whole of it."""
    nics: dict[str, Nic] = {}
    config: dict[str, str] = {}
    for key, value in _pairs(_first_section(text), ":"):
        found = _PCT_NET.fullmatch(key)
        if found:
            nic = nics[found["number"]] = _pct_nic(value)
            config[f"proxmox.{_name(nic, found['number'])}"] = f"{key}={value}"
        elif key == "features" and "nesting=1" in value.split(","):
            config["security.nesting"] = "true"
    return _instance(name, pid, _by_name(nics), config)


def _first_section(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("["):
            return
        yield line


def _pct_nic(line: str) -> Nic:
    nic = Nic({"nictype": "bridged"})
    for key, value in _pairs(line.split(","), "="):
        match key:
            case "bridge":
                nic.take("parent", value, _LINK)
            case "name":
                nic.take("name", value, _LINK)
            case "hwaddr":
                nic.take("hwaddr", value, _MAC)
            case "tag":
                nic.take("vlan", value, _VLAN)
            case "ip" | "ip6":
                nic.take_address("ipv4.address" if key == "ip" else "ipv6.address", value)
    return nic


def _pairs(lines: Iterable[str], sign: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, found, value = line.partition(sign)
        if found and not key.lstrip().startswith("#"):
            yield key.strip(), value.strip()


def _by_name(nics: Mapping[str, Nic]) -> dict[str, Mapping[str, str]]:
    return {
        _name(nic, number): {"type": "nic", **nic.found}
        for number, nic in nics.items()
        if "nictype" in nic.found
    }


def _name(nic: Nic, number: str) -> str:
    """A NIC that is given no name is called ethN, with N its number."""
    return nic.found.get("name", f"eth{int(number)}")


def _instance(
    name: str, pid: int, nics: Mapping[str, Mapping[str, str]], config: Mapping[str, str]
) -> Instance:
    return Instance(
        name,
        "Running" if pid else "Stopped",
        pid,
        config=config,
        devices=nics,
        expanded_config=config,
        expanded_devices=nics,
    )
