"""Small worlds of real network namespaces: a client, a router, a host, a guest, a container.

Each namespace is held by a sleeping process of its own, and named under /run/netns for as long as the
world stands. ``break_`` runs a shell script in one of them.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from homelab.diagnosis.tracer import Tracer
from homelab.model.place import Place, netns
from homelab.model.trace import Target, Trace
from homelab.system.live import LiveSystem
from homelab.system.probe import probe
from homelab.workflow.agreement import EXPECTED, KNOWN

PREFIX = f"w{os.getpid() % 10000}"
NAMES = ("client", "router", "host", "guest", "app", "web")
# client 10.1.0.2 - router 10.1.0.1/10.2.0.1 - host 10.2.0.2/10.3.0.1 - bridge - guest 10.3.0.2 - bridge br-app - app, web
BUILD = """
set -eu
for n in {names}; do
    ip netns add $n; ip -n $n link set lo up
    # An address is usable at once, without two seconds of duplicate detection.
    ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
        net.ipv6.conf.default.router_solicitations=0
done
wire() {{ ip link add $2 netns $1 type veth peer name $4 netns $3; ip -n $1 link set $2 up; ip -n $3 link set $4 up; }}
wire {client} eth0 {router} lan
wire {router} wan {host} eth0
wire {host} vguest {guest} eth0
wire {guest} vapp {app} eth0
wire {guest} vweb {web} eth0
ip -n {host} link add br0 type bridge; ip -n {host} link set br0 up; ip -n {host} link set vguest master br0
ip -n {guest} link add br-app type bridge; ip -n {guest} link set br-app up
ip -n {guest} link set vapp master br-app; ip -n {guest} link set vweb master br-app
addr() {{ ip -n $1 addr add $3 dev $2; ip -n $1 addr add $4 dev $2 nodad; }}
addr {client} eth0 10.1.0.2/24 fd01::2/64
addr {router} lan 10.1.0.1/24 fd01::1/64
addr {router} wan 10.2.0.1/24 fd02::1/64
addr {host} eth0 10.2.0.2/24 fd02::2/64
addr {host} br0 10.3.0.1/24 fd03::1/64
addr {guest} eth0 10.3.0.2/24 fd03::2/64
addr {guest} br-app 10.4.0.1/24 fd04::1/64
addr {app} eth0 10.4.0.10/24 fd04::10/64
addr {web} eth0 10.4.0.11/24 fd04::11/64
route() {{ ip -n $1 route add $2 via $3; }}
route {client} default 10.1.0.1; route {client} ::/0 fd01::1
route {router} 10.3.0.0/24 10.2.0.2; route {router} 10.4.0.0/24 10.2.0.2
route {router} fd03::/64 fd02::2; route {router} fd04::/64 fd02::2
route {host} default 10.2.0.1; route {host} ::/0 fd02::1
route {host} 10.4.0.0/24 10.3.0.2; route {host} fd04::/64 fd03::2
route {guest} default 10.3.0.1; route {guest} ::/0 fd03::1
for n in {app} {web}; do route $n default 10.4.0.1; route $n ::/0 fd04::1; done
for n in {router} {host} {guest}; do
    ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0
done
for n in {names}; do
    ip netns exec $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
        net.ipv4.conf.all.send_redirects=0 net.ipv6.icmp.ratelimit=0
    for f in $(ip netns exec $n ls /proc/sys/net/ipv4/conf); do
        ip netns exec $n sysctl -qw net.ipv4.conf.$f.rp_filter=0; done
done
"""


def is_as_expected(trace: Trace, said: str) -> bool:
    """Strict: an answer that the model expects has to come."""
    return said not in KNOWN or said in EXPECTED[trace.outcome]


@dataclass
class World:
    names: dict[str, str]
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, place: str, script: str) -> None:
        done = subprocess.run(
            ["ip", "netns", "exec", self.names[place], "sh", "-euc", script],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{place}: {script}: {done.stderr}"

    def place(self, name: str) -> Place:
        return netns(self.names[name])

    def disagreements(self, origins: list[str], targets: list[Target]) -> list[str]:
        """What the model says, beside what real packets met, where they differ."""
        system = LiveSystem()
        tracer = Tracer(system.read())
        with ThreadPoolExecutor() as pool:
            doors = [system.door(self.place(each)) for each in origins]
            heard = list(pool.map(lambda door: probe(door, targets, 0.6), doors))
        found = []
        for origin, said in zip(origins, heard, strict=True):
            for target, first in zip(targets, said, strict=True):
                trace = tracer.trace(self.place(origin), target)
                real = first
                for _ in range(3):
                    if is_as_expected(trace, real):
                        break
                    # The kernel limits its ICMP errors, to five at once for one sender (ip_error): ask again.
                    time.sleep(1.1)
                    (real,) = probe(system.door(self.place(origin)), [target], 1.5)
                if trace.outcome.value == "unknown" or not is_as_expected(trace, real):
                    found.append(
                        f"{origin} → {target}: {trace.outcome.value}, really {real}: {trace.cause}"
                    )
        return found


SERVER = "import socket,time;s=socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True);time.sleep(600)"


@contextmanager
def world() -> Iterator[World]:
    names = {each: f"{PREFIX}{each}" for each in NAMES}
    built = World(names)
    try:
        script = BUILD.format(names=" ".join(names.values()), **names)
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for each in ("app", "web", "guest"):
            command = ["ip", "netns", "exec", names[each], "python3", "-c", SERVER]
            built.servers.append(subprocess.Popen(command))
        for each in ("app", "web", "guest"):
            built.run(each, "until ss -Hltn | grep -q ':80 '; do sleep 0.02; done")
        yield built
    finally:
        for server in built.servers:
            server.kill()
            server.wait()
        for each in names.values():
            subprocess.run(["ip", "netns", "del", each], capture_output=True, check=False)
