"""Full-sized packets against real kernels: what the model says of them, and what real transfers meet."""

import json
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from homelab.diagnosis.tracer import Tracer
from homelab.model.trace import Outcome, Target
from homelab.system.live import LiveSystem
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

PORT = 90
BYTES = 30000
SECONDS = 1.5
ENDS = ("10.4.0.10", "fd04::10")
ORIGINS = ("client", "host")

# Both ends send at once, each segment alone: what the kernel sends in one piece of 64 KiB is never too long for a link.
SERVER = f"""
import socket, threading
def serve(peer):
    threading.Thread(target=lambda: peer.sendall(bytes({BYTES})), daemon=True).start()
    while peer.recv(65536):
        pass
listening = socket.create_server(("::", {PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""
CLIENT = f"""
import fcntl, json, socket, struct, sys, termios, threading, time
said = {{}}
def ask(address):
    peer = socket.create_connection((address, {PORT}), timeout={SECONDS})
    sending = threading.Thread(target=lambda: peer.sendall(bytes({BYTES})), daemon=True)
    sending.start()
    left = {BYTES}
    try:
        while left:
            left -= len(peer.recv(65536))
    except TimeoutError:
        said[address] = "lost"
        return
    sending.join({SECONDS})
    # SIOCOUTQ: what the other end has not acknowledged.
    end = time.monotonic() + {SECONDS}
    while time.monotonic() < end:
        (waiting,) = struct.unpack("i", fcntl.ioctl(peer, termios.TIOCOUTQ, b"0000"))
        if not waiting:
            said[address] = "arrives"
            return
        time.sleep(0.02)
    said[address] = "lost"
