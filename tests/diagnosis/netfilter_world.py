"""A router of real namespaces between a client and a server, and packets whose fate is awaited."""

import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from homelab.diagnosis.packet import Packet
from tests.diagnosis.netfilter_lab import SERVED, SERVED_UDP

T = TypeVar("T")
PREFIX = f"nf{os.getpid() % 100000}"
CLIENT_NS, ROUTER_NS, SERVER_NS = (f"{PREFIX}{each}" for each in "crs")
PATIENCE = 0.2
CLONE_NEWNET = 0x40000000
IP_RECVERR, IPV6_RECVERR = 11, 25


def run(*command: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=20
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}\n{stdin}")
    return done.stdout


def inside(name: str, *command: str, stdin: str = "", check: bool = True) -> str:
    return run("nsenter", f"--net=/run/netns/{name}", "--", *command, stdin=stdin, check=check)


def saved(tool: str) -> str:
    """What the tool prints; nothing where it gives up at a rule that it does not know."""
    try:
        return inside(ROUTER_NS, tool, "-c")
    except AssertionError:
        return ""


def entered(name: str, function: Callable[[], T]) -> T:
    """Call it in a thread that lives in that network namespace: its sockets stay there."""
    results: list[T] = []

    def work() -> None:
        descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)
        results.append(function())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return results[0]


def links() -> None:
    for name in (CLIENT_NS, ROUTER_NS, SERVER_NS):
        run("ip", "netns", "add", name)
        inside(
            name,
            "sysctl",
            "-qw",
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
        )
        inside(name, "ip", "link", "set", "lo", "up")
    for name, link in ((CLIENT_NS, "in0"), (SERVER_NS, "out0")):
        run(
            "ip",
            "link",
            "add",
            "eth0",
            "netns",
            name,
            "type",
            "veth",
            "peer",
            "name",
            link,
            "netns",
            ROUTER_NS,
        )
    for name, link, number, host in (
        (CLIENT_NS, "eth0", 1, 2), (ROUTER_NS, "in0", 1, 1), (ROUTER_NS, "out0", 2, 1), (SERVER_NS, "eth0", 2, 2),
    ):  # fmt: skip
        inside(name, "ip", "addr", "add", f"10.99.{number}.{host}/24", "dev", link)
        inside(name, "ip", "addr", "add", f"fd99:{number}::{host}/64", "dev", link, "nodad")
        inside(name, "ip", "link", "set", link, "up")
    for name, number in ((CLIENT_NS, 1), (SERVER_NS, 2)):
        inside(name, "ip", "route", "add", "default", "via", f"10.99.{number}.1")
        inside(name, "ip", "-6", "route", "add", "default", "via", f"fd99:{number}::1")
    neighbours()
    inside(
        ROUTER_NS, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
        "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.in0.rp_filter=0",
        "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
    )  # fmt: skip
    for name in (SERVER_NS, ROUTER_NS):
        inside(name, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")


def neighbours() -> None:
    """Fixed, so that rules which drop neighbour discovery change nothing."""
    macs = {
        (name, link): json.loads(inside(name, "ip", "-j", "link", "show", link))[0]["address"]
        for name, link in (
            (CLIENT_NS, "eth0"),
            (ROUTER_NS, "in0"),
            (ROUTER_NS, "out0"),
            (SERVER_NS, "eth0"),
        )
    }
    for name, near, link, number in ((CLIENT_NS, "eth0", "in0", 1), (SERVER_NS, "eth0", "out0", 2)):
        for here, device, host, mac in (
            (name, near, 1, macs[ROUTER_NS, link]), (ROUTER_NS, link, 2, macs[name, near]),
        ):  # fmt: skip
            for address in (f"10.99.{number}.{host}", f"fd99:{number}::{host}"):
                inside(
                    here,
                    "ip",
                    "neigh",
                    "replace",
                    address,
                    "lladdr",
                    mac,
                    "nud",
                    "permanent",
                    "dev",
                    device,
                )


def servers() -> list[socket.socket]:
    """Listeners for both families: the kernel answers SYNs by itself; UDP is echoed by a thread."""
    made = []
    for port in SERVED:
        one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        one.bind(("::", port))
        one.listen(1000)
        made.append(one)
    return made


def udp_servers() -> list[socket.socket]:
    made = []
    for port in SERVED_UDP:
        one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        one.bind(("::", port))
        made.append(one)
    return made


def echo(sockets: list[socket.socket], stop: threading.Event) -> None:
    while not stop.is_set():
        for each in select.select(sockets, [], [], 0.05)[0]:
            with suppress(OSError):
                _answer(each)


def _answer(one: socket.socket) -> None:
    """Take a connection, or the queue of those that wait fills up; tell a datagram where it came from."""
    if one.type == socket.SOCK_STREAM:
        one.accept()[0].close()
        return
    _, told, _, peer = one.recvmsg(100, 100)
    # From the address that was asked, whichever the route back would choose (ipv6(7), IPV6_PKTINFO).
    asked = next(data for _, kind, data in told if kind == socket.IPV6_PKTINFO)
    here = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, asked[:16] + bytes(4))]
    one.sendmsg([peer[0].removeprefix("::ffff:").encode()], here, 0, peer)


