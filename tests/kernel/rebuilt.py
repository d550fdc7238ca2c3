"""A captured guest, built again of real namespaces: its bridges, its containers, its sysctls and its rules.

Nothing is told to homelab but what it reads there: no daemon, no inventory, no LXD.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from homelab.model.kernel import Link, Namespace
from homelab.model.place import HOST, Place, guest
from tests.captured import GUEST, sections, snapshot

PREFIX = f"c{os.getpid() % 10000}"
LOADERS = {
    "iptables-nft": "iptables-nft-restore",
    "ip6tables-nft": "ip6tables-nft-restore",
    "iptables-legacy": "iptables-legacy-restore",
    "ip6tables-legacy": "ip6tables-legacy-restore",
}
_OF_IPTABLES = re.compile(r"table ip6? (?:filter|nat|raw|mangle|security) ")
SERVERS = """
import socket, sys, time
held = []
for each in sys.argv[1:]:
    host, _, port = each.rpartition("-")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind((host, int(port)))
    one.listen()
    held.append(one)
print("ready", flush=True)
time.sleep(600)
"""


@dataclass
class Rebuilt:
    """The namespaces of one capture, by the place that each stands for."""

    folder: Path
    names: dict[Place, str]
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def place(self, place: Place) -> str:
        """How the place is called in the lab that was built: the host is whence homelab looks."""
        return place if place == HOST else f"netns:{self.names[place]}"

    def homelab(
        self, folder: Path, *words: str, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "homelab", *words]
        return subprocess.run(
            ["ip", "netns", "exec", self.names[HOST], *command],
            capture_output=True,
            check=False,
            cwd=folder,
            input=typed,
            text=True,
            timeout=120,
        )


@contextmanager
def rebuilt(folder: Path) -> Iterator[Rebuilt]:
    taken = snapshot(folder)
    names = {place: f"{PREFIX}n{at}" for at, place in enumerate(taken.namespaces)}
    built = Rebuilt(folder, names)
    try:
        _sh("\n".join(_lines(names, taken.namespaces)))
        for place, here in taken.namespaces.items():
            _set(names[place], here.sysctls)
            _serve(built, place, here)
        _load(folder, names[guest(GUEST)])
        yield built
    finally:
        for each in built.servers:
            each.kill()
            each.communicate()
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _lines(names: Mapping[Place, str], places: Mapping[Place, Namespace]) -> Iterator[str]:
    """The script that builds them: links first, then addresses, then routes."""
    quiet = "net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.router_solicitations=0"
    for name in names.values():
        yield f"ip netns add {name}; ip -n {name} link set lo up; ip netns exec {name} sysctl -qw {quiet}"
    for place, here in places.items():
        for link in here.links:
            if link.kind == "bridge":
                yield f"ip -n {names[place]} link add {link.name} type bridge"
    for place, here in places.items():
        if place != guest(GUEST):
            yield from _wire(names[place], here, names[guest(GUEST)], places[guest(GUEST)])
    for place, here in places.items():
        yield from _addressed(names[place], here)
    for place, here in places.items():
        yield from _routed(names[place], here)


def _wire(name: str, here: Namespace, middle: str, guest_here: Namespace) -> Iterator[str]:
    """The one veth that the host and each container have into the guest."""
    link = next(each for each in here.links if each.kind == "veth")
    far = next(each for each in guest_here.links if each.index == link.peer)
    yield f"ip link add {link.name} netns {name} type veth peer name {far.name} netns {middle}"
    yield from _mastered(name, here, link)
    yield from _mastered(middle, guest_here, far)


def _mastered(name: str, here: Namespace, link: Link) -> Iterator[str]:
    master = next((each.name for each in here.links if each.index == link.master), None)
    if master:
        yield f"ip -n {name} link set {link.name} master {master}"
    yield f"ip -n {name} link set {link.name} up"


def _addressed(name: str, here: Namespace) -> Iterator[str]:
    there = {each.name for each in here.links if each.kind in ("bridge", "veth")}
    for each in here.links:
        if each.kind == "bridge":
            yield f"ip -n {name} link set {each.name} up"
    for one in here.addresses:
        if one.link in there and not one.interface.is_link_local:
            nodad = " nodad" if one.interface.version == 6 else ""
            yield f"ip -n {name} addr add {one.interface} dev {one.link}{nodad}"


def _routed(name: str, here: Namespace) -> Iterator[str]:
    for each in here.routes:
        if each.protocol != "kernel" and each.via is not None:
            yield f"ip -n {name} route replace {each.destination} via {each.via} dev {each.link}"


def _sh(script: str) -> None:
    done = subprocess.run(
        ["sh", "-eu"], input=script, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def _set(name: str, sysctls: Mapping[str, str]) -> None:
    """Forwarding and the filters of the way; first what is for all links, then what each has for itself."""
    wanted = ("forwarding", "ip_forward", "rp_filter", "route_localnet", "proxy_arp")
    keys = [key for key in sysctls if key.rpartition(".")[2] in wanted]
    keys += [key for key in sysctls if key.startswith("net.bridge.bridge-nf-call")]
    keys.sort(key=lambda each: (".all." not in each and each != "net.ipv4.ip_forward", each))
    script = "\n".join(f"{key} = {sysctls[key]}" for key in keys)
    subprocess.run(
        ["ip", "netns", "exec", name, "sysctl", "-q", "-e", "-p", "-"],
        input=script,
        capture_output=True,
        check=False,
        text=True,
    )


def _serve(built: Rebuilt, place: Place, here: Namespace) -> None:
    everywhere = {4: "0.0.0.0", 6: "::"}
    wanted = [
        f"{each.address or everywhere[each.family]}-{each.port}"
        for each in here.listeners
        if each.protocol == "tcp"
    ]
    if not wanted:
        return
    command = ["ip", "netns", "exec", built.names[place], sys.executable, "-c", SERVERS, *wanted]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    built.servers.append(server)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"


def _load(folder: Path, name: str) -> None:
    """The guest's rules, each by the program that printed them."""
    texts = {each: section.text for each, section in sections(folder).items()}
    for tool, loader in LOADERS.items():
        if texts.get(tool):
            _feed(name, [loader], texts[tool])
    own = "\n".join(_own_tables(texts.get("nft", "")))
    if own:
        _feed(name, ["nft", "-f", "-"], own)


def _own_tables(listing: str) -> Iterator[str]:
    """The tables of a listing that iptables did not write; nft before 1.1 does not say which those are."""
    foreign = False
    for line in listing.splitlines():
        if _OF_IPTABLES.match(line):
            foreign = True
        elif line == "}" and foreign:
            foreign = False
        elif not foreign:
            # nft 1.1 prints the name that nft 1.0 takes for other hooks only.
            yield line.replace("hook output priority dstnat", "hook output priority -100")


def _feed(name: str, argv: list[str], text: str) -> None:
    done = subprocess.run(
        ["ip", "netns", "exec", name, *argv],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
