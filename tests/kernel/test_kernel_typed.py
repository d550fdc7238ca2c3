"""Commands that a fix tells a person to type: a kernel does what the simulation foresaw."""

import shlex
import subprocess
import time
from collections.abc import Iterator

import pytest

from homelab.model.kernel import Namespace
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import is_known, type_in
from tests.contract.contract_worlds import (
    NAME,
    PLACE,
    Kernel,
    aspects,
    inside,
    kernel_world,
    within,
)

pytestmark = pytest.mark.kernel

HERE = f"ip netns exec {NAME} "
SAVED = "iptables -t filter -I FORWARD -d 10.90.1.0/24 -j ACCEPT"
LINES = {
    "a route": ("ip route add 10.90.1.0/24 via 10.77.0.11 dev v0",),
    "a route of IPv6": ("ip -6 route add fd90::/64 via fd77::11 dev v0 proto static",),
    "a default route": ("ip route add default via 10.77.0.2",),
    "a connected route": (
        "ip route del 10.77.0.0/24 dev v0 proto kernel",
        "ip route add 10.77.0.0/24 dev v0 proto kernel scope link src 10.77.0.1",
    ),
    "another next hop": (
        "ip route add 10.90.1.0/24 via 10.77.0.11",
        "ip route replace 10.90.1.0/24 via 10.77.0.12 dev v0",
    ),
    "a refusal taken out": (
        "ip route add blackhole 10.90.0.0/16 proto static",
        "ip route del blackhole 10.90.0.0/16 proto static",
    ),
    "a refusal of IPv6 taken out": (
        "ip -6 route add unreachable fd90::/48 metric 1024",
        "ip -6 route del unreachable fd90::/48",
    ),
    "a refusal of another table": (
        "ip route add prohibit 10.90.0.0/16 table 100",
        "ip route del prohibit 10.90.0.0/16 proto boot table 100",
    ),
    "a policy rule": (
        "ip rule add to 10.90.1.0/24 lookup main priority 98",
        "ip rule del priority 98",
    ),
    "a policy rule from somewhere": ("ip -6 rule add from fd90::/64 lookup 100 priority 97",),
    "a link": ("ip link set down0 up",),
    "a sysctl": ("sysctl -w net.ipv4.conf.v0.rp_filter=2",),
    "an accept": (SAVED, SAVED.replace("-I", "-D")),
    "an accept of IPv6": ("ip6tables -t filter -I FORWARD -s fd90::/64 -j ACCEPT",),
}


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield from kernel_world()


def seen(namespace: Namespace) -> object:
    links = {(each.name, each.up, each.carrier) for each in namespace.links}
    rules = sorted(namespace.rules, key=lambda each: (each.family, each.priority))
    return aspects(namespace), links, rules


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_a_command_does_what_was_foreseen(kernel: Kernel, lines: tuple[str, ...]) -> None:
    for name in ("10.77.0.77/24", "fd77::77/64"):
        within("addr", "add", name, "dev", "v0", "nodad")
    # Multicast and link-local routes of IPv6 are not simulated.
    for name in ("down0", "down1"):
        inside("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
    # What hangs on the other end of down0 is up already.
    within("link", "set", "down1", "up")
    within("addr", "add", "10.78.0.1/24", "dev", "down0")
    for line in (HERE + each for each in lines):
        assert is_known((line,))
        foreseen = type_in(Snapshot(namespaces={PLACE: kernel.read()}), (line,))
        assert foreseen is not None

        subprocess.run(shlex.split(line), check=True, capture_output=True)

        until = time.monotonic() + 3
        wanted = seen(foreseen.namespaces[PLACE])
        while seen(kernel.read()) != wanted and time.monotonic() < until:
            time.sleep(0.1)
        assert seen(kernel.read()) == wanted
