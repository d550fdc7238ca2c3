"""One real guest of the matrix as data, and the script that makes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

GENERATIONS = {"web": 4, "db": 5, "app": 6}
"""Guest → the number in its subnets: Docker 20.10, 26.1 and 28 of the lab's images."""

SIX = "--ipv6 "
IMAGE = "lab"
_STOP = r"""
docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
docker network prune -f >/dev/null
kill $(cat /run/lab/events.pid) $(cat /run/lab/dockerd.pid) 2>/dev/null || true
n=0; until [ -e /run/lab/dockerd-down ] || [ $n -gt 100 ]; do n=$((n + 1)); sleep 0.1; done
nft flush ruleset
for s in iptables ip6tables; do update-alternatives --set $s /usr/sbin/$s-nft >/dev/null 2>&1; done
for v in 4 6; do
    ip -$v rule flush; ip -$v rule add pref 32766 lookup main
    ip -$v route flush table 52 2>/dev/null || true
done
ip rule add pref 32767 lookup default
for s in iptables ip6tables; do
    [ -s /proc/net/${s%tables}_tables_names ] || continue
    for t in $(cat /proc/net/${s%tables}_tables_names); do
        $s-legacy -t $t -F; $s-legacy -t $t -X
        $s-legacy-save -t $t | sed -n 's/^:\([A-Z]*\) DROP.*/\1/p' | xargs -r -I@ $s-legacy -t $t -P @ ACCEPT
    done
done
ip -o link show type bridge | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v docker0 | xargs -r -n1 ip link del
ip addr flush dev eth0 secondary
for v in 4 6; do for t in blackhole unreachable prohibit; do ip -$v route flush type $t; done; done
[ -e /run/lab/sysctls ] || sysctl -a 2>/dev/null | grep -E '^net.(bridge|ipv4|ipv6.conf.(all|default|eth0))' |
    grep -vE 'stable_secret|tcp_|udp_|ip_local|conf.(br|veth|docker)' >/run/lab/sysctls
sysctl -qep /run/lab/sysctls 2>/dev/null || true
"""
_START = """
mkdir -p /etc/docker; echo '{daemon}' >/etc/docker/daemon.json
echo {forward} >/proc/sys/net/ipv4/ip_forward
echo {forward} >/proc/sys/net/ipv6/conf/all/forwarding
{before}
dockerd-restart
ip -6 addr replace fd77::1{number}/64 dev eth0 nodad
"""


@dataclass(frozen=True)
class Case:
    """``networks`` and ``containers`` are further words for ``docker network create`` and ``docker run``.

    ``before`` runs in the guest before dockerd starts, ``after`` when all containers run, ``tools`` then with
    programs of a tree of their own in the guest's network namespace. ``{g}`` in a word is the guest's number.
    A network gets the next subnet, and one of IPv6 where it says ``--ipv6``, unless it brings its own.
    """

    networks: Mapping[str, str] = field(default_factory=lambda: {"n1": SIX})
    containers: Mapping[str, str] = field(
        default_factory=lambda: {
            "c1": "--network n1",
            "c2": "--network n1 -p 8080:80 -p 5353:5005/udp",
        }
    )
    daemon: Mapping[str, object] = field(default_factory=dict)
    forward: int = 1
    before: str = ""
    after: str = ""
    tools: str = ""
    guests: tuple[str, ...] = tuple(GENERATIONS)

    def script(self, guest: str) -> str:
        number = GENERATIONS[guest]
        start = _START.format(
            daemon=json.dumps(self.daemon), forward=self.forward, before=self.before, number=number
        )
        lines = [_create(n, *each, number) for n, each in enumerate(self.networks.items(), 1)]
        lines += [
            f"docker run -d --stop-signal KILL --name {name} {words} {IMAGE} sleep 9999 >/dev/null"
            for name, words in self.containers.items()
        ]
        script = "\n".join(["set -eu", _STOP, start, *lines, self.after])
        return fill(script, guest)


def fill(text: str, guest: str) -> str:
    """``{g}`` is the guest's number in its subnets, ``{ip}`` its address."""
    number = GENERATIONS[guest]
    return text.replace("{g}", str(number)).replace("{ip}", f"10.77.0.1{number - 3}")


def _create(place: int, name: str, words: str, number: int) -> str:
    subnet = "" if "--subnet" in words else f"--subnet 10.9{number}.{place}.0/24"
    if SIX in words and "--ipv4=false" not in words:
        subnet += f" --subnet fd9{number}:{place}::/64"
    own = "" if "-o com.docker.network.bridge.name" in words or "-d " in words else _bridge(name)
    return f"docker network create {own} {subnet} {words} {name} >/dev/null"


def _bridge(name: str) -> str:
    return f"-o com.docker.network.bridge.name=br-{name}"