def load_nft(text: str) -> None:
    """A scrambled rule may contradict itself: what nft names as such is left out."""
    lines = text.split("\n")
    for _ in range(30):
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{ROUTER_NS}", "--", "nft", "-f", "-"],
            input="\n".join(lines), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return
        for number in {int(each) for each in re.findall(r"/dev/stdin:(\d+):", done.stderr)}:
            assert "scrambled" in text, done.stderr
            lines[number - 1] = ""
    raise AssertionError(done.stderr + "\n".join(lines))


@dataclass
class World:
    def load(self, tool: str, text: str) -> None:
        if tool == "nft":
            load_nft(text)
        else:
            inside(ROUTER_NS, f"{tool}-restore", stdin=text)

    def clear(self) -> None:
        inside(ROUTER_NS, "nft", "flush", "ruleset")
        for tool in ("iptables-legacy", "ip6tables-legacy"):
            if inside(ROUTER_NS, f"{tool}-save"):
                empty = "".join(f"*{each}\nCOMMIT\n" for each in ("raw", "mangle", "nat", "filter"))
                policies = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"
                inside(ROUTER_NS, f"{tool}-restore", stdin=empty + policies)

    def texts(self, legacy: bool) -> dict[str, str]:
        texts = {
            "iptables-nft": saved("iptables-nft-save"),
            "ip6tables-nft": saved("ip6tables-nft-save"),
            "nft": inside(ROUTER_NS, "nft", "-a", "list", "ruleset"),
            "nft-json": inside(ROUTER_NS, "nft", "-j", "list", "ruleset"),
        }
        if legacy:
            texts["iptables-legacy"] = inside(ROUTER_NS, "iptables-legacy-save", "-c")
            texts["ip6tables-legacy"] = inside(ROUTER_NS, "ip6tables-legacy-save", "-c")
        return {tool: text for tool, text in texts.items() if text.strip()}


@contextmanager
def router() -> Iterator[World]:
    """The three namespaces, with servers in each of them."""
    stop = threading.Event()
    sockets: list[socket.socket] = []
    threads = []
    try:
        links()
        for name in (SERVER_NS, ROUTER_NS, CLIENT_NS):
            listening = [*entered(name, servers), *entered(name, udp_servers)]
            sockets += listening
            threads.append(threading.Thread(target=echo, args=(listening, stop)))
        for each in threads:
            each.start()
        yield World()
    finally:
        stop.set()
        for each in threads:
            each.join()
        for one in sockets:
            one.close()
        for name in (CLIENT_NS, ROUTER_NS, SERVER_NS):
            run("ip", "netns", "del", name, check=False)


@dataclass
class Flight:
    """A packet sent for real, whose fate is awaited."""

    packet: Packet
    socket: socket.socket
    fate: str = "dropped"
    seen: str = ""

    def settle(self) -> None:
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.fate = "rejected"
            return
        if self.packet.protocol == "tcp":
            self.fate = "delivered"
            return
        try:
            heard = self.socket.recv(2000)
        except BlockingIOError:
            return
        except OSError:
            self.fate = "rejected"
            return
        if self.packet.protocol == "udp":
            self.fate, self.seen = "delivered", heard.decode()
        elif self._is_my_echo(heard):
            self.fate = "delivered"

    def _is_my_echo(self, heard: bytes) -> bool:
        start = 20 if self.packet.family == 4 else 0
        kind = {4: 0, 6: 129}[self.packet.family]
        return heard[start] == kind and heard[start + 4 : start + 6] == struct.pack(
            "!H", self.packet.sport
        )


def launch(packet: Packet) -> Flight:
    family = socket.AF_INET if packet.family == 4 else socket.AF_INET6
    level, option = (0, IP_RECVERR) if packet.family == 4 else (41, IPV6_RECVERR)
    if packet.protocol == "tcp":
        one = socket.socket(family, socket.SOCK_STREAM)
    elif packet.protocol == "udp":
        one = socket.socket(family, socket.SOCK_DGRAM)
    else:
        one = socket.socket(family, socket.SOCK_RAW, 1 if packet.family == 4 else 58)
    one.setblocking(False)  # noqa: FBT003 - the library's own signature
    one.setsockopt(level, option, 1)
    flight = Flight(packet, one)
    try:
        if packet.protocol in {"tcp", "udp"}:
            one.bind(("", packet.sport))
        one.connect((str(packet.destination), packet.dport))
        if packet.protocol == "udp":
            one.send(b"x")
        elif packet.protocol != "tcp":
            one.send(_echo_request(packet))
    except BlockingIOError:
        pass
    except OSError:
        flight.fate = "rejected"
    return flight


def _echo_request(packet: Packet) -> bytes:
    head = struct.pack("!BBHHH", packet.icmp_type or 0, 0, 0, packet.sport, 1)
    total = sum(struct.unpack("!4H", head))
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return struct.pack("!BBHHH", packet.icmp_type or 0, 0, checksum, packet.sport, 1)


def fates(packets: dict[str, Packet]) -> dict[str, Flight]:
    flights = {name: launch(packet) for name, packet in packets.items()}
    pending = {each.socket: each for each in flights.values() if each.fate == "dropped"}
    until = time.monotonic() + PATIENCE
    while pending and (left := until - time.monotonic()) > 0:
        tcp_only = [one for one, each in pending.items() if each.packet.protocol == "tcp"]
        others = [one for one in pending if one not in tcp_only]
        readable, writable, _ = select.select(others, tcp_only, [], left)
        for one in {*readable, *writable}:
            pending[one].settle()
            if pending[one].fate != "dropped":
                del pending[one]
    for each in flights.values():
        each.socket.close()
    return flights
