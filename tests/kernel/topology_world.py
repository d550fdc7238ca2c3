"""One network thrown by dice: built of namespaces, asked by real packets, and the model's word on each."""

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from homelab.diagnosis.tracer import Tracer
from homelab.model.place import netns
from homelab.model.trace import Target, Trace
from homelab.system.live import LiveSystem
from homelab.system.probe import probe
from homelab.workflow.agreement import KNOWN
from tests.diagnosis.netfilter_world import echo, entered, servers, udp_servers
from tests.kernel.fuzz_world import Score, agrees, by_origin, is_kept_back
from tests.kernel.topology_dice import Topology

PREFIX = f"y{os.getpid() % 100000}"
QUICK, PATIENT, TIMES = 0.7, 1.6, 4
_SYSCTLS = (
    "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.router_solicitations=0",
    "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=100000",
    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0", "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.conf.default.accept_redirects=0", "net.ipv6.conf.all.accept_redirects=0", "net.ipv6.conf.default.accept_redirects=0",
    # An unanswered question is given up after 0.3 seconds, not after three (arp(7)).
    "net.ipv4.neigh.default.retrans_time_ms=100", "net.ipv6.neigh.default.retrans_time_ms=100",
    # Frames of a bridge are for iptables only where a change says so.
    "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0", "net.bridge.bridge-nf-call-arptables=0",
)  # fmt: skip
_OWN = re.compile(r"netns:\w+|\b(?:fd\d|\d)[\w.:/]*|\b(?:eth|lan|br|v\d)\w*")
_FORGET = (
    "ip neigh flush all", "ip -6 neigh flush all", "ip route flush cache", "ip -6 route flush cache", "conntrack -F",
    "for b in /sys/class/net/*/bridge/flush; do echo 1 >$b; done",
)  # fmt: skip


def name_of(place: str) -> str:
    return f"{PREFIX}{place}"


def shell(place: str, lines: Sequence[str]) -> None:
    """Each line by itself: one that fails leaves the others alone."""
    script = "\n".join(_written(each) for each in lines)
    command = ["ip", "netns", "exec", name_of(place), "sh", "-s"]
    subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=60)


def _written(line: str) -> str:
    if not line.startswith("sysctl "):
        return line
    key, _, value = line.removeprefix("sysctl ").partition("=")
    return f"echo {value} >/proc/sys/{key.replace('.', '/')}"


class Built:
    """The network of a topology, for as long as it stands."""

    def __init__(self, topology: Topology, times: int) -> None:
        self.topology = topology
        self.times = times
        self.system = LiveSystem()

    def hear(self) -> Score:
        """Every road of the topology: the model's word beside the kernel's."""
        tracer, score = Tracer(self.system.read()), Score()
        grouped = by_origin(self.topology.roads)
        with ThreadPoolExecutor() as pool:
            heard = pool.map(lambda each: self._ask(each[0], each[1], QUICK), grouped.items())
            for (origin, aims), answers in zip(grouped.items(), list(heard), strict=True):
                for target, said in zip(aims, answers, strict=True):
                    trace = tracer.trace(netns(name_of(origin)), target)
                    self._judge(trace, said, origin, score)
        return score

    def forget(self) -> None:
        for place in self.topology.places:
            shell(place, _FORGET)

    def _ask(self, origin: str, aims: Sequence[Target], patience: float) -> tuple[str, ...]:
        return probe(self.system.door(netns(name_of(origin))), aims, patience)

    def _judge(self, trace: Trace, said: str, origin: str, score: Score) -> None:
        if not agrees(trace, said):
            said = self._alone(trace, origin)
        if said not in KNOWN or is_kept_back(trace, said):
            score.silent += 1
            return
        score.pairs += 1
        score.outcomes[trace.outcome.value] += 1
        if trace.outcome.value == "unknown":
            score.unknown[_reason(trace)] += 1
        elif not agrees(trace, said):
            cause = trace.cause
            why = f"{cause.at} {cause.stage}: {cause.rule or cause.text}" if cause else ""
            road = f"{self.topology.name}: {origin} to {trace.target}"
            score.wrong.append(f"{road}: model {trace.outcome.value} ({why}), kernel {said}")
            score.roads.append((origin, trace.target))

    def _alone(self, trace: Trace, origin: str) -> str:
        """Once more where nobody has learned of anybody, and slower than ICMP errors are limited (ip_error)."""
        said = ""
        for _ in range(self.times):
            time.sleep(1.1)
            self.forget()
            (said,) = self._ask(origin, [trace.target], PATIENT)
            if agrees(trace, said):
                break
        return said


def _reason(trace: Trace) -> str:
    """What an unknown verdict hangs on, without names and numbers."""
    text = trace.cause.text.removeprefix(f"{trace.cause.at}: ") if trace.cause else ""
    return _OWN.sub("N", text)


@contextmanager
def built(topology: Topology, times: int) -> Iterator[Built]:
    sockets: list[socket.socket] = []
    stop = threading.Event()
    waiter = threading.Thread(target=echo, args=(sockets, stop))
    try:
        _wire(topology)
        for place in topology.places:
            if place not in topology.deaf and not place.startswith("switch"):
                sockets += entered(name_of(place), servers) + entered(name_of(place), udp_servers)
        waiter.start()
        yield Built(topology, times)
    finally:
        stop.set()
        with suppress(RuntimeError):
            waiter.join()
        for one in sockets:
            one.close()
        for place in topology.places:
            subprocess.run(["ip", "netns", "del", name_of(place)], capture_output=True, check=False)


def _wire(topology: Topology) -> None:
    for place in topology.places:
        subprocess.run(["ip", "netns", "add", name_of(place)], check=True, timeout=30)
        shell(place, ["ip link set lo up", *(f"sysctl {each}" for each in _SYSCTLS)])
    cables = "".join(
        f"link add {each.link} netns {name_of(each.place)} type veth peer name {each.end} netns {name_of(each.other)}\n"
        for each in topology.wires
    )
    subprocess.run(["ip", "-batch", "-"], input=cables, text=True, check=True, timeout=30)
    for place in topology.places:
        shell(place, [line for where, line in topology.lines if where == place])


def hear(topology: Topology, times: int = TIMES) -> Score:
    """``times``: how often a road is asked alone before the kernel's word counts."""
    with built(topology, times) as world:
        return world.hear()