threads = [threading.Thread(target=ask, args=(each,)) for each in sys.argv[1:]]
[each.start() for each in threads]
[each.join() for each in threads]
print(json.dumps(said))
"""
EXPECTED = {Outcome.DELIVERED: "arrives", Outcome.DROPPED: "lost"}

NARROW = [("router", "ip link set wan mtu 1400"), ("host", "ip link set eth0 mtu 1400")]
NARROW_BRIDGE = [
    ("host", "ip link set br0 mtu 1400; ip link set vguest mtu 1400"),
    ("guest", "ip link set eth0 mtu 1400"),
]
TOO_BIG = {
    "ip": "iptables -A {chain} -p icmp --icmp-type fragmentation-needed -j DROP",
    "ip6": "ip6tables -A {chain} -p ipv6-icmp --icmpv6-type packet-too-big -j DROP",
}
SILENT = "; ".join(TOO_BIG.values())
OWN_WAY = "; ".join(
    f"ip -{family} route add unreachable default table 99; ip -{family} rule add iif lo to {net} lookup 99"
    for family, net in ((4, "10.1.0.0/24"), (6, "fd01::/64"))
)
CLAMP = "; ".join(
    f"{tool} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    for tool in ("iptables", "ip6tables")
)
BY_MSS = (
    "{0} -A FORWARD -p tcp --tcp-flags SYN SYN -m tcpmss --mss {1}:65495 -j TCPMSS --set-mss {1}"
)
NFT_CLAMP = """nft -f - <<'X'
table inet mine {
    chain f {
        type filter hook forward priority mangle
        tcp flags syn tcp option maxseg size set SIZE
    }
}
X
"""

FAULTS: dict[str, tuple[list[tuple[str, str]], int]] = {
    "nothing": ([], 0),
    "a narrow link in the middle": (NARROW, 0),
    "the router tells nobody of its narrow link": (
        [*NARROW, ("router", SILENT.format(chain="OUTPUT"))],
        2,
    ),
    "the host tells nobody of its narrow link": (
        [*NARROW, ("host", SILENT.format(chain="OUTPUT"))],
        2,
    ),
    "the message is dropped on its way": (
        [*NARROW_BRIDGE, ("router", SILENT.format(chain="FORWARD"))],
        2,
    ),
    "the client does not listen to the message": (
        [*NARROW, ("client", SILENT.format(chain="INPUT"))],
        2,
    ),
    "the container does not listen to the message": (
        [*NARROW, ("app", SILENT.format(chain="INPUT"))],
        2,
    ),
    "the router clamps the MSS": (
        [*NARROW, ("router", SILENT.format(chain="OUTPUT") + "; " + CLAMP)],
        0,
    ),
    "the router clamps the MSS in nft": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT") + "\n" + NFT_CLAMP.replace("SIZE", "rt mtu")),
        ],
        0,
    ),
    "the router sets the MSS in nft": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT") + "\n" + NFT_CLAMP.replace("SIZE", "1300")),
        ],
        0,
    ),
    "the router sets an MSS that is still too great": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT") + "\n" + NFT_CLAMP.replace("SIZE", "1380")),
        ],
        2,
    ),
    "the router sets the MSS of those that have a greater one": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT")),
            ("router", BY_MSS.format("iptables", 1360)),
            ("router", BY_MSS.format("ip6tables", 1340)),
        ],
        0,
    ),
    "no route back for the message": (
        [
            *NARROW_BRIDGE,
            (
                "host",
                OWN_WAY,
            ),
        ],
        2,
    ),
    "the guest's end of the wire is narrower than the host's": (
        [("guest", "ip link set eth0 mtu 1400")],
        4,
    ),
    "a port of the bridge is narrower than the bridge": (
        [
            (
                "host",
                "ip link set br0 mtu 1499; ip link set br0 mtu 1500; ip link set vguest mtu 1400",
            )
        ],
        4,
    ),
    "the container's end is narrower than the guest's": ([("app", "ip link set eth0 mtu 1400")], 0),
    "the container is wider than the guest": (
        [*NARROW_BRIDGE, ("guest", "ip link set br-app mtu 1500")],
        0,
    ),
    "a route has an MTU": ([("host", "ip route replace 10.4.0.0/24 via 10.3.0.2 mtu 1300")], 0),
    "the container's route has a smaller advmss": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT")),
            ("app", "ip route replace default via 10.4.0.1 advmss 1200"),
        ],
        1,
    ),
    "the client sends without DF": (
        [
            *NARROW,
            ("router", SILENT.format(chain="OUTPUT")),
            ("client", "sysctl -qw net.ipv4.ip_no_pmtu_disc=1"),
        ],
        1,
    ),
    "the host masquerades, and is told for another": (
        [
            *NARROW_BRIDGE,
            ("router", "iptables -t nat -A POSTROUTING -o wan -j MASQUERADE"),
        ],
        0,
    ),
}


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        for place in ("client", "host", "app"):
            link = "br0" if place == "host" else "eth0"
            each.run(place, f"ip link set {link} gso_max_segs 1 gso_max_size 1500")
        command = ["ip", "netns", "exec", each.names["app"], "python3", "-c", SERVER]
        each.servers.append(subprocess.Popen(command))
        each.run("app", f"until ss -Hltn | grep -q ':{PORT} '; do sleep 0.02; done")
        yield each


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_model_says_what_real_transfers_meet(
    built: World, fault: tuple[list[tuple[str, str]], int]
) -> None:
    scripts, lost = fault
    for place, script in scripts:
        built.run(place, script)
    time.sleep(0.2)

    tracer = Tracer(LiveSystem().read())
    said, real = {}, {}
    for origin in ORIGINS:
        for each in ENDS:
            trace = tracer.trace(built.place(origin), Target(ip_address(each), "tcp", PORT))
            assert trace.large is not None, trace.cause
            said[origin, each] = EXPECTED.get(trace.large.outcome, str(trace.large))
        for each, what in transfer(built, origin).items():
            real[origin, each] = what

    assert said == real
    assert list(real.values()).count("lost") == lost


def transfer(built: World, origin: str) -> dict[str, str]:
    done = subprocess.run(
        ["ip", "netns", "exec", built.names[origin], "python3", "-c", CLIENT, *ENDS],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found
