"""Two worlds that keep one contract: a namespace of the kernel, and the same in memory.

The kernel's world checks at each step that the simulation foresaw what the kernel did, and what it
refused.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any, Protocol

import pytest

from homelab.errors import OperationError
from homelab.model.kernel import Link, LinkAddress, Namespace, Route
from homelab.model.operation import Operation
from homelab.model.place import Place, netns
from homelab.model.snapshot import Snapshot
from homelab.system.carry_out import carry_out
from homelab.system.doors import Door
from homelab.system.namespaces import read_namespace
from homelab.system.saved_rules import SavedTable, tables
from homelab.system.simulate_places import ruleset, with_address
from homelab.system.simulated import simulate

NAME = f"carry-{os.getpid()}"
PLACE = netns(NAME)
FIREWALL = ("iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy")


class World(Protocol):
    def run(self, operation: Operation) -> None: ...

    def read(self) -> Namespace: ...


class Simulated:
    """A namespace in memory: lo, and a veth v0 with 10.77.0.1/24 and fd77::1/64."""

    def __init__(self) -> None:
        lo = Link(1, "lo", loopback=True)
        bare = Namespace(
            links=(lo, Link(3, "v0", "veth"), Link(4, "down0", "veth", up=False, carrier=False)),
            addresses=(LinkAddress("lo", ip_interface("127.0.0.1/8"), "host"),),
            sysctls=_sysctls(),
        )
        for address in ("10.77.0.1/24", "fd77::1/64"):
            bare = with_address(bare, "v0", ip_interface(address), down=False)
        self.snapshot = Snapshot(namespaces={PLACE: bare})

    def run(self, operation: Operation) -> None:
        self.snapshot = simulate(self.snapshot, operation)

    def read(self) -> Namespace:
        return self.snapshot.namespaces[PLACE]


def _sysctls() -> dict[str, str]:
    links = ("all", "default", "lo", "v0", "down0")
    return {
        "net.ipv4.ip_forward": "0",
        **{f"net.ipv4.conf.{each}.forwarding": "0" for each in links},
        **{f"net.ipv4.conf.{each}.rp_filter": "0" for each in links},
        **{f"net.ipv6.conf.{each}.forwarding": "0" for each in links},
    }


class Kernel:
    """A network namespace of this machine, which is also the machine that operations run on."""

    def door(self, place: Place) -> Door:
        assert place == PLACE
        return Door(place, f"/run/netns/{NAME}")

    def docker(self, place: Place) -> Any:
        raise NotImplementedError

    def lxd(self) -> Any:
        raise NotImplementedError

    def read(self) -> Namespace:
        return read_namespace(self.door(PLACE))

    def run(self, operation: Operation) -> None:
        before = self.read()
        try:
            foreseen = simulate(Snapshot(namespaces={PLACE: before}), operation)
        except OperationError as refused:
            with pytest.raises(OperationError):
                carry_out(operation, self)
            assert aspects(self.read()) == aspects(before)
            raise refused from None
        carry_out(operation, self)
        assert aspects(self.read()) == aspects(foreseen.namespaces[PLACE])


def kernel_world() -> Iterator[Kernel]:
    ip("netns", "add", NAME)
    try:
        within("link", "set", "lo", "up")
        within("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        within("link", "add", "down0", "type", "veth", "peer", "name", "down1")
        within("addr", "add", "10.77.0.1/24", "dev", "v0")
        within("addr", "add", "fd77::1/64", "dev", "v0", "nodad")
        for each in ("v0", "v1"):
            within("link", "set", each, "addrgenmode", "none")
            within("link", "set", each, "up")
        world = Kernel()
        settle(world)
        yield world
    finally:
        ip("netns", "del", NAME)


def settle(world: Kernel) -> None:
    """Carriers are told up to a second later (net/core/link_watch.c), and IPv6 begins after that."""
    before: object = None
    for _ in range(50):
        namespace = world.read()
        now = {_plain(each) for each in namespace.routes}
        down = any(hop.linkdown for each in now for hop in each.hops)
        if now == before and not down and any(str(each.destination) == "fd77::/64" for each in now):
            return
        before = now
        time.sleep(0.1)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def within(*words: str) -> None:
    ip("-n", NAME, *words)


def inside(*words: str) -> None:
    subprocess.run(["ip", "netns", "exec", NAME, *words], check=True, capture_output=True)


def aspects(namespace: Namespace) -> Mapping[str, object]:
    """What operations touch, without handles and counters.

    A router answers at the anycast address of its subnets too (RFC 4291, 2.6.1): those routes come
    and go with forwarding, and are not simulated.
    """
    return {
        "routes": {_plain(each) for each in namespace.routes if each.kind != "anycast"},
        "sysctls": dict(namespace.sysctls),
        "rules": rules_of(namespace),
        "chains": ours_in_json(namespace),
        "text": ours_in_text(namespace),
    }


def _plain(route: Route) -> Route:
    return replace(route, hops=tuple(replace(hop, weight=1) for hop in route.hops))


def rules_of(namespace: Namespace) -> dict[tuple[str, str], list[str]]:
    """The lines of each table that is not as the kernel makes it."""
    found = {
        (tool, name): list(_uncounted(table).lines())
        for tool in FIREWALL
        for name, table in tables(ruleset(namespace, tool)).items()
    }
    return {key: lines for key, lines in found.items() if any("-A" in each for each in lines)}


def _uncounted(table: SavedTable) -> SavedTable:
    return replace(table, rules=tuple(replace(each, counters="") for each in table.rules))


def ours_in_json(namespace: Namespace) -> list[Any]:
    items = json.loads(ruleset(namespace, "nft-json") or '{"nftables": []}')["nftables"]
    ours = [
        {kind: {key: each[key] for key in each if key != "handle"}}
        for item in items
        for kind, each in item.items()
        if each.get("table", each.get("name")) == "homelab" and each.get("family") == "inet"
    ]
    # nft prints all chains before all rules; the order of objects of one kind is what counts.
    return sorted(ours, key=lambda item: ["table", "chain", "rule"].index(next(iter(item))))


def ours_in_text(namespace: Namespace) -> str:
    text = re.sub(r" # handle \d+", "", ruleset(namespace, "nft"))
    found = re.search(r"^table inet homelab \{\n.*?^\}$", text, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""
