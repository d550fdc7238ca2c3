"""Which network service a machine really uses, read from its running units and the files they leave."""

import re
import secrets
from collections.abc import Iterator, Mapping

from homelab.errors import OperationError, UnreadableError
from homelab.model.persistence import Persistence
from homelab.system.doors import Door
from homelab.system.kept_text import is_link, is_ours, parse_routes

# systemd keeps invocation:UNIT while a unit is active (unit_export_invocation_id in its source), and
# systemd-networkd the .network file of each link that it sets up (/run/systemd/netif/links/INDEX). What netplan
# generated bears its name. A symbolic link in the place of a file of ours is somebody else's.
SCRIPT = r"""
token=$1
for unit in systemd-networkd NetworkManager networking lxd snap.lxd.daemon incus; do
  file=/run/systemd/units/invocation:$unit.service
  [ ! -h "$file" ] || echo "unit $unit.service $file"
done
[ ! -e /usr/share/ifupdown2 ] || echo "unit ifupdown2 /usr/share/ifupdown2"
for file in /run/systemd/network/*-netplan-*.network /run/NetworkManager/system-connections/netplan-*; do
  [ ! -e "$file" ] || { echo "unit netplan $file"; break; }
done
grep -sH '^NETWORK_FILE=' /run/systemd/netif/links/* && grep -sH . /sys/class/net/*/ifindex
for file in /etc/systemd/network/*.network.d/50-homelab.conf /etc/NetworkManager/dispatcher.d/50-homelab \
  /etc/network/if-up.d/homelab /etc/systemd/system/*.service.d/50-homelab.conf; do
  if [ -h "$file" ]; then printf '%s%s\n' "$token" "$file"
  elif [ -e "$file" ]; then printf '%s%s\n' "$token" "$file"; head -c 1000000 "$file"; fi
done
exit 0
"""
NAMES = {
    "systemd-networkd.service": "networkd",
    "netplan": "netplan",
    "NetworkManager.service": "networkmanager",
    "ifupdown2": "ifupdown2",
    "networking.service": "ifupdown",
}
RUNTIMES = ("lxd.service", "snap.lxd.daemon.service", "incus.service")

_UNIT = re.compile(r"unit (\S+) (/\S+)")
_FILE = re.compile(r"/run/systemd/netif/links/(\d+):NETWORK_FILE=(/\S+\.network)")
_INDEX = re.compile(r"/sys/class/net/([^/]+)/ifindex:(\d+)")


def read_persistence(door: Door) -> Persistence:
    """``UnreadableError`` when the machine does not answer."""
    token = secrets.token_hex(16)
    try:
        printed = door.run(["sh", "-c", SCRIPT, "homelab", token])
    except OperationError as error:
        raise UnreadableError(str(error)) from error
    return parse_persistence(printed, token)


def parse_persistence(printed: str, token: str) -> Persistence:
    """Pure; from what the script printed."""
    facts, *files = printed.split(token)
    seen = {each[1]: each[2] for each in _UNIT.finditer(facts)}
    texts = dict(_file(each) for each in files)
    routes = (each for file, text in texts.items() for each in parse_routes(file, text))
    return Persistence(
        dict(_services(seen)),
        tuple(each for each in RUNTIMES if each in seen),
        dict(_links(facts)),
        tuple(routes),
        tuple(file for file, text in texts.items() if not is_ours(text)),
    )


def _services(seen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """ifupdown2 is a package of files; it is at work where networking.service is, instead of ifupdown."""
    works = "networking.service" in seen
    for name, service in NAMES.items():
        replaced = service == "ifupdown" and "ifupdown2" in seen
        if name in seen and not replaced and (works or service != "ifupdown2"):
            yield service, seen[name]


def _links(facts: str) -> Iterator[tuple[str, str]]:
    names = {index: name for name, index in (each.groups() for each in _INDEX.finditer(facts))}
    for found in _FILE.finditer(facts):
        name = names.get(found[1], "")
        if is_link(name):
            yield name, found[2]


def _file(section: str) -> tuple[str, str]:
    path, _, text = section.partition("\n")
    return path, text
